"""What ops sees of a real service: metrics, exemplars, kept traces, log lines."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import grpc
import pytest
from city.screening.v1 import decision_pb2
from city.screening.v1 import screening_service_pb2_grpc as stubs
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from screening.config import Settings
from screening.telemetry import logs
from screening.telemetry.attributes import METRICS
from screening.telemetry.receiver import Receiver
from screening.wiring import App, running

from tests.factories import ADDRESS_REQUEST, ICE_JOB, employment, request
from tests.processes import ServiceProcess

CALL = "city.screening.v1.ScreeningService/ScreenEmployment"
NOT_SAMPLED = (("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"),)
DENIED = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A real OTLP receiver."""
    running_receiver = Receiver()
    yield running_receiver
    running_receiver.close()


@pytest.fixture
async def observed_app(tmp_path: Path, receiver: Receiver) -> AsyncIterator[App]:
    """A service that exports everything and serves metrics."""
    settings = Settings(
        listen="127.0.0.1:0",
        data=tmp_path / "data",
        metrics_listen="127.0.0.1:0",
        otlp_endpoint=receiver.endpoint,
        metrics_interval_ms=50,
    )
    async with running(settings) as app:
        yield app


def scrape(app: App) -> list[Sample]:
    """Return all samples, as Prometheus would get them."""
    asked = Request(
        f"http://127.0.0.1:{app.metrics_port}/metrics",
        headers={"Accept": "application/openmetrics-text;version=1.0.0"},
    )
    with urlopen(asked) as response:
        text = response.read().decode()
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


async def test_every_metric_is_served_and_exported(observed_app: App, receiver: Receiver) -> None:
    """Each name in attributes.py, by Prometheus' endpoint and by OTLP, after one call of each kind."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{observed_app.port}") as channel:
        await stubs.ScreeningServiceStub(channel).ScreenEmployment(employment(ICE_JOB))
    served = {sample.name for sample in scrape(observed_app)}
    families = {name if name in served else f"{name}_bucket" for name in METRICS}
    assert families <= served
    for name in METRICS:
        exported = name.removesuffix("_total")
        assert receiver.wait_for_metric(exported).name == exported


async def test_what_is_not_allowed_is_kept_though_the_caller_does_not_sample(
    observed_app: App, receiver: Receiver
) -> None:
    """A denial and an error leave as traces, an ALLOW does not; the exemplar names a trace that left."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{observed_app.port}") as channel:
        stub = stubs.ScreeningServiceStub(channel)
        public = request(ADDRESS_REQUEST, data_categories=["arrest_log"])
        allowed = await stub.ScreenInformationRequest(public, metadata=NOT_SAMPLED)
        await stub.ScreenEmployment(employment(ICE_JOB), metadata=NOT_SAMPLED)
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.ScreenEmployment(type(employment())(), metadata=NOT_SAMPLED)
    assert allowed.decision.outcome == decision_pb2.OUTCOME_ALLOW
    await asyncio.to_thread(receiver.wait_for, CALL)
    await asyncio.sleep(1)  # one more batch, if there were one
    spans = [span for span in receiver.spans if span.name.startswith("city.")]
    said = [{each.key: each.value.string_value for each in span.attributes} for span in spans]
    assert [each.get("screening.outcome", each.get("error.type")) for each in said] == ["DENY", "INVALID_FIELD"]
    assert {each["screening.kept"] for each in said} == {"outcome"}
    assert {span.trace_id.hex() for span in spans} == {DENIED}
    exemplars = [sample.exemplar.labels["trace_id"] for sample in scrape(observed_app) if sample.exemplar]
    assert set(exemplars) == {DENIED}


async def test_a_stranger_at_reflection_is_counted_and_logged_as_at_any_rpc(tmp_path: Path) -> None:
    """One call, one error, one line."""
    lines = io.StringIO()
    logs.configure(lines)
    settings = Settings(listen="127.0.0.1:0", data=tmp_path / "data", metrics_listen="127.0.0.1:0")
    async with running(settings) as app:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as channel:
            reflect: Any = channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
            with pytest.raises(grpc.aio.AioRpcError):
                await reflect(iter([b""]), metadata=(("authorization", "Bearer x.y.z"),)).read()
        samples = await asyncio.to_thread(scrape, app)
        said = [json.loads(line) for line in lines.getvalue().splitlines()]
    rpc, code = "ServerReflectionInfo", "UNAUTHENTICATED"
    counted = [(each.name, each.labels) for each in samples if code in each.labels.values() and each.value == 1]
    assert ("screening_calls_total", {"rpc": rpc, "caller": "unknown", "code": code}) in counted
    assert ("screening_errors_total", {"reason": code}) in counted
    assert [(line["rpc"], line["code"], line["reason"]) for line in said if line["event"] == "rpc.handled"] == [
        (rpc, code, code)
    ]


async def test_metrics_stop_with_the_service(tmp_path: Path) -> None:
    """The address is free again."""
    settings = Settings(listen="127.0.0.1:0", data=tmp_path / "data", metrics_listen="127.0.0.1:0")
    async with running(settings) as app:
        port = app.metrics_port
    async with running(Settings(listen="127.0.0.1:0", data=tmp_path / "b", metrics_listen=f"127.0.0.1:{port}")) as app:
        assert app.metrics_port == port


def test_log_lines_leave_over_otlp_and_stay_on_standard_error(tmp_path: Path, receiver: Receiver) -> None:
    """The line of a call, with the trace that it belongs to, and nothing that a caller wrote."""
    with ServiceProcess(
        tmp_path / "data", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint, OTEL_LOGS_EXPORTER="otlp"
    ) as service:
        with grpc.insecure_channel(service.target) as channel:
            stubs.ScreeningServiceStub(channel).ScreenEmployment(employment(ICE_JOB))
        line = receiver.wait_for_log("rpc.handled")
        span = receiver.wait_for(CALL)
        assert service.stop() == 0
        (kept,) = [each for each in service.stderr.splitlines() if '"rpc.handled"' in each]
    said = {each.key: each.value for each in line.attributes}
    assert said["rpc"].string_value == "ScreenEmployment"
    assert said["outcome"].string_value == "DENY"
    assert line.trace_id == span.trace_id
    assert line.trace_id.hex() in kept
    assert str(ICE_JOB["employer_name"]) not in str(line) + kept
    assert any("screening" in resource for resource in receiver.resources)
