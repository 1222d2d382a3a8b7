"""Whether the rules of a law fit together: what can never matter, what contradicts, where nothing speaks.

Conditions are held whole as decision diagrams, each rule with no more than the few others that could bear on it, so that
a law is looked through in seconds. What holds of whole answers, for every combination of facts, is proved by `proof.py`.

| finding | level |
| --- | --- |
| a rule or duty whose condition no facts can meet, a duty of outcomes that no rule gives | error |
| a rule that is suspended, or displaced by exceptions, whenever it would hold | error |
| an obligation that asks for something to be done, on a rule that only denies | error |
| a rule of which another of higher rank, or a stricter one of its rank, holds whenever it does | warning |
| two rules of one source and rank that permit and deny at once, one reading only facts that the other reads as well, and neither an exception to the other | warning |
| an obligation that no rule or duty asks for | warning |
| a kind of request, or a class of employee, that no rule of a pack names | warning |
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import combinations

from screening.facts import vocabulary
from screening.policy.answers import Answers
from screening.policy.condition import TRUE, Condition, atoms
from screening.policy.diagram import Function
from screening.policy.law import Law, Pack
from screening.policy.rule import (
    ALLOW,
    ALLOW_IN_PART,
    APPROVAL_REQUIRED,
    DENY,
    REVIEW,
    SUBJECTS,
    Duty,
    Outcome,
    Rank,
    Rule,
)
from screening.policy.space import Space

_PERMITS = (ALLOW, APPROVAL_REQUIRED)
_REMEMBERED = 4_096
"""How many pairs of conditions are remembered."""
_NAMED = {"information_request": "facts.request_kind", "employment": "facts.employee_class"}
_ON_RELEASE = frozenset(
    {
        "alpr_access_log",
        "clets_purpose_code",
        "ethics_commission_approval",
        "limit_to_scope",
        "no_onward_immigration_use",
        "point_to_public_source_only",
        "prior_written_approval",
        "work_permit",
        "written_consent_form",
    }
)
"""Obligations that say how something is done or given; on a denial nobody can meet them (law map, section 7.4)."""


@dataclass(frozen=True)
class Fault:
    """Something that does not fit."""

    is_error: bool
    file: str
    line: int
    words: str


def faults(law: Law) -> list[Fault]:
    """Return what does not fit in any pack, each once: errors first, then by place."""
    found = {fault for pack in law.packs.values() for fault in _of_pack(pack)} | set(_unasked(law))
    return sorted(found, key=lambda fault: (not fault.is_error, fault.file, fault.line, fault.words))


def _of_pack(pack: Pack) -> Iterator[Fault]:
    for subject in SUBJECTS:
        rules = [rule for rule in pack.rules if rule.subject == subject]
        for rule in rules:
            yield from _of_rule(rule, rules)
        yield from _contradictions(rules)
        yield from _unnamed(pack, subject, rules)
    for duty in pack.duties:
        if _never(duty.subject, duty.when):
            yield _fault(duty, f"the duty {duty.id} can never arise: no facts meet its condition", is_error=True)
        elif not duty.on & _answers_of(pack, duty.subject):
            yield _fault(duty, f"the duty {duty.id} can never arise: no answer is one of its outcomes", is_error=True)


def _answers_of(pack: Pack, subject: str) -> set[Outcome]:
    """Return the answers that a whole question can have."""
    given = {rule.outcome for rule in pack.rules if rule.subject == subject and rule.outcome is not None}
    return {*given, REVIEW, ALLOW_IN_PART} if subject == "information_request" else {*given, REVIEW}


def _of_rule(rule: Rule, rules: Sequence[Rule]) -> Iterator[Fault]:
    exceptions = [other for other in rules if rule.id in other.exception_to]
    if _never(rule.subject, rule.when):
        yield _fault(rule, f"{rule.id} can never hold: no facts meet its condition", is_error=True)
    elif not any(rule.binds(day) for day in _days([rule])):
        yield _fault(rule, f"{rule.id} never binds: it is suspended on all its days", is_error=True)
    elif exceptions and _always_displaced(rule, exceptions):
        yield _fault(rule, f"{rule.id} can never speak: an exception holds whenever it does", is_error=True)
    elif above := next((other for other in rules if _silences(other, rule, rules)), None):
        yield _fault(
            rule, f"{rule.id} never decides: {above.id} ({_place(above)}) holds whenever it does", is_error=False
        )
    if rule.outcome == DENY:
        for token in sorted(_ON_RELEASE.intersection(rule.obligations)):
            words = f"{rule.id} denies, so nobody can meet its obligation {token}"
            yield _fault(rule, words, is_error=True)


def _always_displaced(rule: Rule, exceptions: Sequence[Rule]) -> bool:
    for day in _days([rule, *exceptions]):
        if rule.binds(day):
            answers = _answers([rule, *(other for other in exceptions if other.binds(day))])
            if _somewhere(answers.space, _both, answers.settled(rule), answers.settled(rule)):
                return False
    return True


def _silences(other: Rule, rule: Rule, rules: Sequence[Rule]) -> bool:
    """Say whether another rule, to which there is no exception, takes a rule's place whenever it holds."""
    if other is rule or None in (rule.outcome, other.outcome) or other.id in rule.exception_to:
        return False
    higher = other.rank < rule.rank and other.rank is not Rank.OPENING
    stricter = other.rank is rule.rank and (other.outcome or 0) > (rule.outcome or 0)
    if not (higher or stricter) or any(rule.binds(day) and not other.binds(day) for day in _days([rule, other])):
        return False
    if not _paths(other.when) <= _paths(rule.when):
        return False
    if any(other.id in exception.exception_to for exception in rules):
        return False
    return not _holds_alone(rule.subject, rule.when, other.when)


def _contradictions(rules: Sequence[Rule]) -> Iterator[Fault]:
    for one, other in combinations([rule for rule in rules if rule.outcome is not None], 2):
        if (one.source.id, one.rank) != (other.source.id, other.rank):
            continue
        permits, denies = (one, other) if one.outcome in _PERMITS else (other, one)
        if permits.outcome not in _PERMITS or denies.outcome != DENY or _excepted(one, other):
            continue
        if not (_paths(one.when) <= _paths(other.when) or _paths(other.when) <= _paths(one.when)):
            continue  # they speak of different things, and the stricter of them is meant to answer
        both = [day for day in _days([one, other]) if one.binds(day) and other.binds(day)]
        if both and _meet_settled(one, other, rules, both[-1]):
            words = f"{permits.id} permits and {denies.id} ({_place(denies)}) denies the same; neither is an exception"
            yield _fault(permits, words, is_error=False)


def _excepted(one: Rule, other: Rule) -> bool:
    return one.id in other.exception_to or other.id in one.exception_to


def _meet_settled(one: Rule, other: Rule, rules: Sequence[Rule], day: date) -> bool:
    """Say whether two rules can hold at once, their exceptions heard."""
    if not _holds_together(one.subject, one.when, other.when):
        return False
    near = [each for each in rules if each.binds(day) and {one.id, other.id}.intersection(each.exception_to)]
    answers = _answers([one, other, *(each for each in near if each not in (one, other))])
    return _somewhere(answers.space, _both, answers.settled(one), answers.settled(other))


def _unnamed(pack: Pack, subject: str, rules: Sequence[Rule]) -> Iterator[Fault]:
    path = _NAMED[subject]
    values = vocabulary(subject)[path].values
    if not rules or values is None:
        return
    named = {value for rule in rules for atom in atoms(rule.when) if atom.path == path for value in atom.values}
    missing = [value for value in values.number if value not in named and value != "UNKNOWN"]
    if named and missing:
        words = f"pack {pack.id}: no rule names {', '.join(missing)}; where no general rule speaks a person decides"
        yield Fault(is_error=False, file=f"packs/{pack.id}.yaml", line=1, words=words)


def _unasked(law: Law) -> Iterator[Fault]:
    asked = {token for pack in law.packs.values() for provision in _provisions(pack) for token in provision.obligations}
    for token in law.obligations:
        if token not in asked:
            line = law.obligation_lines[token]
            yield Fault(is_error=False, file="obligations.yaml", line=line, words=f"no rule or duty asks for {token}")


def _provisions(pack: Pack) -> list[Rule | Duty]:
    return [*pack.rules, *pack.duties]


@lru_cache(maxsize=_REMEMBERED)
def _never(subject: str, when: Condition) -> bool:
    space = Space(subject, [when])
    return not _somewhere(space, _both, space.truth(when), space.truth(when))


@lru_cache(maxsize=_REMEMBERED)
def _holds_together(subject: str, one: Condition, other: Condition) -> bool:
    """Say whether some facts meet two conditions at once; packs share most of their rules."""
    space = Space(subject, [one, other])
    return _somewhere(space, _both, space.truth(one), space.truth(other))


@lru_cache(maxsize=_REMEMBERED)
def _holds_alone(subject: str, one: Condition, other: Condition) -> bool:
    """Say whether some facts meet a condition and not another."""
    space = Space(subject, [one, other])
    return _somewhere(space, _first_alone, space.truth(one), space.truth(other))


def _somewhere(space: Space, of: Callable[[int, int], bool], one: Function, other: Function) -> bool:
    diagrams = space.diagrams
    return diagrams.apply(of, one, other) != diagrams.leaf(False)  # noqa: FBT003  # a value


def _answers(rules: Iterable[Rule]) -> Answers:
    conditions: Mapping[Rule, Condition] = {rule: rule.when for rule in rules}
    subject = next(iter(conditions)).subject
    return Answers(Space(subject, list(conditions.values())), conditions)


def _both(one: int, other: int) -> bool:
    return one == other == TRUE


def _first_alone(one: int, other: int) -> bool:
    return one == TRUE and other != TRUE


def _paths(when: Condition) -> set[str]:
    return {atom.path for atom in atoms(when)}


def _days(rules: Iterable[Rule]) -> list[date]:
    """Return the first day of each stretch over which the same of some rules bind."""
    periods = [period for rule in rules for period in (rule.in_force, *rule.suspended)]
    return sorted({date.min, *(day for period in periods for day in (period.start, period.end) if day)})


def _fault(provision: Rule | Duty, words: str, *, is_error: bool) -> Fault:
    return Fault(is_error, provision.source.file, provision.line, words)


def _place(rule: Rule) -> str:
    return f"{rule.source.file}:{rule.line}"
