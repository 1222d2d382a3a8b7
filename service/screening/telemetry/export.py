"""Sends finished traces to an OTLP receiver, in batches, off the hot path.

The SDK's exporter takes only the SDK's own spans, which cost many times what a call does; so spans are built here as
OTLP protobuf and sent through the TraceService stub, with the same manners: a bounded queue, retry with growing pauses
of what may be retried, and a count of what was dropped.
"""

from collections.abc import Sequence
from typing import Any

from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.sdk.resources import Resource

from screening.telemetry.otlp import SCOPE, Endpoint, Sender, resource_of
from screening.telemetry.outbox import Outbox
from screening.telemetry.spans import build
from screening.telemetry.trace import CallTrace
from screening.wire import nested


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


def _numbers(message: Any, *names: str) -> tuple[int, ...]:
    return tuple(message.DESCRIPTOR.fields_by_name[name].number for name in names)


(_RESOURCE_SPANS,) = _numbers(trace_service_pb2.ExportTraceServiceRequest, "resource_spans")
_RESOURCE, _SCOPE_SPANS = _numbers(trace_pb2.ResourceSpans, "resource", "scope_spans")
_SCOPE, _SPANS = _numbers(trace_pb2.ScopeSpans, "scope", "spans")
