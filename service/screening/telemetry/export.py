"""Sends finished traces to an OTLP receiver, in batches, off the hot path.

The SDK's exporter takes only the SDK's own spans, which cost many times what a call does; so spans are built here as
OTLP protobuf and sent through the TraceService stub, with the same manners: a bounded queue, retry with growing pauses
of what may be retried, and a count of what was dropped.
"""

import threading
import time
from collections import deque
from collections.abc import Sequence

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from screening.telemetry.trace import CallTrace, Value

QUEUE_LIMIT = 20_000
BATCH = 512
PAUSE_SECONDS = 0.5
TIMEOUT_SECONDS = 5.0
ATTEMPTS = 4
_RETRYABLE = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.CANCELLED,
)
_IDS = RandomIdGenerator()


class TraceExporter:
    """Queues traces and sends them from a thread of its own. `dropped` counts spans that were lost."""

    def __init__(self, target: str, resource: Resource, *, secure: bool) -> None:
        """Send to `target` (host:port), with TLS if `secure`."""
        self._channel = (
            grpc.secure_channel(target, grpc.ssl_channel_credentials()) if secure else grpc.insecure_channel(target)
        )
        stub = trace_service_pb2_grpc.TraceServiceStub
        self._stub = stub(self._channel)  # type: ignore[no-untyped-call]  # generated without types
        self._resource = resource_pb2.Resource(attributes=_attributes(dict(resource.attributes)))  # type: ignore[arg-type]
        self._queue: deque[CallTrace] = deque()
        self._wake = threading.Event()
        self._stopping = False
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="trace-exporter", daemon=True)
        self._thread.start()

    def add(self, call: CallTrace) -> None:
        """Queue a finished trace; drop it if the queue is full. Never blocks."""
        if len(self._queue) >= QUEUE_LIMIT:
            self.dropped += 1 + len(call.stages)
            return
        self._queue.append(call)
        if len(self._queue) >= BATCH:
            self._wake.set()

    def close(self, timeout: float = 5.0) -> None:
        """Send what is queued, for at most `timeout` seconds, and count the rest as dropped."""
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout)
        self.dropped += sum(1 + len(call.stages) for call in self._queue)
        self._channel.close()

    def _run(self) -> None:
        while not (self._stopping and not self._queue):
            self._wake.wait(PAUSE_SECONDS)
            self._wake.clear()
            while self._queue:
                batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
                self._send(batch)

    def _send(self, batch: Sequence[CallTrace]) -> None:
        spans = [span for call in batch for span in build(call)]
        request = trace_service_pb2.ExportTraceServiceRequest()
        group = request.resource_spans.add(resource=self._resource)
        group.scope_spans.add(scope=common_pb2.InstrumentationScope(name="screening"), spans=spans)
        for attempt in range(ATTEMPTS):
            try:
                self._stub.Export(request, timeout=TIMEOUT_SECONDS)
            except grpc.RpcError as error:
                if error.code() not in _RETRYABLE or self._stopping:
                    break
                time.sleep(2**attempt * 0.25)
            else:
                return
        self.dropped += len(spans)


def build(call: CallTrace) -> list[trace_pb2.Span]:
    """Build the spans of a call: the call itself, and one for each stage inside it."""
    trace_id = call.trace_id.to_bytes(16, "big")
    span_id = call.span_id.to_bytes(8, "big")
    whole = trace_pb2.Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=call.parent_id.to_bytes(8, "big") if call.parent_id else b"",
        name=call.name,
        kind=trace_pb2.Span.SPAN_KIND_SERVER,
        start_time_unix_nano=call.start,
        end_time_unix_nano=call.end,
        attributes=_attributes(call.attributes),
    )
    if call.failed:
        whole.status.code = trace_pb2.Status.STATUS_CODE_ERROR
    spans = [whole]
    start = call.start
    for name, end in call.stages:
        spans.append(
            trace_pb2.Span(
                trace_id=trace_id,
                span_id=_IDS.generate_span_id().to_bytes(8, "big"),
                parent_span_id=span_id,
                name=name,
                kind=trace_pb2.Span.SPAN_KIND_INTERNAL,
                start_time_unix_nano=start,
                end_time_unix_nano=end,
            )
        )
        start = end
    return spans


def _attributes(values: dict[str, Value]) -> list[common_pb2.KeyValue]:
    return [common_pb2.KeyValue(key=key, value=_value(value)) for key, value in values.items()]


def _value(value: Value) -> common_pb2.AnyValue:
    if isinstance(value, bool):
        return common_pb2.AnyValue(bool_value=value)
    if isinstance(value, int):
        return common_pb2.AnyValue(int_value=value)
    if isinstance(value, str):
        return common_pb2.AnyValue(string_value=value)
    return common_pb2.AnyValue(array_value=common_pb2.ArrayValue(values=[_value(element) for element in value]))
