"""The keeper's commands on a log in use, on SQLite and on PostgreSQL: the tree verifies after each."""

import json
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import screening
from city.screening.v1 import decision_log_service_pb2
from screening.cli.app import app
from screening_client import NotDecided, ScreeningClient
from typer.testing import CliRunner

from tests.factories import ICE_JOB, employment, request
from tests.processes import ServiceProcess

PACKAGE = Path(screening.__file__).parent
CASE = PACKAGE / "laws/us_ca/bail_recovery.test.yaml"
WHY = "Zzyzx-Sentinel asked for it"


@pytest.fixture(params=["sqlite", "postgres"])
def environ(request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings of a service on either engine."""
    if request.param == "sqlite":
        return {}
    log, keys = request.getfixturevalue("postgres").fresh()
    return {"SCREENING_DATABASE": log, "SCREENING_KEYS_DATABASE": keys}


def run(data: Path, environ: dict[str, str], *words: str, code: int = 0) -> Any:
    """Run a command on the log and return its JSON."""
    done = CliRunner().invoke(app, [*words, "--data", str(data), "--json"], env=environ)
    assert done.exit_code == code, done.output
    return json.loads(done.stdout) if code in (0, 3) else done.output


def records(data: Path, environ: dict[str, str]) -> list[dict[str, Any]]:
    """Return all records, parsed."""
    query = "SELECT canonical FROM record ORDER BY log_index"
    if environ:
        with psycopg.connect(environ["SCREENING_DATABASE"]) as connection:
            return [json.loads(row[0]) for row in connection.execute(query).fetchall()]
    with closing(sqlite3.connect(data / "log.db")) as store:
        return [json.loads(row[0]) for row in store.execute(query).fetchall()]


def wrapped_keys(data: Path, environ: dict[str, str]) -> dict[str, bytes]:
    """Return what is in the key store."""
    query = "SELECT key_id, wrapped FROM wrapped_key"
    if environ:
        with psycopg.connect(environ["SCREENING_KEYS_DATABASE"]) as connection:
            return dict(connection.execute(query).fetchall())
    with closing(sqlite3.connect(data / "keys.db")) as store:
        return dict(store.execute(query).fetchall())


def test_decisions_are_erased_held_and_superseded_beside_a_running_service(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """What was erased is not found any more, by no call and in no file of the key store; everything verifies."""
    data = tmp_path / "data"
    with ServiceProcess(data, **environ) as service:
        with ScreeningClient(service.target) as client:
            gone = client.screen_information_request(request(person_ref="p-1")).decision_id
            kept = client.screen_employment(employment(ICE_JOB)).decision_id
            key = wrapped_keys(data, environ)[gone]
            why = ("--why", WHY)
            run(data, environ, "log", "hold", "--decision", gone, *why)
            assert "legal hold" in run(data, environ, "log", "erase", "--decision", gone, *why, code=1)
            run(data, environ, "log", "release", "--reference", "person_ref=p-1", *why)
            assert run(data, environ, "log", "erase", "--decision", gone, *why)["erased"] == [gone]
            marked = run(data, environ, "log", "supersede", "--decision", kept, "--cause", "facts", *why)
            assert marked["tell"] == {"local": [kept]}
            assert "no decision nobody" in run(data, environ, "log", "hold", "--decision", "nobody", *why, code=1)
            with pytest.raises(NotDecided) as refused:
                client.get_decision(gone)
            assert refused.value.reason == "DECISION_NOT_FOUND"
            assert client.get_decision(kept).decision_id == kept
        assert gone not in wrapped_keys(data, environ)
        assert not [file.name for file in data.glob("keys.db*") if key in file.read_bytes()]
        assert service.stop() == 0
    report = run(data, environ, "log", "verify")
    assert (report["integrity"], report["completeness"], report["erased"]) == (True, "verified", 1)
    assert {"hold": 1, "release": 1, "erasure": 1, "supersede": 1}.items() <= report["kinds"].items()


def test_retention_runs_without_a_service_and_leaves_a_log_that_verifies(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """It puts its own records under a checkpoint; the service starts on what is left."""
    data = tmp_path / "data"
    with ServiceProcess(data, **environ) as service:
        with ScreeningClient(service.target) as client:
            asked = [client.screen_employment(employment()).decision_id for _ in range(3)]
        assert service.stop() == 0
    due = run(data, environ, "log", "retain", "--keep", "employment=0", "--dry-run")
    assert due["erased"] == {"employment": 3}
    settings = {**environ, "SCREENING_RETENTION": "employment=0,information_request=1825"}
    assert run(data, settings, "log", "retain")["erased"] == {"employment": 3}
    assert run(data, environ, "log", "verify")["completeness"] == "verified"
    assert not set(asked) & set(wrapped_keys(data, environ))
    with ServiceProcess(data, **environ) as service:
        with ScreeningClient(service.target) as client:
            client.screen_employment(employment())
        assert service.stop() == 0
    assert run(data, environ, "log", "verify")["erased"] == 3


def test_a_log_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """A mistyped directory stays as it was."""
    words = ["log", "erase", "--decision", "x", "--why", "y", "--data", str(tmp_path)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    address = {"SCREENING_DATABASE": "postgresql://nowhere/log", "SCREENING_KEYS_DATABASE": "postgresql://nowhere/keys"}
    done = CliRunner().invoke(app, words, env=address)
    assert done.exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_database_is_verified_with_its_address_given(tmp_path: Path, postgres: Any) -> None:
    """Without the settings of a service; the report names the database and not its password."""
    log, keys = postgres.fresh()
    data = tmp_path / "data"
    with ServiceProcess(data, SCREENING_DATABASE=log, SCREENING_KEYS_DATABASE=keys) as service:
        assert service.stop() == 0
    whole = run(data, {}, "log", "verify", "--database", log, "--keys-database", keys)
    assert (whole["completeness"], whole["records"]) == ("verified", 1)
    assert whole["log"].startswith("PostgreSQL database log_")
    alone = run(data, {}, "log", "verify", "--database", log, "--without-keys")
    assert alone["integrity"]
    with psycopg.connect(log, autocommit=True) as connection:
        connection.execute("UPDATE record SET leaf_hash = %s", (bytes(32),))
    broken = CliRunner().invoke(app, ["log", "verify", "--data", str(data), "--database", log, "--keys-database", keys])
    assert broken.exit_code == 1
    assert "integrity: BROKEN" in broken.output


def test_whoever_reads_a_decision_is_recorded(tmp_path: Path, environ: dict[str, str]) -> None:
    """By calls and by commands; checkpoints show no decision, so they leave nothing."""
    data = tmp_path / "data"
    with ServiceProcess(data, **environ) as service:
        with ScreeningClient(service.target) as client:
            answer = client.screen_employment(employment(ICE_JOB))
            client.get_decision(answer.decision_id)
            client.list_decisions(decision_log_service_pb2.ListDecisionsRequest(rule_id=f"{WHY}.rule"))
        assert service.stop() == 0
    assert run(data, environ, "log", "replay", "--by", "auditor")["identical"] == 1
    readings = [fields for fields in records(data, environ) if fields["kind"] == "reading"]
    assert [(each["caller"], each["rpc"], each["decisions"], each["asked"]) for each in readings] == [
        ("local", "GetDecision", [answer.decision_id], {}),
        ("local", "ListDecisions", [], {"rule": "unknown"}),
        ("auditor", "log replay", [], {}),
    ]


def test_a_log_is_replayed_under_the_law_that_it_keeps_and_under_another(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """Erased decisions are counted and do not fail; what another law would change is shown."""
    data = tmp_path / "data"
    with ServiceProcess(data, **environ) as service:
        with ScreeningClient(service.target) as client:
            client.screen_employment(employment(ICE_JOB))
            gone = client.screen_information_request(request()).decision_id
        assert service.stop() == 0
    run(data, environ, "log", "erase", "--decision", gone, "--why", WHY)
    revision = records(data, environ)[0]["bundle"]
    own = CliRunner().invoke(app, ["log", "replay", "--data", str(data)], env=environ)
    assert (own.exit_code, "1 identical, 0 changed, 1 not replayable" in own.output) == (0, True), own.output
    other = tmp_path / "law"
    for folder in ("laws", "registry", "lexicon"):
        shutil.copytree(PACKAGE / folder, other / folder)
    for file in (other / "laws").rglob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        if "subject: employment" in text and not file.name.endswith(".test.yaml"):
            file.write_text(text.replace("outcome: DENY", "outcome: REVIEW"), encoding="utf-8")
    changed = CliRunner().invoke(app, ["log", "replay", "--data", str(data), "--under", str(other)], env=environ)
    assert (changed.exit_code, "outcome: DENY -> REVIEW" in changed.output) == (1, True), changed.output
    kept = CliRunner().invoke(app, ["log", "replay", "--data", str(data), "--under", revision], env=environ)
    assert kept.exit_code == 0, kept.output
    unknown = CliRunner().invoke(app, ["log", "replay", "--data", str(data), "--under", "0" * 64], env=environ)
    assert unknown.exit_code == 2
    differ = ["laws", "diff", str(PACKAGE), str(other), str(CASE), "--log", str(data), "--by", "counsel"]
    differing = CliRunner().invoke(app, differ, env=environ)
    assert (differing.exit_code, "outcome: DENY -> REVIEW" in differing.output) == (1, True), differing.output
    assert "1 of 2 recorded decisions are answered otherwise" in differing.output
    assert "1 cannot be decided again: erased" in differing.output
    assert records(data, environ)[-1]["caller"] == "counsel"
    differ[3] = str(PACKAGE)
    alike = CliRunner().invoke(app, differ, env=environ)
    assert (alike.exit_code, "0 of 2 recorded decisions" in alike.output) == (0, True), alike.output


def test_a_year_is_reported_from_the_verified_log(tmp_path: Path, environ: dict[str, str]) -> None:
    """Small counts are hidden unless the threshold is 1; a log that does not verify is not counted."""
    data = tmp_path / "data"
    with ServiceProcess(data, **environ) as service:
        with ScreeningClient(service.target) as client:
            answers = [client.screen_information_request(request()) for _ in range(2)]
        assert service.stop() == 0
    year = str(answers[0].as_of.year)
    words = ("--obligation", "serve_copy_on_individual", "--decision", answers[0].decision_id)
    run(data, environ, "log", "fulfil", *words)
    whole = run(data, environ, "report", "--year", year, "--threshold", "1")
    counts = {
        (table["id"], cell["part"]): cell["count"]
        for table in whole["tables"]
        for cell in table["cells"]
        if (cell["unit"], cell["month"]) == ("total", "total")
    }
    assert counts["immigration_requests", "total"] == 2
    assert [counts["serve_copy_on_individual", part] for part in ("given", "outstanding", "total")] == [1, 1, 2]
    hidden = run(data, environ, "report", "--year", year)
    assert {cell["count"] for table in hidden["tables"] for cell in table["cells"]} == {0, None}
    shown = CliRunner().invoke(app, ["report", "--data", str(data), "--year", year], env=environ)
    assert "LAPD" in shown.output
    if not environ:
        with closing(sqlite3.connect(data / "log.db")) as store:
            store.execute("UPDATE record SET leaf_hash = zeroblob(32) WHERE log_index = 1")
            store.commit()
        assert "does not verify" in run(data, environ, "report", "--year", year, code=1)


def test_the_sealing_key_is_rotated_beside_a_running_service(tmp_path: Path, environ: dict[str, str]) -> None:
    """Decisions of before, meanwhile and after are read at each step; in the end only the new key is left."""
    data = tmp_path / "data"
    file = data / "keys" / "wrapping.key"
    ids: list[str] = []
    with ServiceProcess(data, **environ) as service:
        with ScreeningClient(service.target) as client:

            def ask_and_read_all() -> None:
                ids.append(client.screen_employment(employment(ICE_JOB)).decision_id)
                assert [client.get_decision(each).decision_id for each in ids] == ids

            ask_and_read_all()
            old = file.read_text().split()
            done = CliRunner().invoke(app, ["log", "rotate", "--data", str(data)], env=environ)
            assert "1 data keys wrapped anew" in done.output, done.output
            assert file.read_text().split()[1:] == old
            while not any(each.name == "sealing_keys" and each.taken for each in client.get_status().sources):
                time.sleep(0.1)
            ask_and_read_all()
            done = CliRunner().invoke(app, ["log", "rotate", "--retire", "--data", str(data)], env=environ)
            assert "1 old keys retired" in done.output, done.output
            assert len(file.read_text().split()) == 1
            ask_and_read_all()
        assert service.stop() == 0
    report = run(data, environ, "log", "verify")
    assert (report["completeness"], report["kinds"]["rotation"]) == ("verified", 2)
