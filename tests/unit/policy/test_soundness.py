import pytest
from screening.bundle import Bundle
from screening.policy.law import Law
from screening.policy.soundness import Fault, faults

PACK = "id: test\ntitle: Test\nfolders: [test]\n"
HEAD = """
source: {id: test, title: A law, citation: Law 1, layer: city, provenance: T}
preamble: Words.
subject: information_request
rules:
"""
HOLD = """
  - id: hold
    sentence: Nobody is held.
    when: [facts.request_kind == DETAINER_HOLD]
    outcome: DENY
"""
OBLIGATIONS = "log_request: Record it.\nlimit_to_scope: Do only what the paper covers.\n"


def found(rules: str, obligations: str = OBLIGATIONS) -> list[Fault]:
    """Return what does not fit in a law of one file, unasked obligations and unnamed kinds aside."""
    files = {
        "packs/test.yaml": PACK,
        "test/law.yaml": HEAD + HOLD + rules,
        "obligations.yaml": obligations,
        "questions.yaml": "facts.purpose: Why?\n",
    }
    everything = faults(Law(files, {}))
    return [fault for fault in everything if fault.file == "test/law.yaml"]


def test_the_shipped_law_has_no_error_and_every_warning_its_place(bundle: Bundle) -> None:
    """What counsel should look at is printed with file and line."""
    shipped = faults(bundle.law)
    assert [fault for fault in shipped if fault.is_error] == []
    assert all(fault.line for fault in shipped)
    assert len(set(shipped)) == len(shipped)


@pytest.mark.parametrize(
    ("rules", "words", "is_error"),
    [
        (
            "  - {id: never, sentence: S., when: [facts.in_custody, none: [facts.in_custody]], outcome: DENY}",
            "test.never can never hold: no facts meet its condition",
            True,
        ),
        (
            (
                "  - {id: lost, sentence: S., when: [facts.request_kind == TRANSFER], outcome: DENY, effective_from: 2020-01-01,"
                " suspended: [{from: 2019-01-01, citation: C}]}"
            ),
            "test.lost never binds: it is suspended on all its days",
            True,
        ),
        (
            (
                "  - {id: excepted, sentence: S., when: [facts.request_kind == TRANSFER], outcome: DENY}\n"
                "  - {id: whole, sentence: S., when: ['facts.request_kind in [TRANSFER, ARREST]'], outcome: ALLOW,"
                " exception_to: [test.excepted]}"
            ),
            "test.excepted can never speak: an exception holds whenever it does",
            True,
        ),
        (
            (
                "  - {id: scope, sentence: S., when: [facts.request_kind == TRANSFER], outcome: DENY,"
                " obligations: [limit_to_scope]}"
            ),
            "test.scope denies, so nobody can meet its obligation limit_to_scope",
            True,
        ),
        (
            "  - {id: milder, sentence: S., when: [facts.request_kind == DETAINER_HOLD, facts.in_custody], outcome: REVIEW}",
            "test.milder never decides: test.hold (test/law.yaml:7) holds whenever it does",
            False,
        ),
        (
            "  - {id: permit, sentence: S., when: ['facts.request_kind in [DETAINER_HOLD, TRANSFER]'], outcome: ALLOW}",
            "test.permit permits and test.hold (test/law.yaml:7) denies the same; neither is an exception",
            False,
        ),
    ],
)
def test_what_does_not_fit_is_named(rules: str, words: str, is_error: bool) -> None:  # noqa: FBT001  # drawn
    """With its level."""
    assert (words, is_error) in [(fault.words, fault.is_error) for fault in found(rules)]


@pytest.mark.parametrize(
    "rules",
    [
        (
            "  - {id: exception, sentence: S., when: [facts.request_kind == DETAINER_HOLD, facts.in_custody], outcome: ALLOW,"
            " exception_to: [test.hold]}"
        ),
        "  - {id: other, sentence: S., when: [facts.request_kind == TRANSFER], outcome: ALLOW, obligations: [limit_to_scope]}",
    ],
)
def test_what_fits_is_left_alone(rules: str) -> None:
    """An exception, a rule of other facts, and what the stricter rule is meant to decide."""
    assert found(rules) == []


def test_a_rule_that_binds_when_the_stricter_one_does_not_is_left_alone() -> None:
    """Before a denial began, the milder rule decided."""
    dated = HOLD.replace("outcome: DENY", "outcome: DENY\n    effective_from: 2018-01-01")
    rules = "  - {id: before, sentence: S., when: [facts.request_kind == DETAINER_HOLD], outcome: REVIEW}"
    files = {
        "packs/test.yaml": PACK,
        "test/law.yaml": HEAD + dated + rules,
        "obligations.yaml": OBLIGATIONS,
        "questions.yaml": "facts.purpose: Why?\n",
    }
    assert [fault.words for fault in faults(Law(files, {})) if fault.file == "test/law.yaml"] == []


def test_a_duty_of_an_outcome_that_is_never_given_is_an_error() -> None:
    """Nobody will ever be told of it."""
    duties = "duties:\n  - {id: report, when: [facts.in_custody], with_outcome: [APPROVAL_REQUIRED], obligations: [log_request]}"
    assert [(fault.words, fault.is_error) for fault in found(duties)] == [
        ("the duty test.report can never arise: no answer is one of its outcomes", True)
    ]


def test_unasked_obligations_and_unnamed_kinds_are_warnings() -> None:
    """A duty that never comes up, and a kind of request for which only a person is left."""
    files = {
        "packs/test.yaml": PACK,
        "test/law.yaml": HEAD + HOLD,
        "obligations.yaml": "# words\n" + OBLIGATIONS,
        "questions.yaml": "facts.purpose: Why?\n",
    }
    warnings = {(fault.file, fault.line): fault.words for fault in faults(Law(files, {})) if not fault.is_error}
    assert warnings["obligations.yaml", 2] == "no rule or duty asks for log_request"
    assert "no rule names RELEASE_NOTIFICATION, TRANSFER" in warnings["packs/test.yaml", 1]
