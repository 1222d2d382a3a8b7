"""The trace of one call, kept as bare timings; spans are built from it off the hot path.

Propagation and sampling are OpenTelemetry's own: the caller's W3C context is honoured, and the parent's sampling
decision with it. Sampling looks at a call before it is answered; what was not answered with ALLOW is kept all the same
when it ends. Then the caller's own spans may be missing around it, because it did not sample them: the span bears the
parent's id and its flag as they came (not sampled), and says in an attribute why it was kept.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from opentelemetry import trace
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Decision, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()
_IDS = RandomIdGenerator()

Value = str | int | bool | tuple[str, ...]


@dataclass
class CallTrace:
    """One call: its ids, when it began, when each stage ended, and what is said of it."""

    name: str
    trace_id: int
    span_id: int
    parent_id: int
    sampled: bool
    """The sampler's decision, which is the parent's where there is one."""
    start: int
    """Nanoseconds since 1970, as all times here."""
    end: int = 0
    state: str = ""
    """The W3C tracestate as it came."""
    remote_parent: bool = False
    stages: list[tuple[str, int]] = field(default_factory=list)
    attributes: dict[str, Value] = field(default_factory=dict)
    failed: bool = False
    notes: list["Note"] = field(default_factory=list)
    """What is said of single decisions in it."""

    def note(self, decision_id: str, *common: tuple[str, Value]) -> None:
        """Say something of one decision among several; the id is empty where nothing was decided."""
        self.notes.append(Note(time.time_ns(), decision_id, common))

    def mark(self, stage: str) -> None:
        """Note that a stage has ended; it began where the one before it ended."""
        self.stages.append((stage, time.time_ns()))

    @property
    def hex_id(self) -> str:
        """Return the trace id as 32 hexadecimal digits."""
        return f"{self.trace_id:032x}"


class Note(NamedTuple):
    """What is said of one decision among several."""

    time: int
    decision_id: str
    common: tuple[tuple[str, Value], ...]
    """Attributes that many decisions have in common."""


SAMPLERS: Mapping[str, Callable[[float], Sampler]] = {
    "always_on": lambda _: ALWAYS_ON,
    "always_off": lambda _: ALWAYS_OFF,
    "traceidratio": TraceIdRatioBased,
    "parentbased_always_on": lambda _: ParentBased(ALWAYS_ON),
    "parentbased_always_off": lambda _: ParentBased(ALWAYS_OFF),
    "parentbased_traceidratio": lambda share: ParentBased(TraceIdRatioBased(share)),
}
"""Samplers by OpenTelemetry's names for them, made from the share of traces to keep, 0 to 1 inclusive."""


class Tracing:
    """Begins traces."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler

    def begin(self, name: str, metadata: Mapping[str, str]) -> CallTrace:
        """Begin the trace of a call from the caller's metadata (`traceparent`, `tracestate`)."""
        start = time.time_ns()
        parent = None
        parent_id = 0
        trace_id = 0
        state = ""
        if "traceparent" in metadata:
            parent = _PROPAGATOR.extract(metadata)
            context = trace.get_current_span(parent).get_span_context()
            if context.is_valid:
                trace_id, parent_id = context.trace_id, context.span_id
                state = context.trace_state.to_header()
        trace_id = trace_id or _IDS.generate_trace_id()
        sampled = self._sampler.should_sample(parent, trace_id, name).decision == Decision.RECORD_AND_SAMPLE
        return CallTrace(
            name,
            trace_id,
            _IDS.generate_span_id(),
            parent_id,
            sampled,
            start,
            state=state,
            remote_parent=parent_id != 0,
        )
