import itertools
from typing import Any

import pytest
from screening.facts import vocabulary
from screening.policy.condition import (
    FALSE,
    TRUE,
    UNKNOWN,
    Atom,
    Condition,
    ConditionError,
    Constant,
    Every,
    Negation,
    Some,
    fold,
    parse_atom,
    truth,
)
from screening.policy.program import Program

from tests.factories import request

REQUEST = vocabulary("information_request")


def atom(text: str) -> Atom:
    """Parse an atom on an information request."""
    return parse_atom(text, REQUEST)


def code(text: str, **changes: Any) -> int:
    """Evaluate one atom on a detainer with changes."""
    facts = request(**changes).facts
    return Program("information_request", [atom(text)]).run({"facts": facts})[0]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("facts.no_such_fact == X", "there is no fact"),
        ("facts.request_kind == NO_SUCH_VALUE", "has no value"),
        ("facts.request_kind == 3", "has no value"),
        ("facts.request_kind == ICE_ERO", "has no value"),  # a value of another enum
        ("facts.request_kind", "not a yes-or-no fact"),
        ("facts.in_custody == TRUE", "no named values"),
        ("facts.convictions[0].prop47_reduced", "none of the forms"),
        ("facts.requested_days / 0 == 1", "none of the forms"),
        ("int(facts.scope) == 1", "none of the forms"),
        ("HOME_ADDRESS in facts.instrument", "not a list"),
        ("", "none of the forms"),
    ],
)
def test_only_total_tests_of_declared_facts_can_be_written(text: str, problem: str) -> None:
    """What could fail at run time, or compare an enum with a stranger, does not parse."""
    with pytest.raises(ConditionError, match=problem):
        atom(text)


def test_a_decisive_fact_that_is_absent_makes_the_atom_unknown() -> None:
    """facility_area is DECISIVE."""
    assert code("facts.facility_area == PUBLIC") == UNKNOWN
    assert code("facts.facility_area == PUBLIC", facility_area="public") == TRUE
    assert code("facts.facility_area == PUBLIC", facility_area="nonpublic") == FALSE


def test_a_value_unknown_counts_as_absence_unless_it_is_asked_for() -> None:
    """A person who says "unknown" has not decided the question."""
    assert code("facts.purpose == CRIMINAL_UNRELATED", purpose="unknown") == UNKNOWN
    assert code("facts.purpose == UNKNOWN", purpose="unknown") == TRUE
    assert code("facts.purpose in [AUDIT, UNKNOWN]", purpose="unknown") == TRUE


def test_a_claim_that_is_absent_is_not_claimed() -> None:
    """consent_form_signed is a CLAIM."""
    assert code("facts.consent_form_signed") == FALSE
    assert code("facts.consent_form_signed", consent_form_signed=True) == TRUE
    assert code("has(facts.consent_form_signed)", consent_form_signed=False) == TRUE


def test_a_list_fact_is_searched_for_a_value() -> None:
    """`VALUE in facts.list` looks for the value among those given."""
    assert code("HOME_ADDRESS in facts.data_categories", data_categories=["home_address", "phone"]) == TRUE
    assert code("HOME_ADDRESS in facts.data_categories", data_categories=["phone"]) == FALSE
    assert code("has(facts.data_categories)") == FALSE
    one_of = "facts.data_categories.exists(each, each in [HOME_ADDRESS, WORK_ADDRESS])"
    assert code(one_of, data_categories=["phone", "work_address"]) == TRUE
    assert code(one_of, data_categories=["phone"]) == FALSE
    assert code(one_of) == FALSE


def test_an_error_of_the_engine_is_unknown_and_never_true() -> None:
    """The engine returns an error as a value that is truthy; it must not pass for TRUE, nor spoil other facts' atoms."""
    broken = Atom("broken", "facts.scope", (), "facts.convictions[3].prop47_reduced ? 1 : 0")
    facts = request(in_custody=True).facts
    assert Program("information_request", [broken, atom("facts.in_custody")]).run({"facts": facts}) == (UNKNOWN, TRUE)


A, B = atom("facts.in_custody"), atom("facts.juvenile")
KLEENE_AND = {pair: min(pair, key=(FALSE, UNKNOWN, TRUE).index) for pair in itertools.product((0, 1, 2), repeat=2)}


@pytest.mark.parametrize("pair", KLEENE_AND)
def test_connectives_follow_kleene(pair: tuple[int, int]) -> None:
    """All nine combinations of three truth values, for every, any and none."""
    codes = dict(zip((A, B), pair, strict=True))
    conjunction = KLEENE_AND[pair]
    assert truth(Every((A, B)), codes) == conjunction
    negated = {FALSE: TRUE, TRUE: FALSE, UNKNOWN: UNKNOWN}
    swapped = {key: negated[value] for key, value in codes.items()}
    assert truth(Some((A, B)), codes) == negated[truth(Every((A, B)), swapped)]
    assert truth(Negation(Every((A, B))), codes) == negated[conjunction]


def test_folding_never_changes_the_truth() -> None:
    """A condition folded for a known kind is as true as before."""
    kind = atom("facts.request_kind in [TRANSFER, DETAINER_HOLD]")
    conditions: list[Condition] = [
        Every((kind, A)),
        Some((kind, A)),
        Negation(kind),
        Every((Negation(kind), A)),
        Some((Negation(kind), B)),
    ]
    for known, truth_of_kind in (("TRANSFER", TRUE), ("ALPR", FALSE)):
        for values in itertools.product((0, 1, 2), repeat=2):
            codes = {kind: truth_of_kind, **dict(zip((A, B), values, strict=True))}
            for condition in conditions:
                folded = fold(condition, {"facts.request_kind": known})
                assert truth(folded, codes) == truth(condition, codes)


def test_a_condition_that_cannot_hold_folds_to_false() -> None:
    """Rules for other kinds cost nothing."""
    kind = atom("facts.request_kind == TRANSFER")
    assert fold(Every((kind, A)), {"facts.request_kind": "ALPR"}) == Constant(FALSE)
