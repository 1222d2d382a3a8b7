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
        own=Constant(TRUE),
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
    of_rank = {rank: [rule.outcome for rule in standing if rule.rank is rank and rule.outcome] for rank in Rank}
    if of_rank[Rank.COMPELLED]:
        return max(of_rank[Rank.COMPELLED])
    others = of_rank[Rank.SAVING] or of_rank[Rank.ORDINARY]
    if of_rank[Rank.OPENING]:
        return min(REVIEW, max(others, default=REVIEW))
    return max(others, default=None)


def _stands(rule: Rule, holding: list[Rule]) -> bool:
    return not any(rule.id in other.exception_to and _stands(other, holding) for other in holding)


def test_every_combination_of_three_rules_gives_the_answer_of_the_table() -> None:
    """Exhaustive: ranks, outcomes and truths of three rules, against a second implementation."""
    checked = 0
    for ranks in itertools.product(Rank, repeat=3):
        for outcomes in itertools.product(*(OUTCOMES if rank is not Rank.OPENING else (REVIEW,) for rank in ranks)):
            rules = [
                rule(f"r{i}", rank, outcome) for i, (rank, outcome) in enumerate(zip(ranks, outcomes, strict=True))
            ]
            for codes in itertools.product((FALSE, TRUE, UNKNOWN), repeat=3):
                truths = dict(zip(rules, codes, strict=True))
                possible = {plain(completion) for completion in completions(truths)}
                expected = next(iter(possible)) if len(possible) == 1 else REVIEW
                assert decide(truths).outcome == (REVIEW if expected is None else expected)
                checked += 1
    assert checked == (3 * len(OUTCOMES) + 1) ** 3 * 27


def test_exceptions_of_every_truth_displace_as_the_table_says() -> None:
    """Exhaustive: a rule, its exception, and an exception to the exception."""
    for outcomes, rank in itertools.product(itertools.product((*OUTCOMES, None), repeat=3), Rank):
        base = rule("base", Rank.ORDINARY, outcomes[0])
        exception = rule(
            "exception", rank, outcomes[1] and (REVIEW if rank is Rank.OPENING else outcomes[1]), ("base",)
        )
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


def test_a_stricter_part_never_makes_the_whole_milder() -> None:
    """Exhaustive for three parts; so what is proved of each part carries over to the whole."""
    of_parts = (ALLOW, REVIEW, DENY)
    for parts in itertools.product(of_parts, repeat=3):
        for place, outcome in itertools.product(range(3), of_parts):
            if outcome >= parts[place]:
                assert whole([*parts[:place], outcome, *parts[place + 1 :]]) >= whole(parts)


def test_an_opening_rule_softens_a_denial_and_hardens_nothing() -> None:
    """Exhaustive: with it, what would be denied is looked at, and nothing is stricter than without it."""
    opening = rule("opening", Rank.OPENING, REVIEW)
    for rank, outcome in itertools.product((Rank.SAVING, Rank.ORDINARY), OUTCOMES):
        other = rule("other", rank, outcome)
        assert decide({opening: TRUE, other: TRUE}).outcome == min(outcome, REVIEW)
    softened = decide({opening: TRUE, rule("other", Rank.ORDINARY, DENY): TRUE})
    assert softened.decisive == (opening,)
    allowed = rule("allowed", Rank.ORDINARY, ALLOW)
    assert decide({opening: TRUE, allowed: TRUE}).decisive == (allowed,)


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
