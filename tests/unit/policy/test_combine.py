import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest
from city.screening.v1 import decision_pb2
from screening.policy.combine import Ruling, decide, stricter, whole
from screening.policy.condition import FALSE, TRUE, UNKNOWN, Constant
from screening.policy.rule import (
    ALLOW,
    ALLOW_IN_PART,
    APPROVAL_REQUIRED,
    DENY,
    REVIEW,
    Outcome,
    Period,
    Rank,
    Rule,
    Source,
)

SOURCE = Source("s", "title", "citation", "state", decision_pb2.PROVENANCE_TEXT, "", "file.yaml")
OUTCOMES: tuple[Outcome, ...] = (ALLOW, APPROVAL_REQUIRED, REVIEW, DENY)


def rule(name: str, rank: Rank, outcome: Outcome | None, exception_to: tuple[str, ...] = ()) -> Rule:
    """Make a rule whose condition does not matter here."""
    return Rule(
        id=name,
        sentence="A sentence.",
        source=SOURCE,
        citation="citation",
        provenance=decision_pb2.PROVENANCE_TEXT,
        subject="information_request",
        rank=rank,
        in_force=Period(None, None),
        suspended=(),
        when=Constant(TRUE),
        outcome=outcome,
        obligations=(),
        exception_to=exception_to,
        line=1,
    )


def completions(truths: dict[Rule, int]) -> Iterator[dict[Rule, int]]:
    """Yield every way in which the unknown truths could turn out."""
    unknown = [rule for rule, code in truths.items() if code == UNKNOWN]
    for values in itertools.product((FALSE, TRUE), repeat=len(unknown)):
        yield truths | dict(zip(unknown, values, strict=True))


def plain(truths: dict[Rule, int]) -> Outcome | None:
    """Work out the answer from first principles, where every truth is known; None is silence."""
    holding = [rule for rule, code in truths.items() if code == TRUE]
    standing = [
        rule
        for rule in holding
        if not any(rule.id in other.exception_to and _stands(other, holding) for other in holding)
    ]
    for rank in Rank:
        outcomes = [rule.outcome for rule in standing if rule.rank is rank and rule.outcome is not None]
        if outcomes:
            return max(outcomes)
    return None


def _stands(rule: Rule, holding: list[Rule]) -> bool:
    return not any(rule.id in other.exception_to and _stands(other, holding) for other in holding)


def test_every_combination_of_three_rules_gives_the_answer_of_the_table() -> None:
    """Exhaustive: ranks, outcomes and truths of three rules, against a second implementation."""
    checked = 0
    for ranks in itertools.product(Rank, repeat=3):
        for outcomes in itertools.product(OUTCOMES, repeat=3):
            rules = [
                rule(f"r{i}", rank, outcome) for i, (rank, outcome) in enumerate(zip(ranks, outcomes, strict=True))
            ]
            for codes in itertools.product((FALSE, TRUE, UNKNOWN), repeat=3):
                truths = dict(zip(rules, codes, strict=True))
                possible = {plain(completion) for completion in completions(truths)}
                expected = next(iter(possible)) if len(possible) == 1 else REVIEW
                assert decide(truths).outcome == (REVIEW if expected is None else expected)
                checked += 1
    assert checked == 27 * 64 * 27


def test_exceptions_of_every_truth_displace_as_the_table_says() -> None:
    """Exhaustive: a rule, its exception, and an exception to the exception."""
    for outcomes in itertools.product(OUTCOMES, repeat=3):
        base = rule("base", Rank.ORDINARY, outcomes[0])
        exception = rule("exception", Rank.ORDINARY, outcomes[1], ("base",))
        counter = rule("counter", Rank.ORDINARY, outcomes[2], ("exception",))
        for codes in itertools.product((FALSE, TRUE, UNKNOWN), repeat=3):
            truths = dict(zip((base, exception, counter), codes, strict=True))
            possible = {plain(completion) for completion in completions(truths)}
            got = decide(truths).outcome
            if len(possible) == 1:
                only = next(iter(possible))
                assert got in ((REVIEW if only is None else only), REVIEW)
            else:
                assert got == REVIEW


def test_a_silent_exception_displaces_without_an_answer() -> None:
    """An exception with no outcome leaves silence, and silence is REVIEW."""
    base = rule("base", Rank.ORDINARY, DENY)
    silent = rule("silent", Rank.ORDINARY, None, ("base",))
    ruling = decide({base: TRUE, silent: TRUE})
    assert (ruling.outcome, ruling.decisive, ruling.unsettled) == (REVIEW, (), ())


def test_no_rule_at_all_is_review() -> None:
    """Nothing known is never permission."""
    assert decide({}).outcome == REVIEW


def test_a_denial_stands_whatever_the_missing_fact_is() -> None:
    """A DENY that holds for sure is not softened by a rule that may hold."""
    sure, maybe = rule("sure", Rank.ORDINARY, DENY), rule("maybe", Rank.ORDINARY, ALLOW)
    assert decide({sure: TRUE, maybe: UNKNOWN}).outcome == DENY


def test_a_missing_fact_that_could_deny_is_review() -> None:
    """An ALLOW that a missing fact could turn is not given."""
    sure, maybe = rule("sure", Rank.ORDINARY, ALLOW), rule("maybe", Rank.ORDINARY, DENY)
    ruling = decide({sure: TRUE, maybe: UNKNOWN})
    assert (ruling.outcome, ruling.unsettled) == (REVIEW, (maybe,))


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ({ALLOW}, ALLOW),
        ({APPROVAL_REQUIRED}, APPROVAL_REQUIRED),
        ({DENY}, DENY),
        ({REVIEW}, REVIEW),
        ({ALLOW, DENY}, ALLOW_IN_PART),
        ({ALLOW, REVIEW}, ALLOW_IN_PART),
        ({ALLOW, REVIEW, DENY}, ALLOW_IN_PART),
        ({REVIEW, DENY}, REVIEW),
    ],
)
def test_the_parts_fold_to_a_whole(outcomes: set[Outcome], expected: Outcome) -> None:
    """Step 6 of the table, every set of part answers."""
    assert whole(outcomes) == expected


def test_of_two_readings_the_stricter_wins() -> None:
    """Strictness follows ruling 50."""
    rulings = [Ruling(outcome, (), (), ()) for outcome in OUTCOMES]
    for first, second in itertools.product(rulings, repeat=2):
        assert stricter(first, second).outcome == max(first.outcome, second.outcome)


def test_suspended_and_dated_rules_bind_on_their_days_only() -> None:
    """Half-open periods of civil days."""
    dated = replace(
        rule("dated", Rank.ORDINARY, DENY),
        in_force=Period(date(2018, 1, 1), date(2020, 1, 1)),
        suspended=(Period(date(2019, 1, 1), date(2019, 2, 1)),),
    )
    days = {
        date(2017, 12, 31): False,
        date(2018, 1, 1): True,
        date(2019, 1, 1): False,
        date(2019, 2, 1): True,
        date(2020, 1, 1): False,
    }
    assert {day: dated.binds(day) for day in days} == days
