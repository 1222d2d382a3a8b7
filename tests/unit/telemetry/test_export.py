"""What leaves over OTLP, as a receiver gets it."""

import io
import json
from collections.abc import Iterator

import pytest
import structlog
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.sdk.resources import Resource
from screening.telemetry import logs
from screening.telemetry.export_metrics import MetricsExporter
from screening.telemetry.logs import LogExporter
from screening.telemetry.metrics import Metrics
from screening.telemetry.otlp import Endpoint
from screening.telemetry.receiver import Receiver

RESOURCE = Resource.create({"service.name": "screening"})
NOWHERE = Endpoint("127.0.0.1:1")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A real OTLP receiver."""
    running = Receiver()
    yield running
    running.close()


def test_metrics_reach_a_receiver_with_their_exemplars(receiver: Receiver) -> None:
    """Counts by bucket, each on its own, and the sum."""
    metrics = Metrics()
    for seconds in (0.0001, 0.003, 0.004, 60.0):
        metrics.call(rpc="ScreenEmployment", caller="payroll", code="OK", seconds=seconds, trace_id=0xABC)
    exporter = MetricsExporter(Endpoint(f"127.0.0.1:{receiver.port}"), RESOURCE, metrics.registry, seconds=0.05)
    [point] = receiver.wait_for_metric("screening_call_seconds").histogram.data_points
    exporter.close()
    assert {each.key: each.value.string_value for each in point.attributes} == {
        "rpc": "ScreenEmployment",
        "caller": "payroll",
    }
    counted = zip([*point.explicit_bounds, None], point.bucket_counts, strict=True)
    assert {bound: count for bound, count in counted if count} == {0.0005: 1, 0.005: 2, None: 1}
    assert point.count == 4
    assert point.sum == pytest.approx(60.0071)
    assert point.exemplars[0].trace_id.hex() == f"{0xABC:032x}"
    assert receiver.metrics["screening_calls"].sum.is_monotonic
    assert "process_resident_memory_bytes" in receiver.metrics


def test_log_lines_reach_a_receiver_and_standard_error_alike(receiver: Receiver) -> None:
    """The record is tied to the trace that the line names."""
    out = io.StringIO()
    exporter = LogExporter(Endpoint(f"127.0.0.1:{receiver.port}"), RESOURCE)
    logs.configure(out, also=exporter.add)
    structlog.get_logger().warning("rpc.handled", rpc="ScreenEmployment", trace_id="0" * 31 + "1", duration_ms=1.5)
    record = receiver.wait_for_log("rpc.handled")
    exporter.close()
    assert json.loads(out.getvalue())["rpc"] == "ScreenEmployment"
    assert record.severity_number == logs_pb2.SEVERITY_NUMBER_WARN
    assert record.trace_id.hex() == "0" * 31 + "1"
    assert {each.key for each in record.attributes} == {"rpc", "duration_ms"}
    assert exporter.dropped == 0


def test_log_lines_that_cannot_be_sent_are_counted() -> None:
    """Standard error still has them."""
    exporter = LogExporter(NOWHERE, RESOURCE)
    exporter.add(logs.Line(1, {"event": "x", "level": "info"}))
    exporter.close(timeout=8)
    assert exporter.dropped == 1


def test_headers_go_with_each_export(receiver: Receiver) -> None:
    """A receiver that asks for a token gets it."""
    endpoint = Endpoint(f"127.0.0.1:{receiver.port}", headers=(("authorization", "Bearer t"),))
    exporter = LogExporter(endpoint, RESOURCE)
    exporter.add(logs.Line(1, {"event": "x", "level": "info"}))
    receiver.wait_for_log("x")
    exporter.close()
    assert receiver.headers["authorization"] == "Bearer t"
