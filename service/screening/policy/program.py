"""Atoms that are evaluated together: from messages to truth codes, by the engine.

An atom tests one fact, so the atoms of one fact compile to one CEL expression that returns a list of truth codes, and
the codes are remembered by the fact's value: the engine sees each value of a fact once. A fact that is not given has
its silent codes; one that is given changes some of them.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias

from cel_expr_python import cel

from screening.facts import Facts, Item, Reading, stating, variables, vocabulary
from screening.policy.condition import FALSE, UNKNOWN, Atom

_REMEMBERED_VALUES = 4_096
"""How many values of one fact are remembered; lists have no end of them."""

Codes: TypeAlias = tuple[int, ...]
"""The truth codes of atoms, in the order of their program."""
Placed: TypeAlias = tuple[tuple[int, int], ...]
"""Truth codes with the positions of their atoms."""
Tests: TypeAlias = dict[int, "Test | Tests"]
"""Tests by field number; those of a message within another stand under its number."""


class Program:
    """Atoms that are evaluated together; one run returns all their truth codes."""

    def __init__(self, subject: str, read: Sequence[Atom]) -> None:
        self.atoms = tuple(read)
        by_path: dict[str, list[int]] = {}
        for position, atom in enumerate(read):
            by_path.setdefault(atom.path, []).append(position)
        nothing = stating(subject, {})
        self._silent = [FALSE] * len(read)
        self._remembered: dict[tuple[str, bytes], Placed] = {}
        self._tests: dict[str, Tests] = {}
        """For each variable the tests by field number; those of a message within stand under its number."""
        for path, positions in by_path.items():
            variable, *names = path.split(".")
            test = Test(subject, path, positions, [read[position] for position in positions], nothing[variable])
            for position, code in test.silent:
                self._silent[position] = code
            _hang(self._tests.setdefault(variable, {}), nothing[variable].DESCRIPTOR, names, test)

    def run(self, data: Mapping[str, Facts | Reading | Item]) -> Codes:
        """Return the truth codes in the order of `atoms`; UNKNOWN where the engine reports an error."""
        codes = self._silent.copy()
        for variable, message in data.items():
            for position, code in self._changes(variable, message):
                codes[position] = code
        return tuple(codes)

    def _changes(self, variable: str, message: Facts | Reading | Item) -> Placed:
        """Return the codes that a message changes. What has no free text is remembered whole."""
        if variable == "facts":
            return tuple(_read(self._tests.get(variable, {}), message, message))
        key = variable, message.SerializeToString()
        found = self._remembered.get(key)
        if found is None:
            found = tuple(_read(self._tests.get(variable, {}), message, message))
            if len(self._remembered) < _REMEMBERED_VALUES:
                self._remembered[key] = found
        return found


def _hang(tests: "Tests", message: Any, names: Sequence[str], test: "Test") -> None:
    """Put a test where the field that the names lead to is found, given the descriptor of the message they start in."""
    field = message.fields_by_name[names[0]]
    if len(names) == 1:
        tests[field.number] = test
    else:
        within = tests.setdefault(field.number, {})
        assert isinstance(within, dict)
        _hang(within, field.message_type, names[1:], test)


def _read(tests: "Tests", message: Any, whole: Facts | Reading | Item) -> list[tuple[int, int]]:
    changes: list[tuple[int, int]] = []
    for field, value in message.ListFields():
        found = tests.get(field.number)
        if isinstance(found, Test):
            changes += found.changes(value, whole)
        elif found:
            changes += _read(found, value, whole)
    return changes


class Test:
    """The atoms of one fact."""

    def __init__(
        self, subject: str, path: str, positions: Sequence[int], read: Sequence[Atom], nothing: Facts | Reading | Item
    ) -> None:
        """Compile the atoms, which stand at some positions of their program; `nothing` is the message without the fact."""
        fact = vocabulary(subject)[path]
        self.variable = path.partition(".")[0]
        self._expression = compile_atoms(subject, read)
        self._told_apart = fact.type in ("bool", "enum", "int")
        """Of other facts an atom can ask only whether they were given."""
        self._repeated = fact.repeated
        self._positions = tuple(positions)
        self._changes: dict[object, Placed] = {}
        self.silent: Placed = tuple(zip(self._positions, self._evaluate(nothing), strict=True))
        """The atoms' codes where the fact is not given, by position."""

    def changes(self, value: Any, whole: Facts | Reading | Item) -> "Placed":
        """Return the codes that are others than the silent ones, given the fact's value and the message it is in."""
        key = value is not None if not self._told_apart else tuple(value) if self._repeated else value
        found = self._changes.get(key)
        if found is None:
            given = zip(self._positions, self._evaluate(whole), strict=True)
            found = tuple(each for each, silent in zip(given, self.silent, strict=True) if each != silent)
            if len(self._changes) < _REMEMBERED_VALUES:
                self._changes[key] = found
        return found

    def _evaluate(self, whole: Facts | Reading | Item) -> Codes:
        result = self._expression.eval(data={self.variable: whole})
        if result.type() == cel.Type.ERROR:  # an error is a value to this engine, and a truthy one
            return (UNKNOWN,) * len(self._positions)
        return tuple(result.plain_value())


def compile_atoms(subject: str, read: Sequence[Atom]) -> cel.Expression:
    """Compile atoms to one program that returns a list of truth codes. Raises RuntimeError if CEL rejects one."""
    return _environment(subject).compile("[" + ", ".join(f"({atom.cel})" for atom in read) + "]")


@cache
def _environment(subject: str) -> cel.Env:
    types = {name: cel.Type(full_name) for name, full_name in variables(subject).items()}
    return cel.NewEnv(descriptor_pool=Item.DESCRIPTOR.file.pool, variables=types)
