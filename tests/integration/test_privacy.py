"""Nothing that a caller writes into a free-text field may be found outside the sealed part of its record."""

import shutil
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.request import urlopen

import psycopg
import pytest
from city.screening.v1 import information_request_facts_pb2, screening_service_pb2
from screening.cli.app import app
from screening.facts import vocabulary
from screening.telemetry.receiver import Receiver
from screening_client import NotDecided, ScreeningClient
from typer.testing import CliRunner

from tests.factories import employment, request
from tests.postgres import Postgres
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


def keep(data: Path, decision_ids: list[str], databases: dict[str, str]) -> str:
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
        done = CliRunner().invoke(app, [*words, "--data", str(data)], env=databases)
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


def use(data: Path, databases: dict[str, str], meanwhile: Callable[[], None]) -> dict[str, str | bytes]:
    """Have a service asked, and its log kept, with the sentinel everywhere; return what was said of it, and its files."""
    receiver = Receiver()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environ = {
        "SCREENING_TILE_ENTRIES": "yes",
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
        "SCREENING_METRICS_LISTEN": f"127.0.0.1:{port}",
        **databases,
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
        seen["keeper"] = keep(data, client_ids, databases)
        meanwhile()
        assert service.stop() == 0
        seen["stderr"], seen["stdout"] = service.stderr, service.stdout
    seen["spans"] = str(receiver.spans) + str(receiver.resources)
    receiver.close()
    for path in data.parent.rglob("*"):
        if path.is_file():
            seen[path.relative_to(data.parent).as_posix()] = path.read_bytes()
    assert {"data/tiles/checkpoint", "data-anchor/checkpoint", "metrics", "spans", "keeper"} <= set(seen)
    assert any(name.startswith("data/tiles/tile/entries") for name in seen)
    return seen


def marks_in(seen: dict[str, str | bytes]) -> list[str]:
    """Return where the sentinel or the reference stands."""
    return [
        f"{mark} in {where}"
        for mark in (SENTINEL, REFERENCE)
        for where, what in seen.items()
        if mark.encode() in (what.encode() if isinstance(what, str) else what)
    ]


def test_no_sentinel_leaves_the_sealed_part(tmp_path: Path) -> None:
    """Logs, spans, metrics, error texts, and the plain bytes of every file that the service writes."""
    data = tmp_path / "data"
    copies: set[str] = set()
    seen = use(data, {}, lambda: copies.update(back_up(data, tmp_path / "backup")))  # as an operator would
    assert {"data/log.db", *copies} <= set(seen)
    assert any(name.endswith("log.db-wal") for name in copies)
    assert marks_in(seen) == []


def rows_of(address: str) -> dict[str, bytes]:
    """Return the rows of every table of a database as their server gives them out."""
    tables = "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    found = {}
    with psycopg.connect(address) as connection:
        for (table,) in connection.execute(tables).fetchall():
            with connection.cursor().copy(f"COPY {table} TO STDOUT (FORMAT binary)".encode()) as rows:
                found[f"table {table}"] = b"".join(rows)
    return found


def test_no_sentinel_leaves_the_sealed_part_on_postgresql(tmp_path: Path, postgres: Postgres) -> None:
    """Nor do its server's files have it, its write-ahead log and what it prints, nor does a backup of both databases."""
    log, keys = postgres.fresh()
    restored: list[str] = []
    databases = {"SCREENING_DATABASE": log, "SCREENING_KEYS_DATABASE": keys}
    seen = use(tmp_path / "data", databases, lambda: restored.extend(postgres.copy((log, keys))))
    for name, address in zip(("log", "keys", "copied log", "copied keys"), (log, keys, *restored), strict=True):
        seen |= {f"{name}: {table}": rows for table, rows in rows_of(address).items()}
    assert {"keys: table wrapped_key", "log: table request", "copied log: table reference"} <= set(seen)
    assert sum(name.startswith("log: table record_2") for name in seen) == 2
    assert marks_in(seen) == []
    assert postgres.files_with("ScreenInformationRequest")  # what is there is found
    assert [postgres.files_with(mark) for mark in (SENTINEL, REFERENCE)] == [[], []]
