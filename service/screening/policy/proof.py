"""Proves the invariants of a pack for every combination of facts, one share of the questions at a time.

Each combination gets exactly one outcome by construction: the outcome is one function on the space. That this function
is the engine's is checked on some combinations, spread over the space, with real messages through the real programs.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from screening.facts import stating
from screening.policy.answers import Answers
from screening.policy.condition import FALSE, Constant, fold
from screening.policy.invariant import Invariant
from screening.policy.law import Pack
from screening.policy.reach import Reach
from screening.policy.rule import Rule
from screening.policy.share import Share
from screening.policy.space import Space
from screening.policy.violation import Violation, Violations

SAMPLES = 10
"""Combinations of each law and share that also go through the engine."""


@dataclass(frozen=True)
class Proof:
    """What was found of one share, over all time that was asked for."""

    pack: str
    share: Share
    classes: int
    """Combinations that the law can tell apart."""
    combinations: int
    """Combinations of values for which those stand."""
    laws: int
    """Different sets of rules in force over time; each was checked for all combinations."""
    held: int
    """Invariants times laws that were checked."""
    sampled: int
    """Combinations that also went through the engine, with the same outcome."""
    violations: tuple[Violation, ...]
    reach: Reach


def prove(pack: Pack, share: Share, invariants: Sequence[Invariant], since: date = date.min) -> Proof:
    """Check the invariants for every combination of one share, from a civil day on. Pure, and heavy: seconds."""
    return _Prover(pack, share, [each for each in invariants if each.subject == share.subject], since).proof()


class _Prover:
    """One share of one pack."""

    def __init__(self, pack: Pack, share: Share, invariants: Sequence[Invariant], since: date) -> None:
        self.pack, self.share, self.since = pack, share, since
        self.subject, self.known = share.subject, share.known
        self.invariants = invariants
        by_age = sorted(pack.rules, key=lambda rule: rule.in_force.start or date.min)
        self.rules = {
            rule: folded
            for rule in by_age  # what never changes comes first, so that its share is computed once
            if rule.subject == self.subject and (folded := fold(rule.when, self.known)) != Constant(FALSE)
        }
        self.duties = {
            duty: folded
            for duty in pack.duties
            if duty.subject == self.subject and (folded := fold(duty.when, self.known)) != Constant(FALSE)
        }
        read = [fold(part, self.known) for each in invariants for part in (each.when, each.exempt)]
        self.space = Space(self.subject, [*self.rules.values(), *self.duties.values(), *read])
        self.violations = Violations(self.space, share)
        self.reach = Reach(share.many)

    def proof(self) -> Proof:
        done: dict[tuple[Rule, ...], set[str]] = {}
        held = sampled = 0
        for day in self._days():
            binding = {rule: folded for rule, folded in self.rules.items() if rule.binds(day)}
            checked = done.get(tuple(binding))
            waiting = [each for each in self.invariants if day in each.in_force and each.id not in (checked or ())]
            if checked is None or waiting:
                answers = Answers(self.space, binding)
                for invariant in waiting:
                    self.violations.look(invariant, answers, day)
                held += len(waiting)
            if checked is None:
                sampled += self._sample(answers, day)
                self.reach.add(answers, {duty: folded for duty, folded in self.duties.items() if duty.binds(day)})
                last = answers
            done.setdefault(tuple(binding), set()).update(each.id for each in waiting)
        self.reach.count(last)
        return Proof(
            self.pack.id,
            self.share,
            self.space.classes,
            self.space.combinations * self.share.many,
            len(done),
            held,
            sampled,
            tuple(self.violations.found.values()),
            self.reach,
        )

    def _days(self) -> list[date]:
        starts = {each.in_force.start for each in self.invariants if each.in_force.start}
        return sorted({self.since, *(day for day in {*self.pack.days(), *starts} if day > self.since)})

    def _sample(self, answers: Answers, day: date) -> int:
        """Ask the engine for some combinations and compare. Raises AssertionError where it says otherwise."""
        law = self.pack.in_force(self.subject, day)
        for number in range(SAMPLES):
            indexes = [self._spread(number, place) for place in range(len(self.space.variables))]
            stated = self.space.named(indexes)
            messages = stating(self.subject, stated | {path: value for path, value in self.known.items() if value})
            docket = law.docket(messages["facts"])
            finding = docket.finding(
                docket.codes(messages["facts"], messages["reading"]), docket.part(messages["item"])
            )
            expected = self.space.diagrams.at(answers.outcome, indexes)
            assert finding.ruling.outcome == expected, (self.share.name, day, stated)
        return SAMPLES

    def _spread(self, number: int, place: int) -> int:
        """Return an index that is fixed for each sample and variable, and spread evenly."""
        seed = f"{self.known} {number} {self.space.variables[place].path}".encode()
        return hashlib.sha256(seed).digest()[0] % self.space.diagrams.sizes[place]
