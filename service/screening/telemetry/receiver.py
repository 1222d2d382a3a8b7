"""A small OTLP receiver that keeps spans in memory: for the demo, the tests and the benchmark. Not for production."""

from concurrent.futures import ThreadPoolExecutor
from threading import Condition

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2
from rich.tree import Tree

_NANOSECONDS_PER_MS = 1_000_000


class Receiver(trace_service_pb2_grpc.TraceServiceServicer):
    """Listens on a free loopback port; `spans` holds what arrived, in order."""

    def __init__(self) -> None:
        self.spans: list[trace_pb2.Span] = []
        self.resources: list[str] = []
        self._arrived = Condition()
        self._server = grpc.server(ThreadPoolExecutor(2), options=(("grpc.so_reuseport", 0),))
        add = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
        add(self, self._server)  # type: ignore[no-untyped-call]  # generated without types
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    @property
    def endpoint(self) -> str:
        """Return the value for OTEL_EXPORTER_OTLP_ENDPOINT."""
        return f"http://127.0.0.1:{self.port}"

    def Export(  # noqa: N802  # the name is OTLP's
        self,
        request: trace_service_pb2.ExportTraceServiceRequest,
        context: grpc.ServicerContext,  # noqa: ARG002  # part of the signature
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        """Keep the spans of one export."""
        with self._arrived:
            for group in request.resource_spans:
                self.resources.append(str(group.resource))
                for scope in group.scope_spans:
                    self.spans.extend(scope.spans)
            self._arrived.notify_all()
        return trace_service_pb2.ExportTraceServiceResponse()

    def wait_for(self, name: str, timeout: float = 10.0) -> trace_pb2.Span:
        """Return a span of that name, waiting for it. Raises TimeoutError."""
        with self._arrived:
            found = self._arrived.wait_for(lambda: [span for span in self.spans if span.name == name], timeout)
        if not found:
            raise TimeoutError(f"no span {name} arrived")
        return found[-1]

    def close(self) -> None:
        """Stop listening."""
        self._server.stop(0).wait()

    def tree(self, root: trace_pb2.Span) -> Tree:
        """Return a span and those inside it as a tree for people."""
        drawn = Tree(_line(root))
        inner = [span for span in self.spans if span.parent_span_id == root.span_id and span.trace_id == root.trace_id]
        for span in sorted(inner, key=lambda span: span.start_time_unix_nano):
            drawn.children.append(self.tree(span))
        return drawn


def _line(span: trace_pb2.Span) -> str:
    took = (span.end_time_unix_nano - span.start_time_unix_nano) / _NANOSECONDS_PER_MS
    said = {attribute.key: attribute.value for attribute in span.attributes}
    kept = [
        f"{key}={said[key].string_value}"
        for key in ("screening.outcome", "rpc.response.status_code", "screening.decision.id")
        if key in said
    ]
    return f"{span.name}  [dim]{took:.2f} ms[/]  {' '.join(kept)}"
