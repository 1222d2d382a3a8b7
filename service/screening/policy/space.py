"""The space of one kind of question: every combination of values that the law can tell apart.

A variable is a fact, a reading or a property of the part asked for. Each atom is evaluated once by the engine for each
value of its variable; values with the same truth codes are one class, because no rule can tell them apart. The space is
the product of the classes: conditions are functions on it, held whole as decision diagrams. Readings are taken to be
free of the facts and of each other, so the space holds every real question and more.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from math import prod
from typing import TypeAlias

from screening.facts import REQUIRED, Fact, Value, stating, vocabulary
from screening.policy.condition import FALSE, TRUE, UNKNOWN, Atom, Condition, Constant, Every, Negation, Some, atoms
from screening.policy.diagram import Diagrams, Function
from screening.policy.program import Program

SOME_TEXT = "stated"
_FIRST = ("facts.request_kind", "facts.purpose", "reading.requester_agency")
"""Variables that stand first: each value of them leaves few rules, so that what follows is small."""
_ROUNDS = 60
"""Rounds of ordering; the shortest order seen is kept."""


@dataclass(frozen=True)
class Variable:
    """One variable: a value that stands for each class, how many values each stands for, and the atoms' truths."""

    path: str
    values: tuple[Value, ...]
    weights: tuple[int, ...]
    codes: Mapping[Atom, tuple[int, ...]]

    def index(self, value: Value, subject: str) -> int:
        """Return the class of a value."""
        vector = tuple(truth_of(subject, atom, value) for atom in self.codes)
        return list(zip(*self.codes.values(), strict=True)).index(vector)


class Space:
    """The variables that some conditions read, and functions on them."""

    def __init__(self, subject: str, conditions: Iterable[Condition]) -> None:
        self.subject = subject
        conditions = tuple(conditions)
        by_path: dict[str, list[Atom]] = {}
        for atom in sorted(set().union(*map(atoms, conditions)), key=lambda atom: atom.text):
            by_path.setdefault(atom.path, []).append(atom)
        self.variables = tuple(_variable(subject, path, by_path[path]) for path in _ordered(by_path, conditions))
        self.place = {variable.path: place for place, variable in enumerate(self.variables)}
        self.diagrams = Diagrams([len(variable.values) for variable in self.variables])
        self._truths: dict[Condition, Function] = {
            atom: self.diagrams.variable(place, codes)
            for place, variable in enumerate(self.variables)
            for atom, codes in variable.codes.items()
        }

    @property
    def classes(self) -> int:
        """Return the number of combinations that some condition can tell apart."""
        return prod(self.diagrams.sizes)

    @property
    def combinations(self) -> int:
        """Return the number of combinations of values for which they stand."""
        return prod(sum(variable.weights) for variable in self.variables)

    def truth(self, condition: Condition) -> Function:
        """Return the truth code of a condition, everywhere."""
        made = self._truths.get(condition)
        if made is None:
            made = self._truths[condition] = self._compute(condition)
        return made

    def _compute(self, condition: Condition) -> Function:
        diagrams = self.diagrams
        match condition:
            case Constant(code):
                return diagrams.leaf(code)
            case Negation(part):
                return diagrams.image(_not, self.truth(part))
            case Every(parts):
                return reduce(lambda one, part: diagrams.apply(_and, one, self.truth(part)), parts, diagrams.leaf(TRUE))
            case Some(parts):
                return reduce(lambda one, part: diagrams.apply(_or, one, self.truth(part)), parts, diagrams.leaf(FALSE))
            case Atom(text=text):
                raise KeyError(text)

    def named(self, indexes: Sequence[int]) -> dict[str, Value]:
        """Return a combination by path, absent values left out."""
        chosen = {
            variable.path: variable.values[index] for variable, index in zip(self.variables, indexes, strict=True)
        }
        return {path: value for path, value in chosen.items() if value is not None and value != ()}


def _not(code: int) -> int:
    return (TRUE, FALSE, UNKNOWN)[code]


def _and(one: int, other: int) -> int:
    return FALSE if FALSE in (one, other) else UNKNOWN if UNKNOWN in (one, other) else TRUE


def _or(one: int, other: int) -> int:
    return TRUE if TRUE in (one, other) else UNKNOWN if UNKNOWN in (one, other) else FALSE


def _variable(subject: str, path: str, read: Sequence[Atom]) -> Variable:
    fact = vocabulary(subject)[path]
    classes = _list_classes(subject, fact, read) if fact.repeated else _classes(subject, fact, read)
    codes = {atom: tuple(vector[column] for vector in classes) for column, atom in enumerate(read)}
    values, weights = zip(*classes.values(), strict=True)
    return Variable(path, values, weights, codes)


Classes: TypeAlias = dict[tuple[int, ...], tuple[Value, int]]
"""For each vector of truth codes a value that has it, and how many values have it."""


def _classes(subject: str, fact: Fact, read: Sequence[Atom]) -> Classes:
    found: Classes = {}
    for value in _values(fact):
        vector = tuple(truth_of(subject, atom, value) for atom in read)
        first, many = found.get(vector, (value, 0))
        found[vector] = first, many + 1
    return found


def _values(fact: Fact) -> list[Value]:
    absent: list[Value] = [] if fact.kind == REQUIRED else [None]
    match fact.type:
        case "enum":
            assert fact.values is not None
            return [*absent, *fact.values.number]
        case "bool":
            return [*absent, False, True]
        case _:
            return [*absent, SOME_TEXT]


def _list_classes(subject: str, fact: Fact, read: Sequence[Atom]) -> Classes:
    """Count the sets of values by truth codes. What holds of a list is what holds of at least one element."""
    elements = list(fact.values.number) if fact.values else [SOME_TEXT]
    found: Classes = {tuple(truth_of(subject, atom, ()) for atom in read): ((), 1)}
    for element in elements:
        own = tuple(truth_of(subject, atom, (element,)) for atom in read)
        for vector, (value, many) in list(found.items()):
            joined = tuple(map(max, vector, own))
            assert isinstance(value, tuple)
            first, before = found.get(joined, ((*value, element), 0))
            found[joined] = first, before + many
    return found


@cache
def truth_of(subject: str, atom: Atom, value: Value) -> int:
    """Return the truth code that the engine gives an atom where its fact has a value and nothing else is stated."""
    [code] = _alone(subject, atom).run(stating(subject, {atom.path: value}))
    return code


@cache
def _alone(subject: str, atom: Atom) -> Program:
    return Program(subject, [atom])


def _ordered(paths: Iterable[str], conditions: Iterable[Condition]) -> list[str]:
    """Order variables: those that choose between rules, then those read together together.

    The second is the FORCE heuristic of Aloul and others, 2003.
    """
    groups = Counter(group for condition in conditions for group in _read_together(condition))
    order = sorted(paths)
    best, shortest = order, _span(order, groups)
    for _ in range(_ROUNDS):
        place = {path: number for number, path in enumerate(order)}
        pull: dict[str, list[float]] = {path: [0.0, 0.0] for path in order}
        for group, weight in groups.items():
            centre = sum(place[path] for path in group) / len(group)
            for path in group:
                pull[path][0] += weight * centre
                pull[path][1] += weight
        order = sorted(order, key=lambda path: pull[path][0] / pull[path][1] if pull[path][1] else place[path])
        if (span := _span(order, groups)) < shortest:
            best, shortest = order, span
    return sorted(best, key=lambda path: _FIRST.index(path) if path in _FIRST else len(_FIRST))


def _span(order: Sequence[str], groups: Mapping[frozenset[str], int]) -> int:
    place = {path: number for number, path in enumerate(order)}
    return sum(
        weight * (max(map(place.__getitem__, group)) - min(map(place.__getitem__, group)))
        for group, weight in groups.items()
    )


def _read_together(condition: Condition) -> Iterable[frozenset[str]]:
    match condition:
        case Every(parts) | Some(parts):
            if read := atoms(condition):
                yield frozenset(atom.path for atom in read)
            for part in parts:
                yield from _read_together(part)
        case Negation(part):
            yield from _read_together(part)
