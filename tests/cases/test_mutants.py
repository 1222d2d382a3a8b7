"""The cases are held against wrong laws."""

from pathlib import Path

import pytest
import screening
from screening import trial
from screening.bundle import Bundle
from screening.cases import Case, read
from screening.cli.laws.cases import uncovered
from screening.cli.laws.mutants import table
from screening.trial import Held, Suspect

HERE = Path(__file__).parent
LAWS = Path(screening.__file__).parent / "laws"
FILES = [*sorted(LAWS.rglob("*.test.yaml")), *sorted(HERE.glob("*.test.yaml")), HERE / "scenarios.jsonl"]
SURVIVORS = set((HERE / "survivors.txt").read_text(encoding="utf-8").split("\n")) - {""}
EVERY = 40
SHARE = 95


@pytest.fixture(scope="module")
def suspected(bundle: Bundle) -> list[Suspect]:
    """Every mutant of every rule."""
    return trial.suspects(bundle.law)


@pytest.fixture(scope="module")
def held(bundle: Bundle) -> Held:
    """One in four of the cases, and all of those that name the rules that decide them."""
    found: list[Case] = [case for file in FILES for case in read(file.read_text(encoding="utf-8"), file.name)]
    named = [case for case in found if case.decided_by or case.not_decided_by]
    return trial.hold([*named, *[case for case in found if not (case.decided_by or case.not_decided_by)][::4]], bundle)


def test_cases_that_are_held_ready_are_answered_as_by_the_engine(held: Held) -> None:
    """What is only combined anew gives the same answers."""
    assert [case.case.id for cases in held.values() for case in cases if not case.agrees(case.answer)] == []


def test_every_rule_decides_a_case_and_has_a_near_one(held: Held, bundle: Bundle) -> None:
    """What `laws test --coverage` asks for."""
    assert [(words, rule.id) for words, rule in uncovered(held, bundle.law)] == []


def test_a_share_of_the_mutants_is_caught_unless_it_is_known_to_survive(held: Held, suspected: list[Suspect]) -> None:
    """All of them are tried by make mutants."""
    tried = suspected[::EVERY]
    assert [each.name for each in tried if not each.caught(held) and each.name not in SURVIVORS] == []


def test_the_published_figures_are_those_of_this_law(suspected: list[Suspect]) -> None:
    """A change of rules asks for another run of make mutants."""
    names = {each.name for each in suspected}
    assert names >= SURVIVORS
    published = (LAWS / "README.md").read_text(encoding="utf-8")
    assert f"<!-- mutants -->\n{table(suspected, SURVIVORS)}<!-- end -->" in published


def test_nearly_all_mutants_are_caught(suspected: list[Suspect]) -> None:
    """Of all kinds, and of rules that are dropped, answer otherwise or change their days."""
    of_law = [each for each in suspected if each.kind in ("drop", "outcome", "date")]
    for some in (suspected, of_law):
        assert 100 * sum(each.name not in SURVIVORS for each in some) >= SHARE * len(some)
