"""Cases held ready, so that a wrong rule is tried on them at once.

The facts of each case go through the engine once; from then on only truths are combined, by the engine's own functions.
A case holds the truths of every atom of its pack, whatever the day, because a wrong rule may bind on another day or read
another fact.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property, lru_cache
from typing import NamedTuple

from screening import cases, screen
from screening.bundle import Bundle
from screening.cases import Case
from screening.facts import vocabulary
from screening.policy.combine import Ruling, decide, stricter, whole
from screening.policy.condition import FALSE, Atom, Condition, fold, truth
from screening.policy.evaluate import Docket, Part
from screening.policy.explanation import lacking
from screening.policy.law import Law, Pack
from screening.policy.mutation import Mutant, mutants
from screening.policy.program import Codes
from screening.policy.rule import Outcome, Rule

Truths = Mapping[Rule, int]
Grid = tuple[tuple[int, ...], ...]
"""The truth of one rule for each part, in each reading."""


class Answer(NamedTuple):
    """What a case is answered, as far as a label can speak of it."""

    outcome: Outcome
    by_category: Mapping[str, str]
    obligations: frozenset[str]
    rules: frozenset[str]
    """The ids of the rules that decide."""


class HeldCase:
    """One case, with the truth of every rule of its pack, for each part in each reading."""

    def __init__(self, case: Case, pack: Pack, question: screen.Question) -> None:
        self.case = case
        self.subject = question.subject
        self._in_force = pack.in_force(question.subject, case.as_of).docket(question.facts)
        self._codes, self._parts = question.heard(self._in_force)
        docket = pack.on_every_day(question.subject).docket(type(question.facts)())
        every_day, parts = question.heard(docket)
        kind = getattr(question.facts, "request_kind", 0)
        self._points = [
            [_Point(docket, codes, part, _known(question.subject, kind, part[0])) for codes in every_day]
            for part in parts
        ]
        self._truths = [[_holding(docket.truths(codes, part)) for codes in every_day] for part in parts]
        self._binding = [
            [{rule: code for rule, code in truths.items() if rule.binds(case.as_of)} for truths in readings]
            for readings in self._truths
        ]

    def grid(self, rule: Rule) -> Grid:
        """Return the truth of a rule of the pack for each part in each reading."""
        return tuple(tuple(truths.get(rule, FALSE) for truths in readings) for readings in self._truths)

    @cached_property
    def answer(self) -> Answer:
        """Return the answer of the law as it is."""
        return self._answer([self._ruling(readings) for readings in self._binding])

    def agrees(self, answer: Answer) -> bool:
        """Say whether an answer is as the case is labelled."""
        case = self.case
        return (
            cases.OUTCOME[answer.outcome] == case.expected
            and all(answer.by_category.get(name) == outcome for name, outcome in case.per_category.items())
            and answer.obligations.issuperset(case.obligations)
            and case.accepts(answer.rules)
        )

    def tells(self, mutant: Mutant) -> bool:
        """Say whether the case is answered otherwise than labelled once a rule is replaced by its mutant."""
        rule, mutated, day = mutant.rule, mutant.mutated, self.case.as_of
        if rule.subject != self.subject:
            return False
        was = self.grid(rule) if rule.binds(day) else ()
        becomes = self._grid(mutant) if mutated is not None and mutated.binds(day) else ()
        if not any(map(any, (*was, *becomes))) or (was == becomes and mutant.kind in ("date", "loosen", "negate")):
            return False
        return not self.agrees(self._answer(list(self._rulings(mutant, becomes))))

    def lacks(self, rule: Rule) -> int | None:
        """Return how many facts would have to be different for a rule to hold in some part; None if none would do."""
        points = [point for readings in self._points for point in readings]
        found = [lacking(rule.when, point.by_atom()) for point in points]
        return min((len({test.atom.path for test in tests}) for tests in found if tests is not None), default=None)

    def _grid(self, mutant: Mutant) -> Grid:
        assert mutant.mutated is not None
        when = mutant.mutated.when
        if when is mutant.rule.when:
            return self.grid(mutant.rule)
        return tuple(tuple(point.truth(when) for point in readings) for readings in self._points)

    def _rulings(self, mutant: Mutant, becomes: Grid) -> Iterator[Ruling]:
        for place, readings in enumerate(self._binding):
            changed = []
            for number, truths in enumerate(readings):
                binding = {each: code for each, code in truths.items() if each is not mutant.rule}
                if mutant.mutated is not None and becomes and becomes[place][number] != FALSE:
                    binding[mutant.mutated] = becomes[place][number]
                changed.append(binding)
            yield self._ruling(changed)

    def _ruling(self, readings: Sequence[Truths]) -> Ruling:
        rulings = [decide(truths) for truths in readings]
        chosen = rulings[0]
        for ruling in rulings[1:]:
            chosen = stricter(chosen, ruling)
        return chosen

    def _answer(self, rulings: Sequence[Ruling]) -> Answer:
        outcome = whole(ruling.outcome for ruling in rulings)
        tokens = {token for ruling in rulings for rule in ruling.decisive for token in rule.obligations}
        for codes in self._codes:
            tokens |= self._in_force.obligations(codes, self._parts, outcome).keys()
        return Answer(
            outcome,
            {
                cases.CATEGORY[part[0]]: cases.OUTCOME[ruling.outcome]
                for part, ruling in zip(self._parts, rulings, strict=True)
            },
            frozenset(tokens),
            frozenset(rule.id for ruling in rulings for rule in ruling.decisive),
        )


class _Point(NamedTuple):
    """One part in one reading."""

    docket: Docket
    codes: Codes
    part: Part
    known: tuple[tuple[str, str], ...]

    def truth(self, when: Condition) -> int:
        return truth(_folded(when, self.known), self.by_atom())

    def by_atom(self) -> Mapping[Atom, int]:
        return _Codes(_places(self.docket), self.codes + self.part[1])


class _Codes(Mapping[Atom, int]):
    """The truths of a point by atom, without a dictionary for each point."""

    def __init__(self, places: Mapping[Atom, int], codes: Codes) -> None:
        self._places, self._codes = places, codes

    def __getitem__(self, atom: Atom) -> int:
        return self._codes[self._places[atom]]

    def __iter__(self) -> Iterator[Atom]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


@cache
def _places(docket: Docket) -> dict[Atom, int]:
    return {atom: place for place, atom in enumerate(docket.atoms)}


@lru_cache(maxsize=1 << 12)
def _folded(condition: Condition, known: tuple[tuple[str, str], ...]) -> Condition:
    return fold(condition, dict(known))


def _holding(truths: Truths) -> dict[Rule, int]:
    return {rule: code for rule, code in truths.items() if code != FALSE}


def _known(subject: str, kind: int, category: int) -> tuple[tuple[str, str], ...]:
    """Return what is folded into conditions: the category, empty where there is none, and the request kind."""
    facts = vocabulary(subject)
    known = {"item.category": category, **({"facts.request_kind": kind} if kind else {})}
    named = {path: facts[path].values for path in known}
    return tuple((path, values.name.get(known[path], "") if values else "") for path, values in named.items())


Held = Mapping[str, Sequence[HeldCase]]
"""Cases held ready, by pack."""


def hold(given: Iterable[Case], bundle: Bundle) -> Held:
    """Hold cases ready. Raises FormError or CallError where one is not accepted."""
    held: dict[str, list[HeldCase]] = {name: [] for name in bundle.law.packs}
    for case in given:
        request = case.asked().request
        pack = screen.pack_of(bundle, request.policy_pack)
        held[pack.id].append(HeldCase(case, pack, screen.question(request, bundle, case.as_of)))
    return held


class Suspect(NamedTuple):
    """One wrong in one rule, in every pack that has the rule."""

    kind: str
    name: str
    """The rule's id and what is wrong."""
    place: str
    by_pack: tuple[tuple[str, Mutant], ...]

    def caught(self, held: Held) -> bool:
        """Say whether some case tells it from the law."""
        return any(case.tells(mutant) for pack, mutant in self.by_pack for case in held[pack])


def suspects(law: Law) -> list[Suspect]:
    """Return every mutant of every rule of all packs."""
    found: dict[tuple[str, str], list[tuple[str, Mutant]]] = {}
    for pack in law.packs.values():
        terms = {condition for each in pack.terms.values() for condition in each.meanings()}
        for rule in pack.rules:
            for mutant in mutants(rule, terms):
                found.setdefault((mutant.kind, f"{rule.id}: {mutant.wrong}"), []).append((pack.id, mutant))
    return [Suspect(kind, name, _place(same[0][1].rule), tuple(same)) for (kind, name), same in found.items()]


def _place(rule: Rule) -> str:
    return f"{rule.source.file}:{rule.line}"
