"""Sends finished traces to an OTLP receiver, in batches, off the hot path.

The SDK's exporter takes only the SDK's own spans, which cost many times what a call does; so spans are built here as
OTLP protobuf and sent through the TraceService stub, with the same manners: a bounded queue, retry with growing pauses
of what may be retried, and a count of what was dropped.
"""

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.sdk.resources import Resource

from screening.telemetry.attributes import DECISION_ID, DECISION_SPAN
from screening.telemetry.otlp import SCOPE, Endpoint, Sender, attributes_of, resource_of
from screening.telemetry.outbox import Outbox
from screening.telemetry.trace import CallTrace, Note, Value
from screening.wire import fixed64, nested


class TraceExporter:
    """Queues traces and sends them from a thread of its own. `dropped` counts spans that were lost."""

    def __init__(self, endpoint: Endpoint, resource: Resource) -> None:
        self._sender = Sender(endpoint, trace_service_pb2_grpc.TraceServiceStub)
        self._resource = resource_of(resource)
        self._outbox = Outbox("trace-exporter", self._send, size=_spans)
        self.add = self._outbox.add

    @property
    def dropped(self) -> int:
        """Return how many spans were lost."""
        return self._outbox.dropped

    def close(self, timeout: float = 5.0) -> None:
        """Send what is queued, for at most `timeout` seconds, and count the rest as dropped."""
        self._sender.hurry()
        self._outbox.close(timeout)
        self._sender.close()

    def _send(self, batch: Sequence[CallTrace]) -> int:
        spans = [span for call in batch for span in build(call)]
        scope = nested(_SCOPE, SCOPE.SerializeToString()) + b"".join(nested(_SPANS, span) for span in spans)
        whole = nested(_RESOURCE, self._resource.SerializeToString()) + nested(_SCOPE_SPANS, scope)
        request = trace_service_pb2.ExportTraceServiceRequest.FromString(nested(_RESOURCE_SPANS, whole))
        response = self._sender.send(request)
        return len(spans) if response is None else response.partial_success.rejected_spans


def _spans(call: CallTrace) -> int:
    return 1 + len(call.stages) + len(call.notes)


def build(call: CallTrace) -> list[bytes]:
    """Build the serialised spans of a call: the call itself, and one for each stage and each noted decision inside it.

    What they have in common is serialised once.
    """
    trace_id = call.trace_id.to_bytes(16, "big")
    span_id = call.span_id.to_bytes(8, "big")
    whole = trace_pb2.Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=call.parent_id.to_bytes(8, "big") if call.parent_id else b"",
        trace_state=call.state,
        flags=_flags(call),
        name=call.name,
        kind=trace_pb2.Span.SPAN_KIND_SERVER,
        start_time_unix_nano=call.start,
        end_time_unix_nano=call.end,
        attributes=attributes_of(call.attributes),
    )
    if call.failed:
        whole.status.code = trace_pb2.Status.STATUS_CODE_ERROR
    common = trace_pb2.Span(
        trace_id=trace_id,
        parent_span_id=span_id,
        flags=_flags(call) & ~trace_pb2.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK,
        kind=trace_pb2.Span.SPAN_KIND_INTERNAL,
    ).SerializeToString()

    def inner(name: bytes, start: int, end: int) -> bytes:
        own = nested(_SPAN_ID, os.urandom(8)) + nested(_NAME, name)
        return common + own + fixed64(_START, start) + fixed64(_END, end)

    starts = [call.start, *(end for _, end in call.stages)]
    stages = [inner(name.encode(), start, end) for start, (name, end) in zip(starts, call.stages, strict=False)]
    notes = [inner(_NOTE_NAME, call.start, note.time) + _said(note) for note in call.notes]
    return [whole.SerializeToString(), *stages, *notes]


def _said(note: Note) -> bytes:
    """Return the attributes of a noted decision; those that many have in common are serialised once."""
    return _attributes(((DECISION_ID, note.decision_id),)) * bool(note.decision_id) + _common_attributes(note.common)


def _attributes(said: tuple[tuple[str, Value], ...]) -> bytes:
    return trace_pb2.Span(attributes=attributes_of(dict(said))).SerializeToString()


_common_attributes = lru_cache(maxsize=1_024)(_attributes)


def _flags(call: CallTrace) -> int:
    """Return the W3C flags as the caller sent them, and whether the parent lies in another process."""
    remote = trace_pb2.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK if call.remote_parent else 0
    return int(call.sampled) | trace_pb2.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK | remote


def _numbers(message: Any, *names: str) -> tuple[int, ...]:
    return tuple(message.DESCRIPTOR.fields_by_name[name].number for name in names)


(_RESOURCE_SPANS,) = _numbers(trace_service_pb2.ExportTraceServiceRequest, "resource_spans")
_RESOURCE, _SCOPE_SPANS = _numbers(trace_pb2.ResourceSpans, "resource", "scope_spans")
_SCOPE, _SPANS = _numbers(trace_pb2.ScopeSpans, "scope", "spans")
_SPAN_ID, _NAME, _START, _END = _numbers(
    trace_pb2.Span, "span_id", "name", "start_time_unix_nano", "end_time_unix_nano"
)
_NOTE_NAME = DECISION_SPAN.encode()
