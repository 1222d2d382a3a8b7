"""Why each rule of a pack did or did not bear on one part of a question: the engine's own truths, read backwards.

| standing | what it says of a rule |
| --- | --- |
| DECIDES | it holds, and gave the answer |
| AGREES | it holds, but a rule of higher rank or a stricter one gave the answer |
| DISPLACED | its condition holds, but an exception to it holds too |
| UNSETTLED | it may hold, and could have changed the answer: a fact is missing |
| DIFFERS | its condition does not hold; `unmet` says for which facts |
| NOT_IN_FORCE | its condition holds or may hold, but it does not bind on the day |
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import IntEnum

from screening.policy.combine import decide, settle
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
    entries,
    truth,
)
from screening.policy.evaluate import Finding
from screening.policy.rule import Rule


class Standing(IntEnum):
    """How a rule stands to one part of a question."""

    DECIDES = 1
    AGREES = 2
    DISPLACED = 3
    UNSETTLED = 4
    DIFFERS = 5
    NOT_IN_FORCE = 6


@dataclass(frozen=True)
class Test:
    """One test of one fact, and how it would have to come out."""

    atom: Atom
    wanted: bool
    missing: bool
    """Whether the fact is missing rather than different."""


@dataclass(frozen=True)
class Unmet:
    """One entry of a rule's condition that does not hold."""

    entry: Condition
    tests: tuple[Test, ...]
    """The fewest tests that would have to come out otherwise, in the order of their facts."""


@dataclass(frozen=True)
class Account:
    """What one rule had to do with one part of a question."""

    rule: Rule
    standing: Standing
    exceptions: tuple[Rule, ...]
    """The rules that displace it."""
    unmet: tuple[Unmet, ...]
    counts: bool
    """Whether the answer would be another if the rule held and all else were as it is."""

    @property
    def differing(self) -> frozenset[str]:
        """Return the paths of the facts that would have to be different or known for the rule to hold."""
        return frozenset(test.atom.path for each in self.unmet for test in each.tests)


def accounts(
    finding: Finding, rules: Iterable[Rule], codes: Mapping[Atom, int], day: date, terms: Container[Condition] = ()
) -> list[Account]:
    """Return an account of each rule of a subject for one part: those that decide first, then those that lack least.

    `codes` are the truths of all atoms of the rules, on the reading that gave the finding; `terms` are the conditions
    that stand for terms.
    """
    truths = {rule: truth(rule.when, codes) for rule in rules}
    binding = {rule: code for rule, code in truths.items() if rule.binds(day)}
    settled = settle(binding)
    found = []
    for rule, code in truths.items():
        standing = _standing(rule, finding, code, settled, day)
        unmet = tuple(_unmet(rule.when, codes, terms)) if code != TRUE else ()
        exceptions = tuple(other for other in settled if rule.id in other.exception_to)
        counts = rule in binding and decide(binding | {rule: TRUE}).outcome != finding.ruling.outcome
        found.append(Account(rule, standing, exceptions if standing is Standing.DISPLACED else (), unmet, counts))
    return sorted(found, key=lambda each: (each.standing, len(each.differing)))


def _standing(rule: Rule, finding: Finding, code: int, settled: Mapping[Rule, int], day: date) -> Standing:
    if code == FALSE:
        return Standing.DIFFERS
    if not rule.binds(day):
        return Standing.NOT_IN_FORCE
    if rule in finding.ruling.decisive:
        return Standing.DECIDES
    if rule not in settled:
        return Standing.DISPLACED
    return Standing.UNSETTLED if settled[rule] == UNKNOWN else Standing.AGREES


def _unmet(when: Condition, codes: Mapping[Atom, int], terms: Container[Condition]) -> Iterator[Unmet]:
    for entry in entries(when, terms):
        if truth(entry, codes) != TRUE and (tests := lacking(entry, codes)) is not None:
            yield Unmet(entry, tuple(sorted(tests, key=lambda test: (test.atom.path, test.atom.text))))


def lacking(condition: Condition, codes: Mapping[Atom, int], wanted: int = TRUE) -> frozenset[Test] | None:
    """Return the fewest tests that would have to come out otherwise for a condition to be TRUE, or FALSE.

    Where one of several is enough, that which needs the fewest changes of facts is taken. None where nothing helps.
    """
    if truth(condition, codes) == wanted:
        return frozenset()
    match condition:
        case Atom():
            return frozenset({Test(condition, wanted == TRUE, codes[condition] == UNKNOWN)})
        case Constant():
            return None
        case Negation(part):
            return lacking(part, codes, FALSE if wanted == TRUE else TRUE)
        case Every(parts) | Some(parts):
            found = [lacking(part, codes, wanted) for part in parts]
            if isinstance(condition, Every) == (wanted == TRUE):
                return None if None in found else frozenset().union(*(each for each in found if each is not None))
            return min((each for each in found if each is not None), key=_changes, default=None)


def _changes(tests: frozenset[Test]) -> tuple[int, int, int]:
    """Return how much would have to change: facts that are known and different count before facts that are missing."""
    different = {test.atom.path for test in tests if not test.missing}
    return len(different), len({test.atom.path for test in tests}), len(tests)
