"""Violations: combinations of facts for which an invariant does not hold, looked for in all combinations at once.

Whatever its form, an invariant is broken where it speaks, the answer is one of some, and the answer to a second question
is one of some others. Each of the three is a function on the space, so the combinations that break it are another.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from screening.facts import DECISIVE, Value, vocabulary
from screening.policy.answers import Answers
from screening.policy.condition import FALSE, TRUE, UNKNOWN, Atom, Condition, Constant, Every, Negation, Some, fold
from screening.policy.diagram import Function, Held
from screening.policy.invariant import ENGINE_ERROR, FACT_ABSENT, STRICTER, Invariant
from screening.policy.rule import ALLOW, APPROVAL_REQUIRED, OUTCOMES, Outcome
from screening.policy.share import Share
from screening.policy.space import Space

_ALL = frozenset(OUTCOMES.values())
_ABOVE = {outcome: frozenset(other for other in _ALL if other > outcome) for outcome in sorted(_ALL)[:-1]}
"""For each outcome those that are stricter."""
_PERMITTING = (ALLOW, APPROVAL_REQUIRED)


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
class _Breach:
    """One way in which an invariant can be broken: two questions, and answers to them that must not come together."""

    answers: tuple[Answers, Answers]
    outcomes: tuple[frozenset[Outcome], frozenset[Outcome]]
    held: tuple[Held, Held] = ({}, {})
    """What is held in the question, and what in the one that its answer is compared with."""


class Violations:
    """The violations found in one share of the questions; one for each invariant is enough."""

    def __init__(self, space: Space, share: Share) -> None:
        self._space, self._share = space, share
        self._seen: set[tuple[str, Function]] = set()
        self.found: dict[str, Violation] = {}

    def look(self, invariant: Invariant, answers: Answers, day: date) -> None:
        """Look for a violation of one invariant in the answers of one day's law."""
        seen = invariant.id, answers.outcome
        if invariant.id in self.found or (seen in self._seen and invariant.situation != ENGINE_ERROR):
            return
        self._seen.add(seen)
        spoken = self._spoken(invariant)
        for breach in self._breaches(invariant, answers):
            if indexes := self._find(spoken, breach):
                self.found[invariant.id] = self._violation(invariant, day, breach, indexes)
                return

    def _spoken(self, invariant: Invariant) -> Function:
        """Return where an invariant speaks."""
        speaks = _speaks_unless_exempt if invariant.never else _speaks_unless_maybe_exempt
        when, exempt = (self._space.truth(fold(part, self._share.known)) for part in (invariant.when, invariant.exempt))
        return self._space.diagrams.apply(speaks, when, exempt)

    def _breaches(self, invariant: Invariant, answers: Answers) -> Iterator[_Breach]:
        alone = answers, answers
        if invariant.situation == ENGINE_ERROR:
            yield from _errors(invariant, answers)
        elif invariant.situation == FACT_ABSENT:
            for absence in self._absences():
                for outcome in _PERMITTING:
                    yield _Breach(alone, (frozenset({outcome}), _ABOVE[outcome]), (absence, {}))
        elif invariant.comparison:
            for change in invariant.changes:
                for above in _ABOVE.values():
                    worse = (_ALL - above, above) if invariant.comparison == STRICTER else (above, _ALL - above)
                    yield _Breach(alone, worse, ({}, self._held(change)))
        else:
            yield _Breach(alone, (invariant.never, _ALL))

    def _absences(self) -> Iterator[Held]:
        """Yield, for each DECISIVE fact, the fact absent."""
        facts = vocabulary(self._space.subject)
        for place, variable in enumerate(self._space.variables):
            if facts[variable.path].kind == DECISIVE:
                yield {place: variable.index(None, self._space.subject)}

    def _held(self, change: Mapping[str, Value]) -> Held:
        """Return a change as place and index; facts that no rule reads change nothing."""
        places, variables = self._space.place, self._space.variables
        return {
            places[path]: variables[places[path]].index(value, self._space.subject)
            for path, value in change.items()
            if path in places
        }

    def _find(self, spoken: Function, breach: _Breach) -> Sequence[int] | None:
        diagrams, (held, changed) = self._space.diagrams, breach.held
        first, second = (answers.given(among) for answers, among in zip(breach.answers, breach.outcomes, strict=True))
        asked = diagrams.both(diagrams.held(spoken, held), diagrams.held(first, held))
        return diagrams.find(diagrams.both(asked, diagrams.held(second, changed)))

    def _violation(self, invariant: Invariant, day: date, breach: _Breach, indexes: Sequence[int]) -> Violation:
        asked = [[held.get(place, index) for place, index in enumerate(indexes)] for held in breach.held]
        first, second = (self._space.named(each) for each in asked)
        given = tuple(
            self._space.diagrams.at(answers.outcome, each) for answers, each in zip(breach.answers, asked, strict=True)
        )
        return Violation(
            invariant,
            day,
            {**self._share.known, **first},
            {path: second.get(path) for path in first | second if first.get(path) != second.get(path)},
            given[:1] if breach.outcomes[1] == _ALL else given,
        )


def _errors(invariant: Invariant, answers: Answers) -> Iterator[_Breach]:
    """Yield what must not be answered where one of the two programs fails, so that all its codes are UNKNOWN.

    Where the facts are lost the answers of `never` must not be given; where the part asked for is lost, nothing is
    permitted that the part could bar.
    """
    facts_lost, part_lost = (
        Answers(answers.space, {rule: _failed(folded, lost) for rule, folded in answers.rules.items()})
        for lost in (("facts", "reading"), ("item",))
    )
    yield _Breach((facts_lost, answers), (invariant.never, _ALL))
    for outcome in _PERMITTING:
        yield _Breach((part_lost, answers), (frozenset({outcome}), _ABOVE[outcome]))


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
