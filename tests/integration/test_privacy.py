"""Nothing that a caller writes into a free-text field may be found outside the sealed part of its record."""

import shutil
import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.request import urlopen

import pytest
from city.screening.v1 import information_request_facts_pb2, screening_service_pb2
from screening.cli.app import app
from screening.facts import vocabulary
from screening.telemetry.receiver import Receiver
from screening_client import NotDecided, ScreeningClient
from typer.testing import CliRunner

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


def keep(data: Path, decision_ids: list[str]) -> str:
    """Have the keeper do everything that leaves a record or prints one, and return what was printed."""
    both = [word for decision_id in decision_ids for word in ("--decision", decision_id)]
    commands = (
        ("log", "hold", *both, "--why", SENTINEL),
        ("log", "release", "--reference", f"person_ref={REFERENCE}", "--why", SENTINEL),
        ("log", "supersede", *both, "--cause", "facts", "--why", SENTINEL),
        ("log", "replay", "--json"),
        ("report", "--year", "2026"),
        ("log", "rotate"),
        ("log", "verify"),
    )
    printed = []
    for words in commands:
        done = CliRunner().invoke(app, [*words, "--data", str(data)])
        assert done.exit_code in (0, 3), done.output
        printed.append(done.output)
    return "".join(printed)


def back_up(data: Path, place: Path) -> set[str]:
    """Copy the databases with SQLite's online backup, and as they lie there with their write-ahead logs."""
    place.mkdir()
    for name in ("log.db", "keys.db"):
        with closing(sqlite3.connect(data / name)) as source, closing(sqlite3.connect(place / name)) as target:
            source.backup(target)
    shutil.copytree(data, place / "files", ignore=shutil.ignore_patterns("lock"))
    return {path.relative_to(place.parent).as_posix() for path in place.rglob("*.db*")}


def test_no_sentinel_leaves_the_sealed_part(tmp_path: Path) -> None:
    """Logs, spans, metrics, error texts, and the plain bytes of every file that the service writes."""
    receiver = Receiver()
    data = tmp_path / "data"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environ = {
        "SCREENING_TILE_ENTRIES": "yes",
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
        "SCREENING_METRICS_LISTEN": f"127.0.0.1:{port}",
    }
    seen: dict[str, str | bytes] = {}
    with ServiceProcess(data, **environ) as service:
        with ScreeningClient(service.target) as client:
            info, form = marked_questions()
            assert isinstance(info, screening_service_pb2.ScreenInformationRequestRequest)
            assert isinstance(form, screening_service_pb2.ScreenEmploymentRequest)
            decisions = [client.screen_information_request(info), client.screen_employment(form)]
            seen["information decision"], seen["employment decision"] = map(str, decisions)
            client_ids = [decision.decision_id for decision in decisions]
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
        seen["keeper"] = keep(data, client_ids)
        copies = back_up(data, tmp_path / "backup")  # while the service runs, as an operator would
        assert service.stop() == 0
        seen["stderr"], seen["stdout"] = service.stderr, service.stdout
    seen["spans"] = str(receiver.spans) + str(receiver.resources)
    receiver.close()
    for folder in (data, data.with_name("data-anchor"), tmp_path / "backup"):
        for path in folder.rglob("*"):
            if path.is_file():
                seen[path.relative_to(tmp_path).as_posix()] = path.read_bytes()
    wanted = {"data/log.db", "data/tiles/checkpoint", "data-anchor/checkpoint", *copies, "metrics", "spans", "keeper"}
    assert wanted <= set(seen)
    assert any(name.startswith("data/tiles/tile/entries") for name in seen)
    assert any(name.endswith("log.db-wal") for name in copies)
    for mark in (SENTINEL, REFERENCE):
        found = [
            where for where, what in seen.items() if mark.encode() in (what.encode() if isinstance(what, str) else what)
        ]
        assert found == []
