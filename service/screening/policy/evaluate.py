"""From the facts of one question to the rules that hold: the law of one subject on one day, compiled.

The atoms that the rules of one request kind read are one program (`program.py`). Atoms on the request kind and on the category are folded away beforehand, so that a rule for another kind costs
nothing. Evaluation is a pure function of the codes and is remembered by them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache, partial
from types import MappingProxyType

from screening.facts import Facts, Item, Reading, vocabulary
from screening.policy.combine import Ruling, decide, settle, stricter
from screening.policy.condition import FALSE, UNKNOWN, Atom, Condition, Constant, atoms, fold, truth
from screening.policy.program import Codes, Program
from screening.policy.rule import Duty, Outcome, Rule

_REMEMBERED = 65_536
"""How many combinations of truth codes are remembered per request kind."""


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
        self._parts: dict[bytes, Part] = {}
        """Parts by their bytes: a category, its coverage and its publicity, so there are some hundreds."""
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
        key = item.SerializeToString()
        found = self._parts.get(key)
        if found is None:
            found = self._parts[key] = item.category, self._of_item.run({"item": item})
        return found

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
