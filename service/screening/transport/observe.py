"""What is told of a call: its trace while it runs, and once it ended its metrics, its log line and the export of the trace."""

import time
from typing import Any

import structlog

from screening.telemetry import attributes as names
from screening.telemetry.export import TraceExporter
from screening.telemetry.metrics import Metrics
from screening.telemetry.trace import CallTrace, Tracing
from screening.transport.call import OUTCOMES, Call

_FAILURES = ("INTERNAL", "UNAVAILABLE", "UNKNOWN", "DEADLINE_EXCEEDED")
"""Statuses that are the service's fault, and make the span of a call an error."""


class Observer:
    """Tells of calls. Where there is no exporter, traces are made for their ids only."""

    def __init__(self, *, tracing: Tracing, exporter: TraceExporter | None, metrics: Metrics) -> None:
        self.metrics = metrics
        self.begin = tracing.begin
        self._exporter = exporter
        self._log = (
            structlog.get_logger().bind()
        )  # bound once: to find the configuration anew costs as much as the line

    def begin_part(self, call: Call) -> CallTrace:
        """Begin the trace of items of a stream that are decided together, inside the call's."""
        trace = self.begin(names.PART_SPAN, {})
        trace.trace_id, trace.parent_id = call.trace.trace_id, call.trace.span_id
        trace.sampled = call.trace.sampled
        return trace

    def end_part(self, trace: CallTrace) -> None:
        """End such a trace; it is kept if it is sampled, or if something in it was not answered with ALLOW."""
        trace.end = time.time_ns()
        if self._exporter and (trace.sampled or trace.notes):
            self._exporter.add(trace)

    def fail_item(self, call: Call, reason: str, error: Exception) -> None:
        """Count an item that was not decided; an unforeseen error has a line at once, since a stream may last long."""
        self.metrics.error(reason)
        fault = _fault(error)
        if reason == "INTERNAL" and fault not in call.faults:
            call.faults.add(fault)
            said = {"caller": call.caller.name, "trace_id": call.trace.hex_id, "reason": reason}
            self._log.error(names.EVENT_ITEM, rpc=call.rpc, error_class=fault, **said)

    def end(self, call: Call, code: str, reason: str = "", error: Exception | None = None) -> None:
        """Count a call that ended with a status, write its line and hand its trace on; `error` is why it failed."""
        seconds = time.perf_counter() - call.began
        kept = self._exporter is not None and (call.trace.sampled or code != "OK" or not call.only_allowed)
        self.metrics.call(
            rpc=call.rpc,
            caller=call.caller.name if call.known else "unknown",
            code=code,
            seconds=seconds,
            trace_id=call.trace.trace_id if kept else 0,
        )
        if reason:
            self.metrics.error(reason)
        said = self._described(call, reason)
        if kept:
            self._end_trace(call, code, said)
        if reason == "INTERNAL":
            said["error_class"] = _fault(error)
        self._log.info(names.EVENT_CALL, rpc=call.rpc, code=code, duration_ms=round(seconds * 1000, 3), **said)

    def _described(self, call: Call, reason: str) -> dict[str, Any]:
        said: dict[str, Any] = {"caller": call.caller.name, "trace_id": call.trace.hex_id}
        if reason:
            said["reason"] = reason
        answer = call.answer
        if answer is not None and call.outcomes.total() == 1:
            decision = answer.decision
            said["decision_id"] = answer.decision_id
            said["outcome"] = OUTCOMES.get(decision.outcome, "UNSPECIFIED")
            said["rules"] = list(answer.rules)
            said["bundle"] = decision.bundle_revision[:12]
        elif call.outcomes:
            said["outcomes"] = dict(call.outcomes)
        if call.failed_items:
            said["failed_items"] = call.failed_items
        return said

    def _end_trace(self, call: Call, code: str, said: dict[str, Any]) -> None:
        assert self._exporter is not None
        trace = call.trace
        trace.end = time.time_ns()
        trace.failed = code in _FAILURES
        trace.attributes = {names.RPC_SYSTEM: "grpc", names.RPC_METHOD: trace.name, names.RPC_STATUS: code}
        if not trace.sampled:
            trace.attributes[names.KEPT] = "outcome"
        if "reason" in said:
            trace.attributes[names.ERROR_TYPE] = said["reason"]
        if "decision_id" in said:
            trace.attributes[names.DECISION_ID] = said["decision_id"]
            trace.attributes[names.OUTCOME] = said["outcome"]
            trace.attributes[names.RULES] = tuple(said["rules"])
            trace.attributes[names.BUNDLE] = said["bundle"]
        elif call.outcomes:
            trace.attributes[names.ITEMS] = call.outcomes.total() + call.failed_items
        self._exporter.add(trace)


def _fault(error: Exception | None) -> str:
    """Return the class of an error, which names the fault; its text may hold what the caller sent."""
    return type(error).__name__
