"""The conditions of law files: atoms, and how they combine.

An atom is one test in a small, total part of CEL, with enum values written without their prefix:

    facts.request_kind == TRANSFER
    facts.request_kind in [TRANSFER, DETAINER_HOLD]
    WANTED_PERSON in facts.categories            (a list that contains a value)
    facts.categories.exists(each, each in [WANTED_PERSON, OTHER])
                                                 (a list that contains one of some values)
    facts.in_custody                             (a yes-or-no fact)
    has(facts.offense)                           (a fact that was given)

No index, look-up, arithmetic or conversion can be written, so an atom cannot fail at run time. Each atom is TRUE, FALSE
or UNKNOWN: a DECISIVE fact that is absent, and any fact whose value is UNKNOWN, makes the atom UNKNOWN unless the atom
asks for UNKNOWN by name. Conditions combine atoms with Kleene's three-valued logic.
"""

import re
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass

from screening.facts import CLAIM, Fact

FALSE, TRUE, UNKNOWN = 0, 1, 2
"""The truth codes, as the CEL program returns them."""

_PATH = r"(?:facts|reading|item)(?:\.[a-z][a-z0-9_]*)+"
_VALUE = r"[A-Z0-9][A-Z0-9_]*"
_EQUALS = re.compile(rf"({_PATH}) == ({_VALUE})")
_ONE_OF = re.compile(rf"({_PATH}) in \[({_VALUE}(?:, {_VALUE})*)\]")
_CONTAINS = re.compile(rf"({_VALUE}) in ({_PATH})")
_CONTAINS_ONE = re.compile(rf"({_PATH})\.exists\(each, each in \[({_VALUE}(?:, {_VALUE})*)\]\)")
_HAS = re.compile(rf"has\(({_PATH})\)")
_BARE = re.compile(rf"({_PATH})")


class ConditionError(ValueError):
    """A condition is not well formed; the text says why and what mends it."""


@dataclass(frozen=True, eq=False)
class Atom:
    """One test of one fact. Atoms are compared by identity; the loader makes each only once."""

    text: str
    path: str
    values: tuple[str, ...]
    """Enum values by short name; empty for a yes-or-no fact or `has`."""
    cel: str
    """CEL expression over `facts`, `reading` and `item` that returns a truth code."""

    @property
    def variable(self) -> str:
        """Return the CEL variable that the atom reads: `facts`, `reading` or `item`."""
        return self.path.partition(".")[0]


@dataclass(frozen=True)
class Constant:
    """A condition whose truth is known while the law is loaded."""

    code: int


@dataclass(frozen=True)
class Every:
    """TRUE if every part is TRUE."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True)
class Some:
    """TRUE if at least one part is TRUE."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True)
class Negation:
    """TRUE if the part is FALSE."""

    part: "Condition"


Condition = Atom | Constant | Every | Some | Negation


def parse_atom(text: str, vocabulary: Mapping[str, Fact]) -> Atom:
    """Parse one atom and check it against the vocabulary. Raises ConditionError."""
    if match := _EQUALS.fullmatch(text):
        return _comparison(text, match[1], (match[2],), vocabulary)
    if match := _ONE_OF.fullmatch(text):
        return _comparison(text, match[1], tuple(match[2].split(", ")), vocabulary)
    if match := _CONTAINS.fullmatch(text):
        return _containment(text, match[2], (match[1],), vocabulary)
    if match := _CONTAINS_ONE.fullmatch(text):
        return _containment(text, match[1], tuple(match[2].split(", ")), vocabulary)
    if match := _HAS.fullmatch(text):
        fact = _fact(match[1], vocabulary)
        given = f"size({fact.path}) > 0" if fact.repeated else f"has({fact.path})"
        return Atom(text, fact.path, (), f"({given}) ? 1 : 0")
    if match := _BARE.fullmatch(text):
        fact = _fact(match[1], vocabulary)
        if fact.type != "bool":
            raise ConditionError(f"'{fact.path}' is not a yes-or-no fact; compare it with ==, in, or ask has()")
        return Atom(text, fact.path, (), _guarded(fact, (), fact.path))
    raise ConditionError(f"'{text}' is none of the forms that a condition may take")


def _comparison(text: str, path: str, values: tuple[str, ...], vocabulary: Mapping[str, Fact]) -> Atom:
    fact = _fact(path, vocabulary)
    if fact.repeated or not fact.values:
        raise ConditionError(f"'{path}' has no named values to compare with")
    names = [_named(fact, value) for value in values]
    test = f"{path} == {names[0]}" if len(names) == 1 else f"{path} in [{', '.join(names)}]"
    return Atom(text, path, values, _guarded(fact, values, test))


def _containment(text: str, path: str, values: tuple[str, ...], vocabulary: Mapping[str, Fact]) -> Atom:
    fact = _fact(path, vocabulary)
    if not (fact.repeated and fact.values):
        raise ConditionError(f"'{path}' is not a list of named values")
    names = [_named(fact, value) for value in values]
    return Atom(text, path, values, f"({path}.exists(each, each in [{', '.join(names)}])) ? 1 : 0")


def _fact(path: str, vocabulary: Mapping[str, Fact]) -> Fact:
    try:
        return vocabulary[path]
    except KeyError:
        raise ConditionError(f"there is no fact '{path}'") from None


def _named(fact: Fact, value: str) -> str:
    if fact.values is None or value not in fact.values.cel:
        raise ConditionError(f"'{fact.path}' has no value {value}")
    return fact.values.cel[value]


def _guarded(fact: Fact, values: Sequence[str], test: str) -> str:
    unknown = []
    if fact.kind != CLAIM:
        unknown.append(f"!has({fact.path})")
    if fact.values and fact.values.unknown and "UNKNOWN" not in values:
        unknown.append(f"{fact.path} == {fact.values.cel['UNKNOWN']}")
    plain = f"({test}) ? 1 : 0"
    return f"({' || '.join(unknown)}) ? 2 : ({plain})" if unknown else plain


def fold(condition: Condition, known: Mapping[str, str]) -> Condition:
    """Replace atoms on enum facts whose value is known, empty where absent, by constants, and simplify."""
    match condition:
        case Atom(path=path, values=values) if path in known:
            return Constant(TRUE if (known[path] in values if values else known[path]) else FALSE)
        case Every(parts):
            return _simplified(Every, [fold(part, known) for part in parts], FALSE, TRUE)
        case Some(parts):
            return _simplified(Some, [fold(part, known) for part in parts], TRUE, FALSE)
        case Negation(part):
            folded = fold(part, known)
            return Constant(_NOT[folded.code]) if isinstance(folded, Constant) else Negation(folded)
        case _:
            return condition


def _simplified(
    kind: Callable[[tuple[Condition, ...]], Condition], parts: list[Condition], dominant: int, neutral: int
) -> Condition:
    if Constant(dominant) in parts:
        return Constant(dominant)
    rest = tuple(part for part in parts if part != Constant(neutral))
    if not rest:
        return Constant(neutral)
    return rest[0] if len(rest) == 1 else kind(rest)


_NOT = {FALSE: TRUE, TRUE: FALSE, UNKNOWN: UNKNOWN}


def truth(condition: Condition, codes: Mapping[Atom, int]) -> int:
    """Return the truth code of a condition, given those of its atoms."""
    match condition:
        case Atom():
            return codes[condition]
        case Every(parts):
            return _until(FALSE, parts, codes, TRUE)
        case Some(parts):
            return _until(TRUE, parts, codes, FALSE)
        case Negation(part):
            return _NOT[truth(part, codes)]
        case Constant(code):
            return code


def _until(dominant: int, parts: Sequence[Condition], codes: Mapping[Atom, int], neutral: int) -> int:
    """Return the dominant code at the first part that has it, else UNKNOWN if a part is, else the neutral code."""
    found = neutral
    for part in parts:
        code = codes[part] if type(part) is Atom else truth(part, codes)
        if code == dominant:
            return dominant
        if code == UNKNOWN:
            found = UNKNOWN
    return found


def atoms(condition: Condition) -> set[Atom]:
    """Return the atoms of a condition."""
    match condition:
        case Atom():
            return {condition}
        case Every(parts) | Some(parts):
            return set().union(*(atoms(part) for part in parts))
        case Negation(part):
            return atoms(part)
        case _:
            return set()


def entries(condition: Condition, terms: Container[Condition] = ()) -> list[Condition]:
    """Return the entries of a condition that must all hold, those of lists in lists too; a term is one entry."""
    if isinstance(condition, Every) and condition not in terms:
        return [entry for part in condition.parts for entry in entries(part, terms)]
    return [condition]
