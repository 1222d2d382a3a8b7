from datetime import date
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from screening import cases, screen
from screening.bundle import Bundle
from screening.facts import vocabulary
from screening.policy.condition import (
    FALSE,
    TRUE,
    UNKNOWN,
    Atom,
    Condition,
    Constant,
    Every,
    Negation,
    Some,
    parse_atom,
    truth,
)
from screening.policy.evaluate import strictest
from screening.policy.explanation import Account, Standing, accounts, lacking

from tests.factories import DETAINER, request

SCENARIOS = Path(__file__).parents[2] / "cases/scenarios.jsonl"
KNOWN = vocabulary("information_request")
YES_OR_NO = [path for path, fact in KNOWN.items() if fact.type == "bool"][:6]
ATOMS = [parse_atom(path, KNOWN) for path in YES_OR_NO]


def conditions(left: list[Atom]) -> st.SearchStrategy[Condition]:
    """Draw conditions that test each fact once."""
    if len(left) == 1:
        return st.sampled_from([left[0], Negation(left[0])])
    half = st.integers(1, len(left) - 1)
    return half.flatmap(
        lambda cut: st.builds(
            lambda kind, one, other, turned: Negation(kind((one, other))) if turned else kind((one, other)),
            st.sampled_from([Every, Some]),
            conditions(left[:cut]),
            conditions(left[cut:]),
            st.booleans(),
        )
    )


@given(condition=conditions(ATOMS), codes=st.tuples(*[st.sampled_from([FALSE, TRUE, UNKNOWN])] * len(ATOMS)))
def test_what_a_rule_lacks_makes_it_hold_once_it_is_given(condition: Condition, codes: tuple[int, ...]) -> None:
    """And nothing is named that is as it should be."""
    known = dict(zip(ATOMS, codes, strict=True))
    tests = lacking(condition, known)
    assert tests is not None
    assert all(known[test.atom] != (TRUE if test.wanted else FALSE) for test in tests)
    assert truth(condition, known | {test.atom: TRUE if test.wanted else FALSE for test in tests}) == TRUE


def test_nothing_helps_a_condition_that_cannot_hold() -> None:
    """It is not said to lack anything."""
    assert lacking(Constant(FALSE), {}) is None
    assert lacking(Every((ATOMS[0], Constant(FALSE))), {ATOMS[0]: TRUE}) is None


def test_where_one_of_several_is_enough_a_missing_fact_is_named_before_a_different_one() -> None:
    """What can be found out is asked for; what is known is not asked to be otherwise."""
    different, missing = ATOMS[:2]
    [test] = lacking(Some((different, missing)), {different: FALSE, missing: UNKNOWN}) or frozenset()
    assert (test.atom, test.missing) == (missing, True)


def explained(bundle: Bundle, asked: screen.Request, day: date) -> list[list[Account]]:
    """Return the accounts of each part of a question that is read in one way."""
    question = screen.question(asked, bundle, day)
    pack = bundle.law.packs[question.pack or "la_city"]
    docket, every = pack.in_force(question.subject, day).docket(question.facts), pack.on_every_day(question.subject)
    whole = every.docket(type(question.facts)())
    codes, parts = question.heard(docket)
    every_codes, every_parts = question.heard(whole)
    found = []
    for place, part in enumerate(parts):
        findings = [docket.finding(code, part) for code in codes]
        finding = strictest(findings)
        by_atom = whole.by_atom(every_codes[findings.index(finding)], every_parts[place])
        found.append(accounts(finding, every.rules, by_atom, day))
    return found


def test_the_rules_that_are_said_to_decide_are_those_of_the_decision(bundle: Bundle) -> None:
    """For one in five of the research cases: one evaluation, told twice."""
    for case in cases.read(SCENARIOS.read_text(encoding="utf-8"), SCENARIOS.name)[::5]:
        asked = case.asked().request
        decision = screen.decide(asked, bundle, case.as_of, lambda _: None)
        told = {
            each.rule.id
            for part in explained(bundle, asked, case.as_of)
            for each in part
            if each.standing is Standing.DECIDES
        }
        silent = {"no_rule", "missing_facts"}
        assert told == {reason.rule_id for reason in decision.reasons if reason.decisive} - silent, case.id


def test_every_rule_of_the_pack_is_accounted_for_once_and_says_what_it_lacks(bundle: Bundle) -> None:
    """No rule is passed over in silence."""
    [part] = explained(bundle, request(DETAINER), date(2026, 11, 20))
    rules = [rule for rule in bundle.law.packs["la_city"].rules if rule.subject == "information_request"]
    assert sorted(each.rule.id for each in part) == sorted(rule.id for rule in rules)
    assert all(each.unmet for each in part if each.standing in (Standing.DIFFERS, Standing.UNSETTLED))
    by_id = {each.rule.id: each for each in part}
    assert by_id["gov_7284_6.transfer"].differing == {"facts.request_kind"}
    assert not by_id["gov_7284_6.transfer"].counts  # it would deny as well


def test_a_rule_of_another_day_is_said_not_to_bind(bundle: Bundle) -> None:
    """On the day before the Values Act its rule on holds is known but not in force."""
    [part] = explained(bundle, request(DETAINER), date(2017, 12, 31))
    standing = {each.rule.id: each.standing for each in part}
    assert standing["gov_7284_6.hold"] is Standing.NOT_IN_FORCE
    assert standing["lapd.detainers_2014"] is Standing.DECIDES


def test_an_exception_is_named_where_it_sets_a_rule_aside(bundle: Bundle) -> None:
    """A release date that is open to everyone is pointed to, although the rule on notification would hold."""
    asked = request(
        DETAINER,
        request_kind="release_notification",
        instrument="none",
        policy_pack="ca_state_only",
        data_categories=["release_date"],
        public_already={"release_date": True},
    )
    accounted = {each.rule.id: each for part in explained(bundle, asked, date(2026, 11, 20)) for each in part}
    assert accounted["gov_7284_6.notification"].standing is Standing.DISPLACED
    exceptions = [rule.id for rule in accounted["gov_7284_6.notification"].exceptions]
    assert "gov_7284_6.notification_public" in exceptions
