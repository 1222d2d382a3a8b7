"""Small wrongs that could creep into a rule: what a case or an invariant must notice.

Each rule is dropped, given every other outcome, begun and ended a day sooner and later, freed of each exception that it
is, and each entry of its own condition is taken away and turned round; a term is one entry, and what its whole file binds
is left alone.
"""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from screening.policy.condition import Condition, Every, Negation, entries
from screening.policy.rule import ALLOW, APPROVAL_REQUIRED, DENY, OUTCOMES, REVIEW, Rank, Rule

_ANSWERS = {"employment": (ALLOW, APPROVAL_REQUIRED, REVIEW, DENY), "information_request": (ALLOW, REVIEW, DENY)}
_NAME = {number: name for name, number in OUTCOMES.items()}
_DAY = timedelta(days=1)
KINDS = ("drop", "outcome", "date", "exception", "loosen", "negate")


@dataclass(frozen=True)
class Mutant:
    """One rule, wrong in one place."""

    rule: Rule
    """As it is."""
    kind: str
    """One of KINDS."""
    wrong: str
    """What is wrong, in words; with the rule's id it names the mutant."""
    mutated: Rule | None
    """As it would be; None where it is dropped."""


def mutants(rule: Rule, terms: Container[Condition]) -> Iterator[Mutant]:
    """Yield the mutants of one rule that would load; `terms` are the conditions that stand for terms."""
    yield Mutant(rule, "drop", "dropped", None)
    yield from _outcomes(rule)
    yield from _dates(rule)
    yield from _exceptions(rule)
    yield from _conditions(rule, terms)


def _outcomes(rule: Rule) -> Iterator[Mutant]:
    if rule.outcome is None or rule.rank is Rank.OPENING:
        return
    for outcome in _ANSWERS[rule.subject]:
        if outcome != rule.outcome:
            yield Mutant(rule, "outcome", f"answers {_NAME[outcome]}", replace(rule, outcome=outcome))


def _dates(rule: Rule) -> Iterator[Mutant]:
    for end, words in (("start", "begins"), ("end", "ends")):
        day = getattr(rule.in_force, end)
        for shifted, when in ((day - _DAY, "sooner"), (day + _DAY, "later")) if day else ():
            period = replace(rule.in_force, **{end: shifted})
            yield Mutant(rule, "date", f"{words} a day {when}", replace(rule, in_force=period))


def _exceptions(rule: Rule) -> Iterator[Mutant]:
    for other in rule.exception_to:
        rest = tuple(each for each in rule.exception_to if each != other)
        if rest or rule.outcome is not None:
            yield Mutant(rule, "exception", f"no exception to {other}", replace(rule, exception_to=rest))


def _conditions(rule: Rule, terms: Container[Condition]) -> Iterator[Mutant]:
    parts = entries(rule.own, terms)
    for number, part in enumerate(parts):
        before, after = parts[:number], parts[number + 1 :]
        yield Mutant(rule, "loosen", f"without entry {number + 1}", _reading(rule, [*before, *after]))
        yield Mutant(
            rule, "negate", f"entry {number + 1} turned round", _reading(rule, [*before, _negation(part), *after])
        )


def _reading(rule: Rule, own: Sequence[Condition]) -> Rule:
    """Return a rule with other entries, within what its file binds."""
    whole = Every(tuple(own))
    bound = [part for part in rule.when.parts if part is not rule.own] if isinstance(rule.when, Every) else []
    return replace(rule, own=whole, when=Every((*bound, whole)) if rule.when is not rule.own else whole)


def _negation(part: Condition) -> Condition:
    return part.part if isinstance(part, Negation) else Negation(part)
