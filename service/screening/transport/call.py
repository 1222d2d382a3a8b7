"""What every call has in common: trace, limits, error mapping, refusal record, log line, metrics.

One wrapper does it all, so that a servicer only translates. Order: trace begins, the caller is found, rights and limits
are checked, the servicer answers, errors become statuses, the refusal is recorded, the call is counted and logged, the
trace ends.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

import grpc
import structlog
from city.screening.v1 import decision_pb2

from screening.callers import Caller
from screening.errors import DeadlineTooShort, MessageTooLarge, Stopping, Unauthenticated
from screening.telemetry import attributes as names
from screening.telemetry.export import TraceExporter
from screening.telemetry.metrics import Metrics
from screening.telemetry.trace import CallTrace, Tracing
from screening.transport import status
from screening.transport.authenticate import Authenticator, stranger
from screening.transport.refuse import Refuser

MESSAGE_LIMIT = 4 * 1024 * 1024
"""Largest message accepted, in bytes, inclusive."""
TRANSPORT_LIMIT = MESSAGE_LIMIT + 2 * 1024 * 1024
"""Largest message that the transport hands over at all, so that ours can be refused with a reason."""
DEADLINE_MARGIN_SECONDS = 0.02
"""Time before the caller's deadline that is kept for answering."""

OUTCOMES = {number: name.removeprefix("OUTCOME_") for name, number in decision_pb2.Outcome.items()}
Context = grpc.aio.ServicerContext[Any, Any]


@dataclass
class Call:
    """One call in progress."""

    rpc: str
    caller: Caller
    known: bool
    """The caller has proven who it is; otherwise `caller` has no rights and bears its address as a name."""
    trace: CallTrace
    began: float
    outcomes: Counter[str] = field(default_factory=Counter)
    decision: decision_pb2.Decision | None = None
    failed_items: int = 0

    def answered(self, decision: decision_pb2.Decision) -> None:
        """Note a decision that was answered."""
        self.decision = decision
        self.outcomes[OUTCOMES.get(decision.outcome, "UNSPECIFIED")] += 1


class Calls:
    """Wraps the servicers' methods."""

    def __init__(
        self,
        *,
        authenticator: Callable[[], Authenticator],
        tracing: Tracing,
        exporter: TraceExporter | None,
        metrics: Metrics,
        refuser: Refuser,
    ) -> None:
        self._authenticator = authenticator
        self._tracing = tracing
        self._exporter = exporter
        self._metrics = metrics
        self._refuser = refuser
        self._log = structlog.get_logger()
        self.stopping = False
        """Set while the service drains: open streams finish what they accepted and take no more."""

    def unary(
        self, service: str, rpc: str, method: Callable[[Call, bytes], Awaitable[bytes]]
    ) -> Callable[[bytes, Context], Awaitable[bytes]]:
        """Wrap a method that takes one message and returns one."""

        async def handle(body: bytes, context: Context) -> bytes:
            call = self._begin(service, rpc, context)
            try:
                self._admit(call, context)
                check_size(body)
                reply = await method(call, body)
            except asyncio.CancelledError:
                self._end(call, "CANCELLED")
                raise
            except Exception as error:  # noqa: BLE001  # nothing may reach the caller as UNKNOWN with its text
                await self._fail(call, context, error)
            self._end(call, "OK")
            return reply

        return handle

    def stream(
        self, service: str, rpc: str, method: Callable[[Call, AsyncIterator[bytes]], AsyncIterator[bytes]]
    ) -> Callable[[AsyncIterator[bytes], Context], AsyncIterator[bytes]]:
        """Wrap a method that takes a stream of messages and returns one."""

        async def handle(bodies: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
            call = self._begin(service, rpc, context)
            try:
                self._admit(call, context)
                async for reply in method(call, bodies):
                    yield reply
            except (asyncio.CancelledError, GeneratorExit):
                self._end(call, "CANCELLED")
                raise
            except Exception as error:  # noqa: BLE001  # as above
                await self._fail(call, context, error)
            self._end(call, "OK")

        return handle

    def admit_item(self, body: bytes) -> None:
        """Check one item of a stream against the limits. Raises Stopping, MessageTooLarge."""
        if self.stopping:
            raise Stopping
        check_size(body)

    def item_trace(self, call: Call) -> CallTrace:
        """Begin the trace of one item of a stream, inside the call's."""
        trace = self._tracing.begin("screen.item", {})
        trace.trace_id, trace.parent_id = call.trace.trace_id, call.trace.span_id
        trace.sampled = call.trace.sampled
        return trace

    def end_item(self, trace: CallTrace) -> None:
        """End the trace of one item."""
        trace.end = time.time_ns()
        if self._exporter and trace.sampled:
            self._exporter.add(trace)

    async def refuse_item(self, call: Call, error: Exception) -> None:
        """Record an item of a batch or stream that was not decided."""
        call.failed_items += 1
        reason = status.of(error).reason
        await self._refuser.record(
            caller=call.caller.name, rpc=call.rpc, reason=reason, trace_id=call.trace.hex_id, error=error
        )

    def _begin(self, service: str, rpc: str, context: Context) -> Call:
        self._metrics.received += 1
        metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        trace = self._tracing.begin(f"{service}/{rpc}", metadata)
        began = time.perf_counter()
        try:
            caller = self._authenticator().caller(context, metadata, time.time())
        except Unauthenticated:
            return Call(rpc, stranger(context), known=False, trace=trace, began=began)
        return Call(rpc, caller, known=True, trace=trace, began=began)

    def _admit(self, call: Call, context: Context) -> None:
        """Check rights and limits. Raises Unauthenticated, NotAllowed, DeadlineTooShort."""
        if not call.known:
            raise Unauthenticated
        call.caller.require_rpc(call.rpc)
        left = context.time_remaining()
        if left is not None and left < DEADLINE_MARGIN_SECONDS:  # type: ignore[redundant-expr]  # None: no deadline
            raise DeadlineTooShort(int(DEADLINE_MARGIN_SECONDS * 1000))

    async def _fail(self, call: Call, context: Context, error: Exception) -> NoReturn:
        row = status.of(error)
        await self._refuser.record(
            caller=call.caller.name, rpc=call.rpc, reason=row.reason, trace_id=call.trace.hex_id, error=error
        )
        self._end(call, row.code.name, row.reason, error)
        await context.abort(row.code, row.text, status.trailers(error, call.rpc))

    def _end(self, call: Call, code: str, reason: str = "", error: Exception | None = None) -> None:
        seconds = time.perf_counter() - call.began
        self._metrics.call(call.rpc, code, seconds)
        for outcome, number in call.outcomes.items():
            for _ in range(number):
                self._metrics.decision(call.rpc, outcome)
        said = self._described(call, reason)
        self._end_trace(call, code, said)
        if reason == "INTERNAL":  # the class names the fault; its text may hold what the caller sent
            said["error_class"] = type(error).__name__
        self._log.info(names.EVENT_CALL, rpc=call.rpc, code=code, duration_ms=round(seconds * 1000, 3), **said)

    def _described(self, call: Call, reason: str) -> dict[str, Any]:
        said: dict[str, Any] = {"caller": call.caller.name, "trace_id": call.trace.hex_id}
        if reason:
            said["reason"] = reason
        decision = call.decision
        if decision is not None and call.outcomes.total() == 1:
            said["decision_id"] = decision.decision_id
            said["outcome"] = OUTCOMES.get(decision.outcome, "UNSPECIFIED")
            said["rules"] = [item.rule_id for item in decision.reasons if item.decisive]
            said["bundle"] = decision.bundle_revision[:12]
        elif call.outcomes:
            said["outcomes"] = dict(call.outcomes)
        if call.failed_items:
            said["failed_items"] = call.failed_items
        return said

    def _end_trace(self, call: Call, code: str, said: dict[str, Any]) -> None:
        trace = call.trace
        trace.end = time.time_ns()
        if not (self._exporter and trace.sampled):
            return
        trace.failed = code in ("INTERNAL", "UNAVAILABLE", "UNKNOWN", "DEADLINE_EXCEEDED")
        trace.attributes = {names.RPC_SYSTEM: "grpc", names.RPC_METHOD: trace.name, names.RPC_STATUS: code}
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


def check_size(body: bytes) -> None:
    """Refuse a message over the limit. Raises MessageTooLarge."""
    if len(body) > MESSAGE_LIMIT:
        raise MessageTooLarge(MESSAGE_LIMIT)
