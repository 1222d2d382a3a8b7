from datetime import date

import pytest
from screening.errors import DataFileError
from screening.policy.law import Law
from screening.policy.load import load
from screening.yamlfile import parse

GOOD = """
source:
  id: test
  title: A law
  citation: Test Code 1
  layer: state
  provenance: T
  effective_from: 2018-01-01
subject: information_request
rules:
  - id: first
    sentence: Nobody is held.
    when:
      - facts.request_kind == DETAINER_HOLD
    outcome: DENY
    obligations: [log_request]
"""
TOKENS = {"log_request": "Record it."}

BAD = {
    "syntax error": (GOOD.replace("rules:", "rules: ["), "not YAML"),
    "unknown field": (
        GOOD.replace("    outcome: DENY", "    outcome: DENY\n    colour: red"),
        "unknown field 'colour'",
    ),
    "unknown field of the file": (GOOD + "extra: 1\n", "unknown field 'extra'"),
    "duplicate rule id": (GOOD + GOOD[GOOD.index("  - id: first") :], "stands twice"),
    "key twice": (GOOD.replace("    outcome: DENY", "    outcome: DENY\n    outcome: ALLOW"), "stands twice"),
    "a date that does not exist": (GOOD.replace("2018-01-01", "2018-02-30"), "cannot be read"),
    "a date that is text": (GOOD.replace("2018-01-01", "soon"), "is not a date"),
    "effective_to before effective_from": (
        GOOD.replace("2018-01-01", "2018-01-01\n  effective_to: 2017-01-01"),
        "effective_to is before",
    ),
    "exception to a rule that does not exist": (
        GOOD.replace("    outcome: DENY", "    outcome: DENY\n    exception_to: [test.other]"),
        "does not exist",
    ),
    "rule that displaces itself": (
        GOOD.replace("    outcome: DENY", "    outcome: DENY\n    exception_to: [test.first]"),
        "displaces itself",
    ),
    "undefined obligation": (GOOD.replace("[log_request]", "[sing]"), "'sing' is not defined"),
    "empty condition list": (
        GOOD.replace("      - facts.request_kind == DETAINER_HOLD\n", "      []\n"),
        "list is empty",
    ),
    "a term that is a list": (
        GOOD.replace("facts.request_kind == DETAINER_HOLD", "is: [a]"),
        "'is' is missing or is not a text",
    ),
    "empty any": (GOOD.replace("facts.request_kind == DETAINER_HOLD", "any: []"), "not empty"),
    "missing condition": (
        GOOD.replace("    when:\n      - facts.request_kind == DETAINER_HOLD\n", ""),
        "condition is missing",
    ),
    "fact that does not exist": (GOOD.replace("facts.request_kind", "facts.mood"), "no fact 'facts.mood'"),
    "value that does not exist": (GOOD.replace("DETAINER_HOLD", "HUG"), "has no value HUG"),
    "enum compared with a number": (GOOD.replace("DETAINER_HOLD", "1"), "has no value 1"),
    "undefined term": (GOOD.replace("facts.request_kind == DETAINER_HOLD", "is: unheard_of"), "no term 'unheard_of'"),
    "term that means itself": (
        GOOD + "terms:\n  - term: circle\n    means: Itself.\n    when:\n      - is: circle\n",
        "means itself",
    ),
    "unknown outcome": (GOOD.replace("outcome: DENY", "outcome: MAYBE"), "unknown outcome 'MAYBE'"),
    "an opening rule that permits": (
        GOOD.replace("    outcome: DENY", "    rank: OPENING\n    outcome: ALLOW"),
        "can only lead to a person",
    ),
    "unknown layer": (GOOD.replace("layer: state", "layer: galactic"), "unknown layer"),
    "unknown provenance": (GOOD.replace("provenance: T", "provenance: X"), "unknown provenance"),
    "unknown subject": (GOOD.replace("subject: information_request", "subject: weather"), "unknown subject"),
    "missing citation": (GOOD.replace("  citation: Test Code 1\n", ""), "'citation' is missing"),
    "missing sentence": (GOOD.replace("    sentence: Nobody is held.\n", ""), "'sentence' is missing"),
    "rule without outcome": (GOOD.replace("    outcome: DENY\n", ""), "must be an exception"),
    "unknown setting": (GOOD.replace("2018-01-01", "{setting: whim, default: 2018-01-01}"), "no setting 'whim'"),
    "empty file": ("", "empty or is not a mapping"),
}


def test_a_good_file_loads() -> None:
    """The file that the bad ones are made from is right itself."""
    draft = load([parse(GOOD, "test.yaml")], {}, TOKENS)
    assert list(draft.rules) == ["test.first"]


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_law_file_stops_the_load_with_file_line_and_remedy(name: str) -> None:
    """Each kind of mistake is named, with where it stands and what mends it."""
    text, problem = BAD[name]
    with pytest.raises(DataFileError, match=r"^test\.yaml:\d+: .*\. \S") as raised:
        load([parse(text, "test.yaml")], {}, TOKENS)
    assert problem in str(raised.value)


LINES = {
    "syntax error": 11,
    "unknown field": 16,
    "duplicate rule id": 17,
    "a date that does not exist": 8,
    "effective_to before effective_from": 9,
    "exception to a rule that does not exist": 11,
    "undefined obligation": 16,
    "empty condition list": 13,
    "value that does not exist": 13,
    "unknown outcome": 15,
}
"""The line to which each mistake is traced: that of the field, or of the rule for what only the whole pack shows."""


@pytest.mark.parametrize("name", LINES)
def test_the_line_is_that_of_the_mistake(name: str) -> None:
    """Whoever wrote it finds it without reading the file."""
    with pytest.raises(DataFileError, match=rf"^test\.yaml:{LINES[name]}: "):
        load([parse(BAD[name][0], "test.yaml")], {}, TOKENS)


def test_a_setting_moves_a_date() -> None:
    """Dates that are the operator's configuration come from settings, with the documented default."""
    text = GOOD.replace("2018-01-01", "{setting: start, default: 2018-01-01}")
    default = load([parse(text, "test.yaml")], {"start": None}, TOKENS).rules["test.first"]
    moved = load([parse(text, "test.yaml")], {"start": date(2020, 5, 1)}, TOKENS).rules["test.first"]
    assert (default.in_force.start, moved.in_force.start) == (date(2018, 1, 1), date(2020, 5, 1))


def test_a_pack_without_rules_does_not_load() -> None:
    """An empty pack would answer everything with silence."""
    files = {
        "packs/p.yaml": "id: p\ntitle: P\nfolders: [none]\n",
        "obligations.yaml": "log_request: Record.",
        "questions.yaml": "a: b",
    }
    with pytest.raises(DataFileError, match="has no law file"):
        Law(files, {})


def test_no_pack_at_all_does_not_load() -> None:
    """A service without law must not start."""
    with pytest.raises(DataFileError, match="there is no pack"):
        Law({"obligations.yaml": "log_request: Record.", "questions.yaml": "a: b"}, {})
