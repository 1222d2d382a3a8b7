"""Sends finished traces to an OTLP receiver, in batches, off the hot path.

The SDK's exporter takes only the SDK's own spans, which cost many times what a call does; so spans are built here as
OTLP protobuf and sent through the TraceService stub, with the same manners: a bounded queue, retry with growing pauses
of what may be retried, and a count of what was dropped.
"""

from collections.abc import Mapping, Sequence

from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from screening.telemetry.attributes import DECISION_SPAN
from screening.telemetry.otlp import SCOPE, Endpoint, Sender, attributes_of, resource_of
from screening.telemetry.outbox import Outbox
from screening.telemetry.trace import CallTrace, Value

_IDS = RandomIdGenerator()


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
        request = trace_service_pb2.ExportTraceServiceRequest()
        request.resource_spans.add(resource=self._resource).scope_spans.add(scope=SCOPE, spans=spans)
        response = self._sender.send(request)
        return len(spans) if response is None else response.partial_success.rejected_spans


def _spans(call: CallTrace) -> int:
    return 1 + len(call.stages) + len(call.notes)


def build(call: CallTrace) -> list[trace_pb2.Span]:
    """Build the spans of a call: the call itself, and one for each stage and each noted decision inside it."""
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
    flags = _flags(call) & ~trace_pb2.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK

    def inner(name: str, start: int, end: int, attributes: Mapping[str, Value]) -> trace_pb2.Span:
        return trace_pb2.Span(
            trace_id=trace_id,
            span_id=_IDS.generate_span_id().to_bytes(8, "big"),
            parent_span_id=span_id,
            flags=flags,
            name=name,
            kind=trace_pb2.Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=start,
            end_time_unix_nano=end,
            attributes=attributes_of(attributes),
        )

    starts = [call.start, *(end for _, end in call.stages)]
    stages = [inner(name, start, end, {}) for start, (name, end) in zip(starts, call.stages, strict=False)]
    notes = [inner(DECISION_SPAN, call.start, time, attributes) for time, attributes in call.notes]
    return [whole, *stages, *notes]


def _flags(call: CallTrace) -> int:
    """Return the W3C flags as the caller sent them, and whether the parent lies in another process."""
    remote = trace_pb2.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK if call.remote_parent else 0
    return int(call.sampled) | trace_pb2.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK | remote
