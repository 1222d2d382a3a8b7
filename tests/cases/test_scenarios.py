from pathlib import Path

import pytest
import screening
from screening import cases
from screening.bundle import Bundle
from screening.cases import Result
from screening.errors import DataFileError

FILE = Path(__file__).with_name("scenarios.jsonl")
WRITTEN_HERE = [
    *sorted((Path(screening.__file__).parent / "laws").rglob("*.test.yaml")),
    *sorted(Path(__file__).parent.glob("*.test.yaml")),
]
FORM = """
cases:
  - id: X
    name: A clerk bakes cakes for pay.
    as_of: 2026-11-20
    rpc: ScreenEmployment
    facts:
      employee_class: civilian_non_filer
      employer_name: Some Bakery
      employer_kind: private_unrelated
      duties_immigration_enforcement: no
      paid: yes
    expected: APPROVAL_REQUIRED
    obligations: [prior_written_approval]
"""


@pytest.fixture(scope="module")
def results(bundle: Bundle) -> list[Result]:
    """The outcome of every case."""
    return cases.run(cases.read(FILE.read_text(encoding="utf-8"), FILE.name), bundle)


def test_every_case_comes_out_as_labelled(results: list[Result]) -> None:
    """Outcome, categories and obligations of all 218."""
    assert len(results) == 218
    assert [result.case.id for result in results if not result.ok] == []


@pytest.mark.parametrize("file", WRITTEN_HERE, ids=lambda file: file.name)
def test_every_case_of_the_law_authors_comes_out_as_labelled(file: Path, bundle: Bundle) -> None:
    """Those beside the law files, and those that cross them."""
    results = cases.run(cases.read(file.read_text(encoding="utf-8"), file.name), bundle)
    assert results
    assert [result.case.id for result in results if not result.ok] == []


def test_every_case_has_an_id_of_its_own() -> None:
    """So that a report names one case."""
    found = [case.id for file in WRITTEN_HERE for case in cases.read(file.read_text(encoding="utf-8"), file.name)]
    assert len(found) == len(set(found))


def test_what_a_file_gives_for_all_its_cases_may_be_overridden_or_taken_back() -> None:
    """A fact that a case sets to null is not given."""
    text = FORM.replace("cases:", "given: {facts: {role: baker, restricted_source: true}}\ncases:").replace(
        "      paid: yes", "      paid: yes\n      restricted_source: null"
    )
    [case] = cases.read(text, "x.test.yaml")
    assert case.facts["role"] == "baker"
    assert "restricted_source" not in case.facts


def test_no_case_to_be_denied_is_allowed(results: list[Result]) -> None:
    """The error that costs somebody their liberty."""
    assert [
        result.case.id for result in results if result.case.expected == "DENY" and result.got.startswith("ALLOW")
    ] == []


def test_a_case_that_is_not_accepted_is_an_error_and_not_an_answer(bundle: Bundle) -> None:
    """A word that the vocabulary does not have is never guessed."""
    [result] = cases.run(cases.read(FORM.replace("civilian_non_filer", "wizard"), "x.test.yaml"), bundle)
    assert (result.got, result.ok) == ("ERROR", False)


def test_cases_of_law_authors_are_yaml_beside_the_law(bundle: Bundle) -> None:
    """The same words as in the JSON lines; each knows where it stands."""
    [result] = cases.run(cases.read(FORM, "x.test.yaml"), bundle)
    assert result.ok
    assert (result.case.file, result.case.line) == ("x.test.yaml", 3)


@pytest.mark.parametrize(
    ("wrong", "right", "problem"),
    [
        ("name:", "nmae:", "unknown field 'nmae'"),
        ("rpc: ScreenEmployment", "rpc: Screen", "the rpc is unknown"),
        ("2026-11-20", "2026-11-31", "a value cannot be read"),
        ("    expected: APPROVAL_REQUIRED\n", "", "a case needs"),
        ("[prior_written_approval]", "prior_written_approval", "'obligations' is not a list"),
    ],
)
def test_a_wrong_case_file_names_file_line_and_remedy(wrong: str, right: str, problem: str) -> None:
    """A mistyped case would otherwise pass for one that holds."""
    with pytest.raises(DataFileError, match=r"^x\.test\.yaml:\d+: .*\. \S") as raised:
        cases.read(FORM.replace(wrong, right), "x.test.yaml")
    assert problem in str(raised.value)
