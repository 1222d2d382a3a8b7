from pathlib import Path

import pytest
from screening import cases
from screening.bundle import Bundle
from screening.cases import Result

FILE = Path(__file__).with_name("scenarios.jsonl")


@pytest.fixture(scope="module")
def results(bundle: Bundle) -> list[Result]:
    """The outcome of every case."""
    return cases.run(FILE.read_text(encoding="utf-8").splitlines(), bundle)


def test_every_case_comes_out_as_labelled(results: list[Result]) -> None:
    """Outcome, categories and obligations of all 218."""
    assert len(results) == 218
    assert [result.id for result in results if not result.ok] == []


def test_no_case_to_be_denied_is_allowed(results: list[Result]) -> None:
    """The error that costs somebody their liberty."""
    assert [result.id for result in results if result.expected == "DENY" and result.got.startswith("ALLOW")] == []


def test_a_case_that_is_not_accepted_is_an_error_and_not_an_answer(bundle: Bundle) -> None:
    """A word that the vocabulary does not have is never guessed."""
    case = {
        "id": "X",
        "rpc": "ScreenEmployment",
        "as_of": "2026-11-20",
        "facts": {"employee_class": "wizard"},
        "expected": "ALLOW",
    }
    result = cases.run_case(case, bundle)
    assert (result.got, result.ok) == ("ERROR", False)
