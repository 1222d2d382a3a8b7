import json
from pathlib import Path

from opentelemetry.sdk.trace import TracerProvider
from screening.telemetry.attributes import SPAN_STAGES
from screening.telemetry.receiver import Receiver
from screening_client import ScreeningClient

from tests.factories import ICE_JOB, employment
from tests.processes import ServiceProcess

CALL = "city.screening.v1.ScreeningService/ScreenEmployment"


def test_a_call_is_one_trace_from_caller_to_record(tmp_path: Path) -> None:
    """The caller's span is the parent; the stages lie inside; log line, answer and spans share the trace id."""
    receiver = Receiver()
    tracer = TracerProvider().get_tracer("payroll")
    with ServiceProcess(tmp_path / "data", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint) as service:
        with ScreeningClient(service.target) as client, tracer.start_as_current_span("payroll run") as own:
            decision = client.screen_employment(employment(ICE_JOB))
        span = receiver.wait_for(CALL)
        assert service.stop() == 0
        [line] = [json.loads(text) for text in service.stderr.splitlines() if "rpc.handled" in text]
    receiver.close()
    caller = own.get_span_context()
    assert span.trace_id.hex() == f"{caller.trace_id:032x}" == decision.trace_id == line["trace_id"]
    assert line["decision_id"] == decision.decision_id
    assert (line["rpc"], line["code"], line["outcome"]) == ("ScreenEmployment", "OK", "DENY")
    inner = [each.name for each in receiver.spans if each.parent_span_id == span.span_id]
    assert inner == ["request.check", "names.resolve", "words.read", "law.evaluate", "record.seal", "log.append"]
    assert set(inner) <= set(SPAN_STAGES)


def test_without_a_receiver_nothing_leaves_and_calls_still_have_a_trace_id(tmp_path: Path) -> None:
    """The default sends nothing anywhere."""
    with ServiceProcess(tmp_path / "data", OTEL_EXPORTER_OTLP_ENDPOINT="") as service:
        with ScreeningClient(service.target) as client:
            assert len(client.screen_employment(employment()).trace_id) == 32
        assert service.stop() == 0
