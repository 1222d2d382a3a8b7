import csv
import json
import os
import shutil
import sqlite3
import sys
from pathlib import Path

import psutil
import pytest
from screening.cli.app import app
from typer.testing import CliRunner, Result

from tests.factories import ADDRESS_REQUEST, DETAINER
from tests.processes import ServiceProcess

ROOT = Path(__file__).parents[2]
PAYROLL = ROOT / "clients/samples/payroll.csv"
REQUESTS = ROOT / "clients/samples/requests.json"
HEADER = "key,employee_class,employer_name,employer_kind,duties_immigration_enforcement,paid"


def run(*words: object) -> Result:
    """Run the command."""
    return CliRunner().invoke(app, [str(word) for word in words])


def table(path: Path) -> list[dict[str, str]]:
    """Read a result file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_payroll_run_goes_through_a_running_service(tmp_path: Path) -> None:
    """A table for people, a result file, JSON for programs; every row with the index of its record."""
    results = tmp_path / "results.csv"
    with ServiceProcess(tmp_path / "data") as service:
        done = run("employment", PAYROLL, "--target", service.target, "--result", results)
        as_json = run("employment", PAYROLL, "--target", service.target, "--result", results, "--json")
        assert service.stop() == 0
    assert done.exit_code == 0
    rows = table(results)
    assert len(rows) == 42
    assert {row["outcome"] for row in rows} == {"ALLOW", "DENY", "REVIEW", "APPROVAL_REQUIRED"}
    assert all(row["decision_id"] and row["log_index"] for row in rows)
    assert "42 forms" in done.output
    lines = [json.loads(line) for line in as_json.output.splitlines()]
    assert [line["key"] for line in lines] == [row["key"] for row in rows]


def test_requests_go_through_a_running_service(tmp_path: Path) -> None:
    """One panel each."""
    with ServiceProcess(tmp_path / "data") as service:
        done = run("request", REQUESTS, "--target", service.target)
        assert service.stop() == 0
    assert done.exit_code == 0
    said = " ".join(done.output.replace("│", " ").split())
    assert said.count("log index") == len(json.loads(REQUESTS.read_text()))


@pytest.mark.skipif(sys.platform != "linux", reason="the policy is Linux's")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_no_thread_of_a_service_interrupts_another(tmp_path: Path, workers: str) -> None:
    """Those of each process that answers calls: decision record 28."""
    with ServiceProcess(tmp_path / "data", SCREENING_WORKERS=workers) as service:
        first = psutil.Process(service.process.pid)
        answering = first.children() if workers != "1" else [first]
        assert len(answering) == int(workers)
        policies = {os.sched_getscheduler(thread.id) for process in answering for thread in process.threads()}
        assert service.stop() == 0
    assert policies == {os.SCHED_BATCH}


def test_local_decisions_are_marked_as_not_recorded(tmp_path: Path) -> None:
    """They are for study, not for acting."""
    done = run("employment", PAYROLL, "--local", "--result", tmp_path / "r.csv")
    assert done.exit_code == 0
    assert "nothing was recorded" in done.output
    assert "not recorded" in run("request", REQUESTS, "--local").output


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"key,employer_name\na,b\n", "has no column employee_class"),
        ("key,employee_class,employer_name\na,elected,Jos\xe9\n".encode("latin-1"), "is not UTF-8"),
        (b"", "has no column"),
        (f"{HEADER}\na,elected,X,,,\na,elected,Y,,,\n".encode(), "stand more than once"),
        (b"employee_class,employer_name\n\x00\n", ""),
    ],
)
def test_a_csv_that_cannot_be_used_is_refused_as_a_whole(tmp_path: Path, content: bytes, message: str) -> None:
    """With one clear message and an exit code that is not 0."""
    file = tmp_path / "payroll.csv"
    file.write_bytes(content)
    done = run("employment", file, "--local")
    assert done.exit_code != 0
    assert message in " ".join(done.output.split()).replace("│ ", "").replace(" │", "")
    assert done.exception is None or isinstance(done.exception, SystemExit)


def test_a_bad_row_leaves_the_rest_unharmed(tmp_path: Path) -> None:
    """Its message names the column and repeats nothing of the cell; the exit code is 1."""
    file = tmp_path / "payroll.csv"
    rows = [
        "good,civilian_non_filer,Valley Catering,private_unrelated,no,yes",
        "bad,civilian_non_filer,X,private_unrelated,no,SECRET-CELL",
        "blank,civilian_non_filer,,private_unrelated,no,yes",
        "long,civilian_non_filer,X,private_unrelated,no,yes,too,many",
    ]
    file.write_text("\n".join([HEADER, *rows]), encoding="utf-8")
    with ServiceProcess(tmp_path / "data") as service:
        done = run("employment", file, "--target", service.target)
        assert service.stop() == 0
    assert done.exit_code == 1
    outcomes = {row["key"]: (row["outcome"], row["error"]) for row in table(tmp_path / "payroll.results.csv")}
    assert outcomes["good"][0] == "APPROVAL_REQUIRED"
    assert outcomes["bad"] == ("NOT DECIDED", "facts.paid: expects one of: no, unknown, yes")
    assert "facts.employer_name" in outcomes["blank"][1]
    assert "more cells" in outcomes["long"][1]
    assert "SECRET-CELL" not in done.output


def test_a_service_that_is_not_there_fails_every_row_and_loses_none(tmp_path: Path) -> None:
    """Exit code 1, and a result file that says so."""
    file = tmp_path / "payroll.csv"
    file.write_text(f"{HEADER}\na,civilian_non_filer,X,private_unrelated,no,yes\n", encoding="utf-8")
    done = run("employment", file, "--target", "127.0.0.1:1")
    assert done.exit_code == 1
    [row] = table(tmp_path / "payroll.results.csv")
    assert row["outcome"] == "NOT DECIDED"


@pytest.mark.parametrize("content", ["", "[]", "3", '{"city_unit": "lapd"', '["x"]', "[" * 100_000])
def test_a_json_file_that_cannot_be_used_is_refused(tmp_path: Path, content: str) -> None:
    """With a message and an exit code that is not 0."""
    file = tmp_path / "request.json"
    file.write_text(content)
    done = run("request", file, "--local")
    assert done.exit_code != 0
    assert done.exception is None or isinstance(done.exception, SystemExit)


def test_a_request_with_a_wrong_word_is_not_decided(tmp_path: Path) -> None:
    """And the others are."""
    file = tmp_path / "requests.json"
    file.write_text(json.dumps([{**ADDRESS_REQUEST, "purpose": "mischief"}, ADDRESS_REQUEST]))
    done = run("request", file, "--local")
    assert done.exit_code == 1
    assert "NOT DECIDED" in done.output
    assert "DENY" in done.output


def test_a_formula_in_a_result_file_stays_text(tmp_path: Path) -> None:
    """A spreadsheet must not run what somebody wrote into a key."""
    file = tmp_path / "payroll.csv"
    file.write_text(f"{HEADER}\n=1+1,civilian_non_filer,X,private_unrelated,no,yes\n", encoding="utf-8")
    run("employment", file, "--local")
    [row] = table(tmp_path / "payroll.results.csv")
    assert row["key"] == "'=1+1"


def test_the_cases_are_run_with_sums_for_programs() -> None:
    """The contract of `laws test --json`."""
    done = run("laws", "test", ROOT / "tests/cases/scenarios.jsonl", "--json")
    lines = [json.loads(line) for line in done.output.splitlines()]
    assert set(lines[0]) == {"id", "expected", "got", "ok", "per_category_ok", "obligations_missing"}
    assert set(lines[-1]) == {"cases", "ok", "per_category_ok"}
    assert lines[-1]["cases"] == 218
    assert done.exit_code == 0


def test_a_case_that_falls_short_is_exit_1_and_all_right_is_exit_0(tmp_path: Path) -> None:
    """A program can rely on it."""
    lines = (ROOT / "tests/cases/scenarios.jsonl").read_text(encoding="utf-8").splitlines()
    file = tmp_path / "cases.jsonl"
    file.write_text(lines[0])
    assert run("laws", "test", file).exit_code == 0
    file.write_text(lines[0].replace('"expected": "DENY"', '"expected": "ALLOW"'))
    assert run("laws", "test", file).exit_code == 1
    file.write_text('{"id": 1}')
    assert run("laws", "test", file).exit_code == 2


def test_cases_beside_the_law_are_run_without_naming_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`laws test` alone takes every `*.test.yaml` of the bundle, and the bundle itself is the same with or without."""
    root = tmp_path / "bundle"
    for folder in ("laws", "registry", "lexicon"):
        shutil.copytree(ROOT / "service/screening" / folder, root / folder)
    for file in root.rglob("*.test.yaml"):
        file.unlink()
    monkeypatch.setenv("SCREENING_BUNDLE", str(root))
    before = run("laws", "check").output
    case = {"id": "A", "rpc": "ScreenInformationRequest", "as_of": "2026-11-20", "facts": DETAINER, "expected": "DENY"}
    (root / "laws/us/own.test.yaml").write_text(json.dumps({"cases": [case]}))
    assert run("laws", "test").exit_code == 0
    (root / "laws/us/own.test.yaml").write_text(json.dumps({"cases": [case | {"expected": "ALLOW"}]}))
    assert run("laws", "test").exit_code == 1
    assert run("laws", "check").output == before


def test_the_law_is_checked_offline() -> None:
    """`laws check` says what would load."""
    done = run("laws", "check")
    assert done.exit_code == 0
    assert "la_city" in done.output


def test_names_are_tested_with_sums_for_programs() -> None:
    """The contract of `names test --json`."""
    done = run("names", "test", ROOT / "tests/cases/names_dev.tsv", "--json")
    sums = json.loads(done.output.splitlines()[-1])
    assert set(sums) == {"cases", "precision", "recall", "false_positives", "false_negatives", "review_rate"}
    assert (sums["cases"], sums["precision"], sums["false_positives"]) == (372, 1.0, 0)


def test_a_log_is_verified_and_damage_is_exit_1(tmp_path: Path) -> None:
    """0 against its anchor, 3 without one, 1 once a byte has changed, 2 where there is no log."""
    data = tmp_path / "data"
    with ServiceProcess(data) as service:
        run("request", REQUESTS, "--target", service.target)
        assert service.stop() == 0
    good = run("log", "verify", "--data", data, "--json")
    assert (good.exit_code, json.loads(good.output)["completeness"]) == (0, "verified")
    alone = run("log", "verify", "--data", data, "--anchor", tmp_path / "none", "--json")
    assert (alone.exit_code, json.loads(alone.output)["completeness"]) == (3, "unproven")
    with sqlite3.connect(data / "log.db") as connection:
        connection.execute(
            "UPDATE record SET canonical = CAST(replace(CAST(canonical AS TEXT), 'DENY', 'ALLO') AS BLOB)"
        )
    connection.close()
    damaged = run("log", "verify", "--data", data)
    assert damaged.exit_code == 1
    assert "BROKEN" in damaged.output
    assert run("log", "verify", "--data", tmp_path / "nowhere").exit_code == 2
