"""Atoms that are evaluated together: from messages to truth codes, by the engine.

An atom tests one fact, so the atoms of one fact compile to one CEL expression that returns a list of truth codes, and
the codes are remembered by the fact's value: the engine sees each value of a fact once. A fact that is not given has
its silent codes; one that is given changes some of them.
"""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, TypeAlias

from cel_expr_python import cel

from screening.facts import Facts, Item, Reading, stating, variables, vocabulary
from screening.policy.condition import FALSE, UNKNOWN, Atom

_REMEMBERED_VALUES = 4_096
"""How many values of one fact are remembered; lists have no end of them."""
_COMPILED = 1_024
"""How many compiled tests are kept; the law of all packs has about 130 that differ."""

Codes: TypeAlias = tuple[int, ...]
"""The truth codes of atoms, in the order of their program."""
Placed: TypeAlias = tuple[tuple[int, int], ...]
"""Truth codes with the positions of their atoms."""
Tests: TypeAlias = "dict[int, tuple[Test, Sequence[int]] | Tests]"
"""Tests, with the positions of their atoms, by field number; those of a message within stand under its number."""


class Program:
    """Atoms that are evaluated together; one run returns all their truth codes."""

    def __init__(self, subject: str, read: Sequence[Atom]) -> None:
        self.atoms = tuple(read)
        by_path: dict[str, list[int]] = {}
        for position, atom in enumerate(read):
            by_path.setdefault(atom.path, []).append(position)
        self._tests: dict[str, Tests] = {}
        self._silent = [FALSE] * len(read)
        self._remembered: dict[tuple[str, bytes], Placed] = {}
        for path, positions in by_path.items():
            variable, *names = path.split(".")
            found = test(subject, path, tuple(read[position].cel for position in positions))
            for position, code in zip(positions, found.silent, strict=True):
                self._silent[position] = code
            message = stating(subject, {})[variable].DESCRIPTOR
            _hang(self._tests.setdefault(variable, {}), message, names, (found, positions))

    def run(self, data: Mapping[str, Facts | Reading | Item]) -> Codes:
        """Return the truth codes in the order of `atoms`; UNKNOWN where the engine reports an error."""
        codes = self._silent.copy()
        for variable, message in data.items():
            for position, code in self._changes(variable, message):
                codes[position] = code
        return tuple(codes)

    def _changes(self, variable: str, message: Facts | Reading | Item) -> Sequence[tuple[int, int]]:
        """Return the codes that a message changes. What has no free text is remembered whole."""
        if variable == "facts":
            return _read(self._tests.get(variable, {}), message, message)
        key = variable, message.SerializeToString()
        found = self._remembered.get(key)
        if found is None:
            found = tuple(_read(self._tests.get(variable, {}), message, message))
            if len(self._remembered) < _REMEMBERED_VALUES:
                self._remembered[key] = found
        return found


def _hang(tests: Tests, message: Any, names: Sequence[str], placed: "tuple[Test, Sequence[int]]") -> None:
    """Put a test where the field that the names lead to is found, given the descriptor of the message they start in."""
    field = message.fields_by_name[names[0]]
    if len(names) == 1:
        tests[field.number] = placed
    else:
        within = tests.setdefault(field.number, {})
        assert isinstance(within, dict)
        _hang(within, field.message_type, names[1:], placed)


def _read(tests: Tests, message: Any, whole: Facts | Reading | Item) -> list[tuple[int, int]]:
    changed: list[tuple[int, int]] = []
    for field, value in message.ListFields():
        known = tests.get(field.number)
        if isinstance(known, tuple):
            found, positions = known
            changed += [(positions[place], code) for place, code in found.changes(value, whole)]
        elif known:
            changed += _read(known, value, whole)
    return changed


class Test:
    """Atoms of one fact, compiled."""

    def __init__(self, subject: str, path: str, expressions: tuple[str, ...]) -> None:
        fact = vocabulary(subject)[path]
        self._variable = path.partition(".")[0]
        self._unknown = (UNKNOWN,) * len(expressions)
        self._expression = compile_together(subject, expressions)
        self._told_apart = fact.type in ("bool", "enum", "int")
        """Of other facts an atom can ask only whether they were given."""
        self._repeated = fact.repeated
        self._changes: dict[object, Placed] = {}
        self.silent = self._evaluate(stating(subject, {})[self._variable])
        """The atoms' codes where the fact is not given."""

    def changes(self, value: Any, whole: Facts | Reading | Item) -> Placed:
        """Return the codes that are not the silent ones, by place, given the fact's value and the message it is in."""
        key = value is not None if not self._told_apart else tuple(value) if self._repeated else value
        found = self._changes.get(key)
        if found is None:
            codes = enumerate(self._evaluate(whole))
            found = tuple((place, code) for place, code in codes if code != self.silent[place])
            if len(self._changes) < _REMEMBERED_VALUES:
                self._changes[key] = found
        return found

    def _evaluate(self, whole: Facts | Reading | Item) -> Codes:
        result = self._expression.eval(data={self._variable: whole})
        if result.type() == cel.Type.ERROR:  # an error is a value to this engine, and a truthy one
            return self._unknown
        return tuple(result.plain_value())


test = lru_cache(maxsize=_COMPILED)(Test)
"""Return atoms of one fact, compiled, given the fact and their CEL expressions: packs, kinds of request and later editions of the law ask mostly the same."""


def compile_atoms(subject: str, read: Sequence[Atom]) -> cel.Expression:
    """Compile atoms to one program that returns a list of truth codes. Raises RuntimeError if CEL rejects one."""
    return compile_together(subject, [atom.cel for atom in read])


def compile_together(subject: str, expressions: Sequence[str]) -> cel.Expression:
    """Compile CEL expressions to one program that returns their list. Raises RuntimeError if CEL rejects one."""
    return _environment(subject).compile("[" + ", ".join(f"({each})" for each in expressions) + "]")


@cache
def _environment(subject: str) -> cel.Env:
    types = {name: cel.Type(full_name) for name, full_name in variables(subject).items()}
    return cel.NewEnv(descriptor_pool=Item.DESCRIPTOR.file.pool, variables=types)
