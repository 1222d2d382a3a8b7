"""How the findings of many rules become one outcome.

The whole rule stands here, once:

| step | what is heard | what it does |
| --- | --- | --- |
| 0 | exceptions | a rule whose exception holds is displaced; if the exception may hold, the rule only may |
| 1 | COMPELLED rules that hold | the strictest of them answers; nothing below is heard |
| 2 | OPENING rules that hold, all REVIEW | if step 1 was silent: what steps 3 and 4 would deny, or say nothing of, is REVIEW; what they allow stays allowed |
| 3 | SAVING rules that hold | if step 1 was silent: the strictest of them answers |
| 4 | ORDINARY rules that hold, of all layers | if step 3 was silent: the strictest of them answers, so a state "may" gives way to a City "may not" |
| 5 | no rule | REVIEW, reason `no_rule` |
| 6 | rules that may hold (a fact is missing) | each possible answer is worked out; if all agree it stands, else REVIEW |
| 7 | the parts of a request | all ALLOW: ALLOW; some ALLOW: ALLOW_IN_PART; else any REVIEW: REVIEW; else DENY |

Strictness: ALLOW < ALLOW_IN_PART < APPROVAL_REQUIRED < REVIEW < DENY. Where a name can be read in two ways, each part
takes the stricter answer of the two readings. Sources: law map, sections 0 and 12 (rulings 50 and 54).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TypeAlias, TypeVar

from screening.policy.condition import FALSE, TRUE, UNKNOWN
from screening.policy.rule import ALLOW, ALLOW_IN_PART, APPROVAL_REQUIRED, DENY, REVIEW, Outcome, Rank, Rule

T = TypeVar("T")


@dataclass(frozen=True)
class Ruling:
    """The answer for one part of a request, and the rules that bear on it."""

    outcome: Outcome
    decisive: tuple[Rule, ...]
    """The rules that gave the outcome. Empty if no rule speaks, or if the answer hangs on missing facts."""
    agreeing: tuple[Rule, ...]
    """Rules that hold and were not decisive: less strict ones of the same rank, and those of lower ranks."""
    unsettled: tuple[Rule, ...]
    """Rules that may hold and could have changed the outcome."""


Possible: TypeAlias = frozenset[Outcome | None]
"""Every answer that some completion of the missing facts could give; None is silence."""

SILENCE: Possible = frozenset({None})


def displaced(code: int, exception: int) -> int:
    """Return the truth of a rule beside the settled truth of one exception to it (step 0)."""
    if exception == TRUE:
        return FALSE
    return UNKNOWN if exception == UNKNOWN and code == TRUE else code


def heard(possible: Possible, code: int, outcome: Outcome) -> Possible:
    """Return what a rank can answer once one more of its rules is heard (within steps 1 to 4)."""
    if code == FALSE:
        return possible
    raised = frozenset(outcome if answer is None else max(answer, outcome) for answer in possible)
    return raised if code == TRUE else possible | raised


def below(upper: Possible, lower: Possible) -> Possible:
    """Return what two ranks can answer together: the lower is heard only where the upper is silent (steps 1, 3, 4)."""
    return upper if None not in upper else (upper - {None}) | lower


def opened(upper: Possible, lower: Possible) -> Possible:
    """Return what OPENING rules make of the answers below: never stricter, and never silent where they hold (step 2)."""
    answers = {
        lower_one if upper_one is None else _milder(upper_one, lower_one) for upper_one in upper for lower_one in lower
    }
    return frozenset(answers)


def _milder(opening: Outcome, answer: Outcome | None) -> Outcome:
    return opening if answer is None else min(opening, answer)


def ranked(answers: Mapping[Rank, T], join: Callable[[Callable[[Possible, Possible], Possible], T, T], T]) -> T:
    """Join what each rank can answer, from the lowest to the highest (steps 1 to 4)."""
    order = sorted(Rank, reverse=True)
    return reduce(
        lambda lower, rank: join(opened if rank is Rank.OPENING else below, answers[rank], lower),
        order[1:],
        answers[order[0]],
    )


def agreed(possible: Possible) -> Outcome | None:
    """Return the answer on which every completion agrees; None if they differ or may be silent (steps 5 and 6)."""
    return next(iter(possible)) if len(possible) == 1 else None


def settle(truths: Mapping[Rule, int]) -> dict[Rule, int]:
    """Apply the exceptions (step 0): return the truth of each rule that holds or may hold."""
    by_displaced: dict[str, list[Rule]] = {}
    for rule, code in truths.items():
        if code != FALSE:
            for other in rule.exception_to:
                by_displaced.setdefault(other, []).append(rule)
    settled: dict[Rule, int] = {}

    def of(rule: Rule) -> int:
        if rule not in settled:
            exceptions = (of(exception) for exception in by_displaced.get(rule.id, ()))
            settled[rule] = reduce(displaced, exceptions, truths[rule])
        return settled[rule]

    return {rule: of(rule) for rule, code in truths.items() if code != FALSE and of(rule) != FALSE}


def decide(truths: Mapping[Rule, int]) -> Ruling:
    """Return the answer for one part of a request (steps 0 to 6)."""
    settled = {rule: code for rule, code in settle(truths).items() if rule.outcome is not None}
    outcome = agreed(_possible(settled))
    holding = tuple(rule for rule, code in settled.items() if code == TRUE)
    decisive = _speaking(holding, REVIEW if outcome is None else outcome)
    others = tuple(rule for rule in holding if rule not in decisive)
    if outcome is not None:
        return Ruling(outcome, decisive, others, () if decisive else _maybe(settled))
    return Ruling(REVIEW, decisive, others, _maybe(settled))


def _possible(settled: Mapping[Rule, int]) -> Possible:
    """Return every answer that some completion of the missing facts could give."""
    answers = dict.fromkeys(Rank, SILENCE)
    for rule, code in settled.items():
        assert rule.outcome is not None
        answers[rule.rank] = heard(answers[rule.rank], code, rule.outcome)
    return ranked(answers, lambda join, upper, lower: join(upper, lower))


def _speaking(holding: Sequence[Rule], outcome: Outcome) -> tuple[Rule, ...]:
    """Return the rules that give the outcome, of the highest rank that holds; OPENING gives way to what is milder."""
    ranks = {rule.rank for rule in holding if rule.rank is not Rank.OPENING or rule.outcome == outcome}
    top = min(ranks, default=None)
    return tuple(rule for rule in holding if rule.rank is top and rule.outcome == outcome)


def _maybe(settled: Mapping[Rule, int]) -> tuple[Rule, ...]:
    return tuple(rule for rule, code in settled.items() if code == UNKNOWN)


def stricter(first: Ruling, second: Ruling) -> Ruling:
    """Return the stricter of two answers; the first where they are equal."""
    return second if second.outcome > first.outcome else first


def whole(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the answer for a whole request from those of its parts (step 7). At least one part is needed."""
    found = set(outcomes)
    if found in ({ALLOW}, {APPROVAL_REQUIRED}):
        return next(iter(found))
    if ALLOW in found:
        return ALLOW_IN_PART
    return REVIEW if found - {DENY} else DENY
