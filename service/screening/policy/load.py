"""Law files to rules and duties. Every failure names file, line and remedy; nothing wrong loads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

from city.screening.v1 import decision_pb2

from screening.errors import DataFileError
from screening.policy.condition import Condition, Every
from screening.policy.rule import LAYERS, OUTCOMES, SUBJECTS, Duty, Period, Rank, Rule, Source
from screening.policy.terms import Terms
from screening.yamlfile import Entry

_PROVENANCE = {
    "T": decision_pb2.PROVENANCE_TEXT,
    "T-": decision_pb2.PROVENANCE_TEXT_PARTIAL,
    "S": decision_pb2.PROVENANCE_SECONDARY,
    "M": decision_pb2.PROVENANCE_MEMORY,
}
_FILE = {"source", "preamble", "subject", "binds", "terms", "rules", "duties"}
_DATES = {"effective_from", "effective_to"}
_CITED = {"id", "at", "citation", "ruling", "when", "obligations", *_DATES}
_SOURCE = {"id", "title", "citation", "layer", "provenance", "url", "suspended", *_DATES}
_RULE = {"sentence", "provenance", "rank", "outcome", "exception_to", "suspended", *_CITED}
_DUTY = {"with_outcome", *_CITED}

_Provision = TypeVar("_Provision", Rule, Duty)


@dataclass
class Draft:
    """What the files of one pack say, before it is frozen."""

    settings: Mapping[str, date | None]
    tokens: Mapping[str, str]
    terms: dict[str, Terms] = field(default_factory=lambda: {subject: Terms(subject) for subject in SUBJECTS})
    rules: dict[str, Rule] = field(default_factory=dict)
    duties: dict[str, Duty] = field(default_factory=dict)


def load(documents: Sequence[Entry], settings: Mapping[str, date | None], tokens: Mapping[str, str]) -> Draft:
    """Load parsed law files, in the order of their names. `settings` are the dated settings, `tokens` the obligations.

    Raises DataFileError.
    """
    draft = Draft(settings, tokens)
    for document in documents:
        document.only(_FILE)
        draft.terms[_one_of(document, "subject", SUBJECTS)].add(document.entries("terms"))
    for terms in draft.terms.values():
        terms.check()
    for document in documents:
        _load_document(draft, document)
    _check_exceptions(draft)
    return draft


def _load_document(draft: Draft, document: Entry) -> None:
    if not document.entries("rules") and not document.entries("duties"):
        if not document.entries("terms"):
            raise document.fail("the file has no rule, duty or term", "Remove the file or write one")
        return
    head = document.get("source")
    if not isinstance(head, Entry):
        raise document.fail("'source' is missing", "Say which source of law the file encodes")
    file = _File(draft, document, head)
    for entry in document.entries("rules"):
        _add(draft.rules, entry, file.rule(entry.only(_RULE)))
    for entry in document.entries("duties"):
        _add(draft.duties, entry, file.duty(entry.only(_DUTY)))


def _add(into: dict[str, _Provision], entry: Entry, made: _Provision) -> None:
    if made.id in into:
        raise entry.fail(f"the id '{made.id}' stands twice", "Give each rule its own id")
    into[made.id] = made


class _File:
    """One law file being loaded: what its head says holds for all its entries."""

    def __init__(self, draft: Draft, document: Entry, head: Entry) -> None:
        self._draft = draft
        self._head = head.only(_SOURCE)
        self._subject = _one_of(document, "subject", SUBJECTS)
        self._terms = draft.terms[self._subject]
        binds = document.get("binds")
        self._binds = None if binds is None else self._terms.condition(document, binds)
        self._source = Source(
            id=head.text("id"),
            title=head.text("title"),
            citation=head.text("citation"),
            layer=_one_of(head, "layer", LAYERS),
            provenance=_PROVENANCE[_one_of(head, "provenance", tuple(_PROVENANCE))],
            url=str(head.get("url", "")),
            file=head.file,
        )

    def rule(self, entry: Entry) -> Rule:
        outcome = _one_of(entry, "outcome", tuple(OUTCOMES)) if "outcome" in entry else None
        if outcome is None and not entry.texts("exception_to"):
            raise entry.fail("a rule without an outcome must be an exception", "Add outcome: or exception_to:")
        rank = Rank[_one_of(entry, "rank", tuple(Rank.__members__))] if "rank" in entry else Rank.ORDINARY
        if rank is Rank.OPENING and outcome not in ("REVIEW", None):
            raise entry.fail("a rule of rank OPENING can only lead to a person", "Write outcome: REVIEW")
        own = self._terms.condition(entry, entry.get("when"))
        proven = entry if "provenance" in entry else self._head
        return Rule(
            id=f"{self._source.id}.{entry.text('id')}",
            sentence=entry.text("sentence"),
            source=self._source,
            citation=self._citation(entry),
            provenance=_PROVENANCE[_one_of(proven, "provenance", tuple(_PROVENANCE))],
            subject=self._subject,
            rank=rank,
            in_force=self._period(entry),
            suspended=self._suspended(entry),
            when=self._when(own),
            outcome=OUTCOMES[outcome] if outcome else None,
            obligations=self._tokens(entry),
            exception_to=entry.texts("exception_to"),
            line=entry.line,
            own=own,
        )

    def duty(self, entry: Entry) -> Duty:
        outcomes = entry.texts("with_outcome") or tuple(OUTCOMES)
        for name in outcomes:
            if name not in OUTCOMES:
                raise entry.fail(f"unknown outcome '{name}'", f"Use one of: {', '.join(OUTCOMES)}")
        if not entry.texts("obligations"):
            raise entry.fail("a duty without obligations does nothing", "Add obligations:")
        return Duty(
            id=f"{self._source.id}.{entry.text('id')}",
            source=self._source,
            citation=self._citation(entry),
            subject=self._subject,
            in_force=self._period(entry),
            when=self._when(self._terms.condition(entry, entry.get("when"))),
            on=frozenset(OUTCOMES[name] for name in outcomes),
            obligations=self._tokens(entry),
            line=entry.line,
        )

    def _citation(self, entry: Entry) -> str:
        """Return the whole citation: the entry's own, or the source's with the pinpoint; a ruling is named."""
        own = entry.text("citation") if "citation" in entry else self._source.citation + str(entry.get("at", ""))
        ruling = entry.get("ruling")
        return f"{own} (provisional ruling {ruling} of the law map)" if ruling else own

    def _when(self, own: Condition) -> Condition:
        return own if self._binds is None else Every((self._binds, own))

    def _tokens(self, entry: Entry) -> tuple[str, ...]:
        for token in entry.texts("obligations"):
            if token not in self._draft.tokens:
                raise entry.fail(
                    f"the obligation '{token}' is not defined", "Define it in obligations.yaml", "obligations"
                )
        return entry.texts("obligations")

    def _period(self, entry: Entry) -> Period:
        start = self._date(entry if "effective_from" in entry else self._head, "effective_from")
        end = self._date(entry if "effective_to" in entry else self._head, "effective_to")
        if start and end and end < start:
            at = entry if _DATES & entry.keys() else self._head
            raise at.fail("effective_to is before effective_from", "Put the dates in order", "effective_to")
        return Period(start, end)

    def _date(self, entry: Entry, key: str) -> date | None:
        value = entry.get(key)
        if not isinstance(value, Entry):
            return entry.day(key)
        name = value.only({"setting", "default"}).text("setting")
        if name not in self._draft.settings:
            raise value.fail(f"there is no setting '{name}'", f"Use one of: {', '.join(self._draft.settings)}")
        return self._draft.settings[name] or value.day("default")

    def _suspended(self, entry: Entry) -> tuple[Period, ...]:
        ranges = []
        for suspension in entry.entries("suspended") or self._head.entries("suspended"):
            suspension.only({"from", "to", "citation"}).text("citation")
            start, end = suspension.day("from"), suspension.day("to")
            if start is None or (end is not None and end < start):
                raise suspension.fail("a suspension needs 'from', and 'to' after it", "Give both dates in order")
            ranges.append(Period(start, end))
        return tuple(ranges)


def _one_of(entry: Entry, key: str, allowed: tuple[str, ...]) -> str:
    value = entry.text(key)
    if value not in allowed:
        raise entry.fail(f"unknown {key} '{value}'", f"Use one of: {', '.join(allowed)}", key)
    return value


def _check_exceptions(draft: Draft) -> None:
    for rule in draft.rules.values():
        for displaced in rule.exception_to:
            if displaced not in draft.rules:
                problem = f"'{rule.id}' is an exception to '{displaced}', which does not exist"
                raise DataFileError(rule.source.file, rule.line, problem, "Name a rule of the same pack")
        if _displaces_itself(draft, rule, rule.id, set()):
            problem = f"'{rule.id}' displaces itself through exceptions"
            raise DataFileError(rule.source.file, rule.line, problem, "Break the circle")


def _displaces_itself(draft: Draft, rule: Rule, start: str, seen: set[str]) -> bool:
    for displaced in rule.exception_to:
        if displaced == start:
            return True
        if displaced not in seen:
            seen.add(displaced)
            if _displaces_itself(draft, draft.rules[displaced], start, seen):
                return True
    return False
