"""Proves the invariants of a pack for every combination of facts, one share of the questions at a time.

Questions are shared out by what is asked for: an act of each kind, and each category of data, whatever the kind.
Categories that no rule tells apart are one share. In each share most rules have nothing to say, so it is small.

Each combination gets exactly one outcome by construction: the outcome is one function on the space. That this function
is the engine's is checked on some combinations, spread over the space, with real messages through the real programs.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from screening.facts import DECISIVE, Value, stating, vocabulary
from screening.policy.answers import Answers
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
    atoms,
    fold,
)
from screening.policy.diagram import Function, Held
from screening.policy.invariant import ENGINE_ERROR, FACT_ABSENT, STRICTER, Invariant
from screening.policy.law import Pack
from screening.policy.reach import Reach
from screening.policy.rule import ALLOW, APPROVAL_REQUIRED, Duty, Outcome, Rule
from screening.policy.space import Space

SAMPLES = 10
"""Combinations of each law and share that also go through the engine."""
_KIND, _CATEGORY = "facts.request_kind", "item.category"


Comparison = tuple[Held, Held]
"""What is held in the question, and what in the one that its answer is compared with."""


@dataclass(frozen=True)
class Share:
    """A share of the questions of a subject."""

    subject: str
    known: Mapping[str, str]
    """Facts by path that are the same in all its questions; empty text is absent."""
    many: int
    """Categories for which the one that is named stands."""

    @property
    def name(self) -> str:
        """Return its name for people."""
        return self.known.get(_CATEGORY) or self.known.get(_KIND) or self.subject


@dataclass(frozen=True)
class Violation:
    """A combination for which an invariant does not hold."""

    invariant: Invariant
    day: date
    combination: Mapping[str, Value]
    changed: Mapping[str, Value]
    """What is different in the question that the answer is compared with; empty where none is."""
    answers: tuple[Outcome, ...]
    """The answer, and that of the changed question."""


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


def shares(pack: Pack, invariants: Sequence[Invariant]) -> list[Share]:
    """Return the shares that together are all questions of a pack."""
    subject = "information_request"
    kinds, categories = vocabulary(subject)[_KIND].values, vocabulary(subject)[_CATEGORY].values
    assert kinds is not None
    assert categories is not None
    provisions: list[Rule | Duty] = [*pack.rules, *pack.duties]
    conditions = [each.when for each in provisions if each.subject == subject]
    conditions += [part for each in invariants if each.subject == subject for part in (each.when, each.exempt)]
    read = set().union(*map(atoms, conditions))
    named = sorted({atom.values for atom in read if atom.path == _CATEGORY and atom.values})
    alike: dict[tuple[bool, ...], list[str]] = {}
    for category in categories.number:
        alike.setdefault(tuple(category in values for values in named), []).append(category)
    found = [Share("employment", {}, 1)] if any(rule.subject == "employment" for rule in pack.rules) else []
    found += [Share(subject, {_KIND: kind, _CATEGORY: ""}, 1) for kind in kinds.number]
    return found + [Share(subject, {_CATEGORY: each[0]}, len(each)) for each in alike.values()]


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
        self._nothing = self.space.diagrams.leaf(None)
        self.violations: list[Violation] = []
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
                    self._check(invariant, answers, day)
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
            tuple(self.violations),
            self.reach,
        )

    def _days(self) -> list[date]:
        starts = {each.in_force.start for each in self.invariants if each.in_force.start}
        return sorted({self.since, *(day for day in {*self.pack.days(), *starts} if day > self.since)})

    def _check(self, invariant: Invariant, answers: Answers, day: date) -> None:
        outcome = answers.outcome
        if invariant.situation == ENGINE_ERROR:
            self._check_error(invariant, answers, day)
        elif invariant.situation == FACT_ABSENT:
            for absence in self._absences():
                self._find(invariant, _permits_too_early, (outcome, outcome), day, absence)
        elif invariant.comparison:
            for change in invariant.changes:
                worse = _stricter if invariant.comparison == STRICTER else _milder
                self._find(invariant, worse, (outcome, outcome), day, ({}, self._held(change)))
        else:
            self._find(invariant, _one_of(invariant.never), (answers.outcome, self._nothing), day)

    def _truth(self, condition: Condition) -> Function:
        return self.space.truth(fold(condition, self.known))

    def _held(self, change: Mapping[str, Value]) -> dict[int, int]:
        """Return a change as place and index; facts that no rule reads change nothing."""
        places = self.space.place
        return {
            places[path]: self.space.variables[places[path]].index(value, self.subject)
            for path, value in change.items()
            if path in places
        }

    def _absences(self) -> Iterator[Comparison]:
        """Yield, for each DECISIVE fact, the fact absent beside the fact as it may be."""
        facts = vocabulary(self.subject)
        for place, variable in enumerate(self.space.variables):
            if facts[variable.path].kind == DECISIVE:
                yield {place: variable.index(None, self.subject)}, {}

    def _check_error(self, invariant: Invariant, answers: Answers, day: date) -> None:
        """Check what is answered where one of the two programs fails, so that all its codes are UNKNOWN.

        Where the facts are lost the answers of `never` must not be given; where the part asked for is lost, nothing is
        permitted that the part could bar.
        """
        facts_lost, part_lost = (
            Answers(self.space, {rule: _failed(folded, lost) for rule, folded in answers.rules.items()})
            for lost in (("facts", "reading"), ("item",))
        )
        self._find(invariant, _one_of(invariant.never), (facts_lost.outcome, self._nothing), day)
        self._find(invariant, _permits_too_early, (part_lost.outcome, answers.outcome), day)

    def _find(
        self,
        invariant: Invariant,
        bad: Callable[[Any, Any], bool],
        outcomes: tuple[Function, Function],
        day: date,
        questions: Comparison = ({}, {}),
    ) -> None:
        """Note a combination of which the invariant speaks and for which two answers are bad."""
        if any(each.invariant is invariant for each in self.violations):
            return  # one counterexample is enough
        diagrams = self.space.diagrams
        speaks = _speaks_unless_exempt if invariant.never else _speaks_unless_maybe_exempt
        spoken = diagrams.apply(speaks, self._truth(invariant.when), self._truth(invariant.exempt))
        found = diagrams.find(bad, spoken, outcomes, questions)
        if found is None:
            return
        asked = [[held.get(place, index) for place, index in enumerate(found)] for held in questions]
        first, second = (self.space.named(indexes) for indexes in asked)
        changed = {path: second.get(path) for path in first | second if first.get(path) != second.get(path)}
        given = tuple(diagrams.at(outcome, indexes) for outcome, indexes in zip(outcomes, asked, strict=True))
        given = given[:1] if given[1] is None else given
        self.violations.append(Violation(invariant, day, {**self.known, **first}, changed, given))

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


def _failed(condition: Condition, variables: Sequence[str]) -> Condition:
    """Return a condition as it is where a program fails; the category of a part is known without one."""
    match condition:
        case Atom(path="item.category", values=values) if values:
            return condition
        case Atom(variable=variable) if variable in variables:
            return Constant(UNKNOWN)
        case Every(parts):
            return Every(tuple(_failed(part, variables) for part in parts))
        case Some(parts):
            return Some(tuple(_failed(part, variables) for part in parts))
        case Negation(part):
            return Negation(_failed(part, variables))
        case _:
            return condition


def _speaks_unless_exempt(premise: int, exempt: int) -> bool:
    return premise == TRUE and exempt != TRUE


def _speaks_unless_maybe_exempt(premise: int, exempt: int) -> bool:
    """Where an exception may hold the law leads to a person, which may be stricter than the answer without it."""
    return premise == TRUE and exempt == FALSE


def _one_of(outcomes: frozenset[Outcome]) -> Callable[[Outcome, None], bool]:
    return lambda answer, _: answer in outcomes


def _stricter(first: Outcome, second: Outcome) -> bool:
    return second > first


def _milder(first: Outcome, second: Outcome) -> bool:
    return second < first


def _permits_too_early(absent: Outcome, known: Outcome) -> bool:
    return absent in (ALLOW, APPROVAL_REQUIRED) and known > absent
