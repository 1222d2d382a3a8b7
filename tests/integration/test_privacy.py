"""Nothing that a caller writes into a free-text field may be found outside the sealed part of its record."""

import socket
from pathlib import Path
from urllib.request import urlopen

import pytest
from city.screening.v1 import information_request_facts_pb2, screening_service_pb2
from screening.facts import vocabulary
from screening.telemetry.receiver import Receiver
from screening_client import NotDecided, ScreeningClient

from tests.factories import employment, request
from tests.processes import ServiceProcess

SENTINEL = "Zzyzx-Sentinel-Doe-1999-01-31"
REFERENCE = "zzyzxsentinelreference"


def marked_questions() -> list[
    screening_service_pb2.ScreenInformationRequestRequest | screening_service_pb2.ScreenEmploymentRequest
]:
    """Return questions with the sentinel in every text fact, and in every reference and request_id."""
    info = request(person_ref=REFERENCE, case_ref=REFERENCE, request_id=REFERENCE + "1")
    form = employment(employee_ref=REFERENCE, case_ref=REFERENCE, request_id=REFERENCE + "2")
    for subject, question in (("information_request", info), ("employment", form)):
        for fact in vocabulary(subject).values():
            if fact.type != "text" or not fact.path.startswith("facts."):
                continue
            *parents, name = fact.path.removeprefix("facts.").split(".")
            target = question.facts
            for parent in parents:
                target = getattr(target, parent)
            if fact.repeated:
                getattr(target, name).append(SENTINEL)
            else:
                setattr(target, name, SENTINEL)
    info.facts.convictions.add(offense=SENTINEL, level=information_request_facts_pb2.OFFENSE_LEVEL_FELONY)
    return [info, form]


def test_no_sentinel_leaves_the_sealed_part(tmp_path: Path) -> None:
    """Logs, spans, metrics, error texts, and the plain bytes of every file that the service writes."""
    receiver = Receiver()
    data = tmp_path / "data"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "SCREENING_METRICS_LISTEN": f"127.0.0.1:{port}"}
    seen: dict[str, str | bytes] = {}
    with ServiceProcess(data, **environ) as service:
        with ScreeningClient(service.target) as client:
            info, form = marked_questions()
            assert isinstance(info, screening_service_pb2.ScreenInformationRequestRequest)
            assert isinstance(form, screening_service_pb2.ScreenEmploymentRequest)
            seen["information decision"] = str(client.screen_information_request(info))
            seen["employment decision"] = str(client.screen_employment(form))
            form.facts.role = SENTINEL * 50
            form.request_id = SENTINEL
            form.policy_pack = SENTINEL
            with pytest.raises(NotDecided) as refused:
                client.screen_employment(form)
            seen["error"] = repr(refused.value) + str(refused.value.metadata)
            info.request_id, info.facts.purpose = "another-one", 99  # type: ignore[assignment]
            results = client.screen_information_request_batch([("a", info)])
            seen["batch error"] = str(results)
        seen["metrics"] = urlopen(f"http://127.0.0.1:{port}/metrics").read()
        receiver.wait_for("city.screening.v1.ScreeningService/BatchScreenInformationRequest")
        assert service.stop() == 0
        seen["stderr"], seen["stdout"] = service.stderr, service.stdout
    seen["spans"] = str(receiver.spans) + str(receiver.resources)
    receiver.close()
    for path in data.rglob("*"):
        if path.is_file():
            seen[path.name] = path.read_bytes()
    assert {"log.db", "keys.db", "metrics", "spans"} <= set(seen)
    for mark in (SENTINEL, REFERENCE):
        found = [
            where for where, what in seen.items() if mark.encode() in (what.encode() if isinstance(what, str) else what)
        ]
        assert found == []
