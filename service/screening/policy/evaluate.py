"""From the facts of one question to the rules that hold: the law of one subject on one day, compiled.

The atoms that the rules of one request kind read compile together to one CEL program that returns a list of truth
codes. Atoms on the request kind and on the category are folded away beforehand, so that a rule for another kind costs
nothing. Evaluation is a pure function of the codes and is remembered by them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache, partial
from types import MappingProxyType
from typing import Any

from cel_expr_python import cel

from screening.facts import Facts, Item, Reading, stating, variables, vocabulary
from screening.policy.combine import Ruling, decide, settle, stricter
from screening.policy.condition import FALSE, UNKNOWN, Atom, Condition, Constant, atoms, fold, truth
from screening.policy.rule import Duty, Outcome, Rule

_REMEMBERED = 65_536
"""How many combinations of truth codes are remembered per request kind."""
_REMEMBERED_VALUES = 4_096
"""How many values of one fact are remembered; lists have no end of them."""
_COMPILED = 1_024
"""How many compiled programs are kept; the law of all packs has about 130 that differ."""


Codes = tuple[int, ...]
"""The truth codes of atoms, in the order of their program."""
Part = tuple[int, Codes]
"""One part of a request as the law reads it: its category, and the truth codes of the atoms on it."""


@dataclass(frozen=True)
class Finding:
    """What the law says of one part of a request, and which paths were missing."""

    ruling: Ruling
    missing: tuple[str, ...]


def strictest(findings: Sequence[Finding]) -> Finding:
    """Return the finding of the strictest reading of one part; the first where they are equal."""
    chosen = findings[0]
    for finding in findings[1:]:
        if stricter(chosen.ruling, finding.ruling) is not chosen.ruling:
            chosen = finding
    return chosen


class LawInForce:
    """The rules and duties of one subject that are in force on one day."""

    def __init__(
        self,
        subject: str,
        rules: Sequence[Rule],
        duties: Sequence[Duty],
        coming: Mapping[Rule, date] = MappingProxyType({}),
    ) -> None:
        self.subject = subject
        self.rules = tuple(rules)
        self.duties = tuple(duties)
        self.coming = coming
        """Rules that do not bind yet, with their first day."""
        self._dockets: dict[int, Docket] = {}

    def docket(self, facts: Facts) -> "Docket":
        """Return the compiled rules for the kind of request that the facts state."""
        return self.docket_of(getattr(facts, "request_kind", 0))

    def docket_of(self, kind: int) -> "Docket":
        """Return the compiled rules for a kind of request; 0 where the subject has none."""
        found = self._dockets.get(kind)
        if found is None:
            found = self._dockets[kind] = self._compile(kind)
        return found

    @property
    def compiled(self) -> list[int]:
        """Return the kinds of request for which rules were compiled."""
        return list(self._dockets)

    def _compile(self, kind: int) -> "Docket":
        known = {}
        if kind:
            values = vocabulary(self.subject)["facts.request_kind"].values
            assert values is not None
            known["facts.request_kind"] = values.name[kind]
        return Docket(self.subject, self.rules, self.duties, known, self.coming)


class Docket:
    """The rules and duties that can bear on one kind of request, compiled to two CEL programs."""

    def __init__(
        self,
        subject: str,
        rules: Sequence[Rule],
        duties: Sequence[Duty],
        known: Mapping[str, str],
        coming: Mapping[Rule, date],
    ) -> None:
        self._categories = vocabulary(subject)["item.category"].values
        self._rules = {rule: folded for rule in rules if (folded := fold(rule.when, known)) != Constant(0)}
        self._duties = {duty: folded for duty in duties if (folded := fold(duty.when, known)) != Constant(0)}
        self._coming = {rule: folded for rule in coming if (folded := fold(rule.when, known)) != Constant(0)}
        self._first_day = coming
        conditions = [*self._rules.values(), *self._duties.values(), *self._coming.values()]
        read = sorted({atom for condition in conditions for atom in atoms(condition)}, key=lambda atom: atom.text)
        self._of_request = Program(subject, [atom for atom in read if atom.variable != "item"])
        self._of_item = Program(subject, [atom for atom in read if atom.variable == "item"])
        self.finding = lru_cache(maxsize=_REMEMBERED)(self._find)
        """Return what the law says of one part, given the codes of the request."""
        self.obligations = lru_cache(maxsize=_REMEMBERED)(self._arising)
        """Return the duties that arise, or may arise, with the outcome, by token."""
        self.coming = lru_cache(maxsize=_REMEMBERED)(self._bearing)
        """Return the rules that will bear, or may bear, on one part once they are in force, with their first day."""
        self._for_category = lru_cache(maxsize=None)(partial(self._narrow, self._rules))
        self._for_coming = lru_cache(maxsize=None)(partial(self._narrow, self._coming))

    @property
    def atoms(self) -> tuple[Atom, ...]:
        """Return the atoms that one question evaluates; those on `item` once for each part."""
        return self._of_request.atoms + self._of_item.atoms

    def codes(self, facts: Facts, reading: Reading) -> Codes:
        """Return the truth codes of the atoms that read facts and reading."""
        return self._of_request.run({"facts": facts, "reading": reading})

    def part(self, item: Item) -> Part:
        """Return what the law reads of one part of a request."""
        return item.category, self._of_item.run({"item": item})

    def truths(self, codes: Codes, part: Part) -> dict[Rule, int]:
        """Return the truth of each rule that can bear on one part, before exceptions are heard."""
        by_atom = self.by_atom(codes, part)
        return {rule: truth(condition, by_atom) for rule, condition in self._for_category(part[0]).items()}

    def by_atom(self, codes: Codes, part: Part) -> dict[Atom, int]:
        """Return the truth of each atom that was evaluated for one part of a request."""
        return dict(zip(self.atoms, codes + part[1], strict=True))

    def _find(self, codes: Codes, part: Part) -> Finding:
        ruling = decide(self.truths(codes, part))
        by_atom, conditions = self.by_atom(codes, part), self._for_category(part[0])
        unknown = {
            atom.path: None
            for rule in ruling.unsettled
            for atom in sorted(atoms(conditions[rule]), key=lambda atom: atom.text)
            if by_atom[atom] == UNKNOWN
        }
        return Finding(ruling, tuple(unknown))

    def _arising(self, codes: Codes, parts: tuple[Part, ...], outcome: Outcome) -> Mapping[str, Duty]:
        known = [self.by_atom(codes, part) for part in parts]
        arising: dict[str, Duty] = {}
        for duty, condition in self._duties.items():
            if outcome in duty.on and any(truth(condition, by_atom) != FALSE for by_atom in known):
                for token in duty.obligations:
                    arising[token] = duty  # the most local source comes last, and is cited
        return MappingProxyType(arising)

    def _bearing(self, codes: Codes, part: Part) -> Mapping[Rule, date]:
        by_atom = self.by_atom(codes, part)
        truths = {rule: truth(condition, by_atom) for rule, condition in self._for_coming(part[0]).items()}
        return MappingProxyType({rule: self._first_day[rule] for rule in settle(truths) if rule.outcome is not None})

    def _narrow(self, rules: Mapping[Rule, Condition], category: int) -> dict[Rule, Condition]:
        assert self._categories is not None
        known = {"item.category": self._categories.name.get(category, "")}
        return {rule: folded for rule, when in rules.items() if (folded := fold(when, known)) != Constant(0)}


class Program:
    """Atoms that are evaluated together; one run returns all their truth codes.

    An atom tests one fact, so the atoms of one fact compile together, and their codes are remembered by its value: the
    engine sees each value of a fact once.
    """

    def __init__(self, subject: str, read: Sequence[Atom]) -> None:
        self.atoms = tuple(read)
        by_path: dict[str, list[int]] = {}
        for position, atom in enumerate(read):
            by_path.setdefault(atom.path, []).append(position)
        self._tests = {
            path: (test(subject, path, tuple(read[position].cel for position in positions)), positions)
            for path, positions in by_path.items()
        }
        self._silent = [FALSE] * len(read)
        for found, positions in self._tests.values():
            _put(self._silent, positions, found.codes(None, stating(subject, {})[found.variable]))

    def run(self, data: Mapping[str, Facts | Reading | Item]) -> Codes:
        """Return the truth codes in the order of `atoms`; UNKNOWN where the engine reports an error."""
        codes = self._silent.copy()
        for variable, message in data.items():
            self._read(codes, variable, message, message)
        return tuple(codes)

    def _read(self, codes: list[int], path: str, message: Any, whole: Facts | Reading | Item) -> None:
        for field, value in message.ListFields():
            inner = f"{path}.{field.name}"
            if known := self._tests.get(inner):
                found, positions = known
                _put(codes, positions, found.codes(value, whole))
            elif field.type == field.TYPE_MESSAGE and not field.is_repeated:
                self._read(codes, inner, value, whole)


def _put(codes: list[int], positions: Sequence[int], found: Codes) -> None:
    for position, code in zip(positions, found, strict=True):
        codes[position] = code


class Test:
    """Atoms of one fact, compiled."""

    def __init__(self, subject: str, path: str, expressions: tuple[str, ...]) -> None:
        fact = vocabulary(subject)[path]
        self.variable = path.partition(".")[0]
        self._unknown = (UNKNOWN,) * len(expressions)
        self._expression = compile_together(subject, expressions)
        self._told_apart = fact.type in ("bool", "enum", "int")
        """Of other facts an atom can ask only whether they were given."""
        self._repeated = fact.repeated
        self._codes: dict[object, Codes] = {}

    def codes(self, value: Any, whole: Facts | Reading | Item) -> Codes:
        """Return the atoms' codes, given the fact's value (None: not given) and the message that it is in."""
        key = value is not None if not self._told_apart else tuple(value) if self._repeated and value else value
        found = self._codes.get(key)
        if found is None:
            found = self._evaluate(whole)
            if len(self._codes) < _REMEMBERED_VALUES:
                self._codes[key] = found
        return found

    def _evaluate(self, whole: Facts | Reading | Item) -> Codes:
        result = self._expression.eval(data={self.variable: whole})
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
