"""The tools for the people who write the law files."""

import json
import re
import shutil
from pathlib import Path

import pytest
from screening.bundle import Bundle
from screening.cli.app import app
from typer.testing import CliRunner, Result

from tests.factories import DETAINER

ROOT = Path(__file__).parents[2]
CASE = {"id": "A", "rpc": "ScreenInformationRequest", "as_of": "2026-11-20", "facts": DETAINER, "expected": "DENY"}


def run(*words: object) -> Result:
    """Run the command."""
    return CliRunner().invoke(app, ["laws", *map(str, words)])


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the shipped law."""
    for folder in ("laws", "registry", "lexicon"):
        shutil.copytree(ROOT / "service/screening" / folder, tmp_path / "new" / folder)
    return tmp_path / "new"


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """Return a file with one case."""
    file = tmp_path / "cases.jsonl"
    file.write_text(json.dumps(CASE))
    return file


def test_a_share_of_the_law_is_proved_with_what_was_covered() -> None:
    """The output says how many combinations, through how many the engine went, and how long it took."""
    done = run("prove", "--since", "2024-12-09", "--share", "CONSULAR_NOTIFICATION")
    assert done.exit_code == 0
    assert "holds judges_instrument" in done.output
    assert "combinations of facts, each with one outcome" in done.output


def test_a_broken_invariant_fails_with_its_place_and_a_counterexample(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever changes a rule learns which promise it breaks, and by which facts."""
    file = copy / "laws/us_ca_los_angeles/invariants.yaml"
    file.write_text(file.read_text().replace("never: [DENY]", "never: [DENY, ALLOW]"))
    monkeypatch.setenv("SCREENING_BUNDLE", str(copy))
    done = run("prove", "--since", "2024-12-09", "--share", "ARREST", "--share", "TRANSFER")
    assert done.exit_code == 1
    assert "BROKEN judges_instrument (us_ca_los_angeles/invariants.yaml:" in done.output
    assert "is answered ALLOW" in done.output


def test_an_unknown_share_or_pack_is_a_mistake_of_the_caller() -> None:
    """Nothing proved must not read as everything proved."""
    assert run("prove", "--share", "NOTHING").exit_code == 2
    assert run("prove", "--pack", "nowhere").exit_code == 2


def test_coverage_fails_while_a_rule_decides_no_case(cases: Path) -> None:
    """One case cannot cover the law, and without the option that is no fault."""
    assert run("test", cases).exit_code == 0
    done = run("test", cases, "--coverage")
    assert done.exit_code == 1
    assert "no case is decided by" in done.output


def test_a_change_of_law_shows_the_cases_that_it_changes(copy: Path, cases: Path) -> None:
    """The effect of a change is known beforehand."""
    old = ROOT / "service/screening"
    assert run("diff", old, copy, cases).exit_code == 0
    for file in (copy / "laws").rglob("*.yaml"):
        file.write_text(file.read_text().replace("outcome: DENY", "outcome: REVIEW"))
    done = run("diff", old, copy, cases)
    assert done.exit_code == 1
    assert "was DENY by" in done.output
    assert "now REVIEW by" in done.output


def test_a_rule_that_can_never_hold_is_an_error_with_its_place(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What loads may still not fit."""
    file = copy / "laws/us_ca/bail_recovery.yaml"
    file.write_text(file.read_text().replace("YES\n", "YES\n      - facts.duties_immigration_enforcement == NO\n"))
    monkeypatch.setenv("SCREENING_BUNDLE", str(copy))
    done = run("check")
    assert done.exit_code == 1
    assert "error: us_ca/bail_recovery.yaml:13: sb_805.bail_recovery can never hold" in done.output


def test_wrongs_that_no_case_notices_are_listed_and_published(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the cases of one file little else is noticed than what concerns it."""
    for file in (copy / "laws").rglob("*.test.yaml"):
        if file.name != "gov_7284_6.rules.test.yaml":
            file.unlink()
    monkeypatch.setenv("SCREENING_BUNDLE", str(copy))
    readme, survivors = copy / "laws/README.md", copy / "survivors.txt"
    done = run("mutants", "--every", "150", "--readme", readme, "--survivors", survivors)
    assert done.exit_code == 1
    missed = survivors.read_text().splitlines()
    assert missed
    assert all(f"not caught: {name} (" in done.output for name in missed)
    assert not any(name.startswith("gov_7284_6.") for name in missed if "without entry" not in name)
    row = re.search(r"\| all \| (\d+) \| (\d+) \|", readme.read_text())
    assert row is not None
    tried, caught = int(row[1]), int(row[2])
    assert (tried > len(missed), tried - caught) == (True, len(missed))


@pytest.fixture
def question(tmp_path: Path) -> Path:
    """Return a file with one form: a detainer without a judge's paper."""
    file = tmp_path / "request.json"
    file.write_text(json.dumps({**DETAINER, "as_of": "2026-11-20"}))
    return file


def test_an_answer_is_explained_to_a_clerk_with_what_one_fact_would_change(question: Path) -> None:
    """Which rules applied, which did not and why, and what to do."""
    done = run("explain", question, "--for", "clerk")
    assert done.exit_code == 0
    assert "DENY. It must not be done." in done.output
    assert "Nobody is kept in custody past release on a hold request. [Cal. Gov. Code 7284.6(a)(1)(B)]" in done.output
    assert "the paper is i247a; it would have to be civil inspection warrant" not in done.output  # that denies as well
    assert "the paper is i247a; it would have to be congressional subpoena or discovery request" in done.output
    assert "Give the person a copy of the request." in done.output


def test_counsel_is_told_of_every_rule_with_its_place(question: Path, bundle: Bundle) -> None:
    """None is passed over in silence."""
    done = run("explain", question, "--for", "counsel")
    rules = [rule for rule in bundle.law.packs["la_city"].rules if rule.subject == "information_request"]
    assert [rule.id for rule in rules if f"{rule.id} ({rule.source.file}:{rule.line})" not in done.output] == []
    assert "does not hold: Licence-plate reader data." in done.output


def test_the_public_reads_no_name_of_a_rule_and_no_duty_of_staff(question: Path) -> None:
    """Sentences and citations only."""
    done = run("explain", question, "--for", "public")
    assert "Nobody is kept in custody past release on a hold request." in done.output
    assert "gov_7284_6" not in done.output
    assert "Give the person a copy" not in done.output


def test_a_missing_fact_is_asked_for_and_named_at_the_rules_that_wait_for_it(tmp_path: Path) -> None:
    """A case of the case files is explained as well as a form."""
    file = tmp_path / "case.json"
    facts = {**DETAINER, "request_kind": "personal_info", "data_categories": ["home_address"], "instrument": "none"}
    facts |= {"requester_agency": "fbi", "purpose": "unknown"}
    file.write_text(json.dumps({**CASE, "facts": facts}))
    done = run("explain", file)
    assert "REVIEW." in done.output
    assert "To decide, find out: Why is it asked?" in done.output
    assert "purpose is unknown; it would have to be audit or litigation" in done.output


def test_a_form_that_is_not_accepted_is_not_explained(tmp_path: Path) -> None:
    """Nothing is guessed, and what was written is not repeated."""
    file = tmp_path / "request.json"
    file.write_text(json.dumps({**DETAINER, "instrument": "secret word"}))
    done = run("explain", file)
    assert done.exit_code == 1
    assert "NOT DECIDED: facts.instrument" in done.output
    assert "secret" not in done.output


@pytest.mark.parametrize("form", ["markdown", "html"])
def test_the_document_for_sign_off_has_every_rule_of_the_pack(form: str, bundle: Bundle) -> None:
    """Counsel signs what is in force, all of it."""
    done = run("render", "--pack", "la_city", "--form", form)
    assert done.exit_code == 0
    mark = "### " if form == "markdown" else "<h3>"
    headings = [line for line in done.output.splitlines() if line.startswith(mark)]
    pack = bundle.law.packs["la_city"]
    assert len(headings) == len(pack.rules) + len(pack.duties)
    assert "<script" not in done.output
