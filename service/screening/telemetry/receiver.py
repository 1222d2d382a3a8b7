"""A small OTLP receiver that keeps what arrives in memory: for the demo, the tests, the benchmark. Not for production."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Condition
from typing import Any, TypeVar

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.trace.v1 import trace_pb2
from rich.tree import Tree

_NANOSECONDS_PER_MS = 1_000_000
_Kept = TypeVar("_Kept")


class Receiver:
    """Listens on a loopback port, a free one unless given; holds what arrived, in order."""

    def __init__(self, port: int = 0) -> None:
        self.spans: list[trace_pb2.Span] = []
        self.metrics: dict[str, metrics_pb2.Metric] = {}
        """The latest of each name."""
        self.logs: list[logs_pb2.LogRecord] = []
        self.resources: list[str] = []
        self.headers: dict[str, str | bytes] = {}
        """Those of the latest export."""
        self._arrived = Condition()
        self._server = grpc.server(ThreadPoolExecutor(2), options=(("grpc.so_reuseport", 0),))
        for add, service in (
            (trace_service_pb2_grpc.add_TraceServiceServicer_to_server, _Traces(self._keep)),
            (metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server, _Metrics(self._keep)),
            (logs_service_pb2_grpc.add_LogsServiceServicer_to_server, _Logs(self._keep)),
        ):
            add(service, self._server)  # type: ignore[no-untyped-call]  # generated without types
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        self._server.start()

    @property
    def endpoint(self) -> str:
        """Return the value for OTEL_EXPORTER_OTLP_ENDPOINT."""
        return f"http://127.0.0.1:{self.port}"

    def wait_for(self, name: str, timeout: float = 10.0) -> trace_pb2.Span:
        """Return the last span of that name, waiting for one. Raises TimeoutError."""
        return self._wait(lambda: [span for span in self.spans if span.name == name], name, timeout)[-1]

    def wait_for_metric(self, name: str, timeout: float = 10.0) -> metrics_pb2.Metric:
        """Return the latest values of a metric, waiting for it. Raises TimeoutError."""
        return self._wait(lambda: [self.metrics[name]] if name in self.metrics else [], name, timeout)[0]

    def wait_for_log(self, event: str, timeout: float = 10.0) -> logs_pb2.LogRecord:
        """Return the last log line of an event, waiting for one. Raises TimeoutError."""
        return self._wait(lambda: [line for line in self.logs if line.event_name == event], event, timeout)[-1]

    def _wait(self, found: Callable[[], list[_Kept]], name: str, timeout: float) -> list[_Kept]:
        with self._arrived:
            there = self._arrived.wait_for(found, timeout)
        if not there:
            raise TimeoutError(f"no {name} arrived")
        return there

    def _keep(self, context: grpc.ServicerContext, resource: Any, kept: Sequence[Any]) -> None:
        with self._arrived:
            self.headers = dict(context.invocation_metadata())
            self.resources.append(str(resource))
            for each in kept:
                match each:
                    case trace_pb2.Span():
                        self.spans.append(each)
                    case metrics_pb2.Metric():
                        self.metrics[each.name] = each
                    case logs_pb2.LogRecord():
                        self.logs.append(each)
            self._arrived.notify_all()

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


class _Service:
    """One of OTLP's three services: hands over each resource with what came from it."""

    def __init__(self, keep: Callable[[grpc.ServicerContext, Any, Sequence[Any]], None]) -> None:
        self._keep = keep


class _Traces(_Service, trace_service_pb2_grpc.TraceServiceServicer):
    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802  # as OTLP has it
        for group in request.resource_spans:
            self._keep(context, group.resource, [span for scope in group.scope_spans for span in scope.spans])
        return trace_service_pb2.ExportTraceServiceResponse()


class _Metrics(_Service, metrics_service_pb2_grpc.MetricsServiceServicer):
    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802  # as OTLP has it
        for group in request.resource_metrics:
            self._keep(context, group.resource, [metric for scope in group.scope_metrics for metric in scope.metrics])
        return metrics_service_pb2.ExportMetricsServiceResponse()


class _Logs(_Service, logs_service_pb2_grpc.LogsServiceServicer):
    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802  # as OTLP has it
        for group in request.resource_logs:
            self._keep(context, group.resource, [line for scope in group.scope_logs for line in scope.log_records])
        return logs_service_pb2.ExportLogsServiceResponse()


def _line(span: trace_pb2.Span) -> str:
    took = (span.end_time_unix_nano - span.start_time_unix_nano) / _NANOSECONDS_PER_MS
    said = {attribute.key: attribute.value for attribute in span.attributes}
    kept = [
        f"{key}={said[key].string_value}"
        for key in ("screening.outcome", "rpc.response.status_code", "screening.decision.id")
        if key in said
    ]
    return f"{span.name}  [dim]{took:.2f} ms[/]  {' '.join(kept)}"
