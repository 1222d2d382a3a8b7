"""Law files to rules. Every failure names file, line and remedy; nothing wrong loads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import TypeVar

from city.screening.v1 import decision_pb2

from screening.facts import vocabulary
from screening.policy.condition import Atom, Condition, ConditionError, Every, Negation, Some, parse_atom
from screening.yamlfile import Entry, parse
from screening.policy.evaluate import compile_atoms
from screening.policy.rule import Duty, Outcome, Period, Rank, Rule, Source

SUBJECTS = ("employment", "information_request")
LAYERS = ("federal", "state", "city", "department")
_PROVENANCE = {
    "T": decision_pb2.PROVENANCE_TEXT,
    "T-": decision_pb2.PROVENANCE_TEXT_PARTIAL,
    "S": decision_pb2.PROVENANCE_SECONDARY,
    "M": decision_pb2.PROVENANCE_MEMORY,
}
_OUTCOMES: dict[str, Outcome] = {
    name.removeprefix("OUTCOME_"): number for name, number in decision_pb2.Outcome.items() if number
}
_DATES = {"effective_from", "effective_to", "suspended"}
_FILE = {"source", "preamble", "subject", "binds", "terms", "rules", "duties"}
_SOURCE = {"id", "title", "citation", "layer", "provenance", "url", *_DATES}
_RULE = {"id", "sentence", "at", "citation", "ruling", "provenance", "rank", "when", "outcome", "obligations", "exception_to", *_DATES}
_DUTY = {"id", "at", "citation", "ruling", "when", "with_outcome", "obligations", "effective_from", "effective_to"}
_CONNECTIVES = {"every", "any", "none", "is", "is_not"}


@dataclass
class Draft:
    """What the files of one pack say, before it is frozen."""

    settings: Mapping[str, date | None]
    tokens: Mapping[str, str]
    terms: dict[str, dict[str, Entry]] = field(default_factory=lambda: {subject: {} for subject in SUBJECTS})
    rules: dict[str, Rule] = field(default_factory=dict)
    duties: dict[str, Duty] = field(default_factory=dict)


def load(files: Mapping[str, str], settings: Mapping[str, date | None], tokens: Mapping[str, str]) -> Draft:
    """Load law files, given as text by file name. `settings` are the dated settings, `tokens` the obligations.

    Raises DataFileError.
    """
    draft = Draft(settings, tokens)
    documents = [parse(text, name).only(_FILE) for name, text in sorted(files.items())]
    for document in documents:
        for term in document.entries("terms"):
            _add_term(draft, _subject(document), term)
    for document in documents:
        _load_document(draft, document)
    _check_exceptions(draft)
    return draft


def _subject(document: Entry) -> str:
    subject = document.text("subject")
    if subject not in SUBJECTS:
        raise document.fail(f"unknown subject '{subject}'", f"Use one of: {', '.join(SUBJECTS)}")
    return subject


def _add_term(draft: Draft, subject: str, term: Entry) -> None:
    name = term.only({"term", "means", "when"}).text("term")
    term.text("means")
    if name in draft.terms[subject]:
        raise term.fail(f"the term '{name}' is defined twice", "Remove one definition")
    draft.terms[subject][name] = term


def _load_document(draft: Draft, document: Entry) -> None:
    if not document.entries("rules") and not document.entries("duties"):
        if not document.entries("terms"):
            raise document.fail("the file has no rule, duty or term", "Remove the file or write one")
        return
    head = document.get("source")
    if not isinstance(head, Entry):
        raise document.fail("'source' is missing", "Say which source of law the file encodes")
    source = _source(head)
    binds = document.get("binds")
    for entry in document.entries("rules"):
        _add(draft.rules, entry, _rule(draft, document, head, source, entry.only(_RULE), binds))
    for entry in document.entries("duties"):
        _add(draft.duties, entry, _duty(draft, document, head, source, entry.only(_DUTY), binds))


_Provision = TypeVar("_Provision", Rule, Duty)


def _add(into: dict[str, _Provision], entry: Entry, made: _Provision) -> None:
    if made.id in into:
        raise entry.fail(f"the id '{made.id}' stands twice", "Give each rule its own id")
    into[made.id] = made


def _source(head: Entry) -> Source:
    head.only(_SOURCE)
    layer = head.text("layer")
    if layer not in LAYERS:
        raise head.fail(f"unknown layer '{layer}'", f"Use one of: {', '.join(LAYERS)}")
    return Source(
        id=head.text("id"),
        title=head.text("title"),
        citation=head.text("citation"),
        layer=layer,
        provenance=_provenance(head, head),
        url=str(head.get("url", "")),
        file=head.file,
    )


def _citation(source: Source, entry: Entry) -> str:
    """Return the whole citation: the entry's own, or the source's with the pinpoint; a provisional ruling is named."""
    own = entry.text("citation") if "citation" in entry else source.citation + str(entry.get("at", ""))
    ruling = entry.get("ruling")
    return f"{own} (provisional ruling {ruling} of the law map)" if ruling else own


def _provenance(entry: Entry, head: Entry) -> decision_pb2.Provenance.ValueType:
    code = entry.get("provenance", head.get("provenance"))
    if code not in _PROVENANCE:
        raise entry.fail(f"unknown provenance '{code}'", f"Use one of: {', '.join(_PROVENANCE)}")
    return _PROVENANCE[code]


def _rule(draft: Draft, document: Entry, head: Entry, source: Source, entry: Entry, binds: object) -> Rule:
    subject = _subject(document)
    outcome = entry.get("outcome")
    if outcome is not None and outcome not in _OUTCOMES:
        raise entry.fail(f"unknown outcome '{outcome}'", f"Use one of: {', '.join(_OUTCOMES)}")
    if outcome is None and not entry.texts("exception_to"):
        raise entry.fail("a rule without an outcome must be an exception", "Add outcome: or exception_to:")
    rank = entry.get("rank", "ORDINARY")
    if rank not in Rank.__members__:
        raise entry.fail(f"unknown rank '{rank}'", f"Use one of: {', '.join(Rank.__members__)}")
    return Rule(
        id=f"{source.id}.{entry.text('id')}",
        sentence=entry.text("sentence"),
        source=source,
        citation=_citation(source, entry),
        provenance=_provenance(entry, head),
        subject=subject,
        rank=Rank[rank],
        in_force=_period(draft, entry, head),
        suspended=_suspended(entry, head),
        when=_when(draft, subject, entry, binds),
        outcome=None if outcome is None else _OUTCOMES[outcome],
        obligations=_tokens(draft, entry),
        exception_to=entry.texts("exception_to"),
        line=entry.line,
    )


def _duty(draft: Draft, document: Entry, head: Entry, source: Source, entry: Entry, binds: object) -> Duty:
    subject = _subject(document)
    names = entry.texts("with_outcome") or tuple(_OUTCOMES)
    for name in names:
        if name not in _OUTCOMES:
            raise entry.fail(f"unknown outcome '{name}'", f"Use one of: {', '.join(_OUTCOMES)}")
    if not entry.texts("obligations"):
        raise entry.fail("a duty without obligations does nothing", "Add obligations:")
    return Duty(
        id=f"{source.id}.{entry.text('id')}",
        source=source,
        citation=_citation(source, entry),
        subject=subject,
        in_force=_period(draft, entry, head),
        when=_when(draft, subject, entry, binds),
        on=frozenset(_OUTCOMES[name] for name in names),
        obligations=_tokens(draft, entry),
        line=entry.line,
    )


def _tokens(draft: Draft, entry: Entry) -> tuple[str, ...]:
    for token in entry.texts("obligations"):
        if token not in draft.tokens:
            raise entry.fail(f"the obligation '{token}' is not defined", "Define it in obligations.yaml")
    return entry.texts("obligations")


def _period(draft: Draft, entry: Entry, head: Entry) -> Period:
    start = _date(draft, entry if "effective_from" in entry else head, "effective_from")
    end = _date(draft, entry if "effective_to" in entry else head, "effective_to")
    if start and end and end < start:
        raise entry.fail("effective_to is before effective_from", "Put the dates in order")
    return Period(start, end)


def _date(draft: Draft, entry: Entry, key: str) -> date | None:
    value = entry.get(key)
    if not isinstance(value, Entry):
        return entry.day(key)
    name = value.only({"setting", "default"}).text("setting")
    if name not in draft.settings:
        raise value.fail(f"there is no setting '{name}'", f"Use one of: {', '.join(draft.settings)}")
    return draft.settings[name] or value.day("default")


def _suspended(entry: Entry, head: Entry) -> tuple[Period, ...]:
    ranges = []
    for suspension in entry.entries("suspended") or head.entries("suspended"):
        suspension.only({"from", "to", "citation"}).text("citation")
        start, end = suspension.day("from"), suspension.day("to")
        if start is None or (end is not None and end < start):
            raise suspension.fail("a suspension needs 'from', and 'to' after it", "Give both dates in order")
        ranges.append(Period(start, end))
    return tuple(ranges)


def _when(draft: Draft, subject: str, entry: Entry, binds: object) -> Condition:
    own = _condition(draft, subject, entry, entry.get("when"), ())
    if binds is None:
        return own
    return Every((_condition(draft, subject, entry, binds, ()), own))


def _condition(draft: Draft, subject: str, at: Entry, given: object, within: tuple[str, ...]) -> Condition:
    """Parse a condition; `within` are the terms that are being expanded, to refuse a term that means itself."""
    if isinstance(given, list):
        if not given:
            raise at.fail("a condition list is empty", "An empty list would hold for everything; write a condition")
        parts = tuple(_condition(draft, subject, at, part, within) for part in given)
        return parts[0] if len(parts) == 1 else Every(parts)
    if isinstance(given, str):
        try:
            return _checked(subject, given)
        except ConditionError as error:
            raise at.fail(str(error), "See the forms and facts in policy/condition.py and proto/") from None
        except RuntimeError:
            raise at.fail(f"CEL refuses '{given}'", "Check fact and value names against proto/") from None
    if isinstance(given, Entry) and len(given) == 1 and (connective := next(iter(given))) in _CONNECTIVES:
        return _connective(draft, subject, given, connective, within)
    raise at.fail("a condition is missing or is not a list, an atom or a connective", "Write when: [...]")


@cache
def _checked(subject: str, text: str) -> Atom:
    """Parse an atom and let CEL check its types."""
    atom = parse_atom(text, vocabulary(subject))
    compile_atoms(subject, [atom])
    return atom


def _connective(draft: Draft, subject: str, entry: Entry, connective: str, within: tuple[str, ...]) -> Condition:
    given = entry[connective]
    if connective in ("is", "is_not"):
        term = draft.terms[subject].get(given)
        if term is None:
            raise entry.fail(f"there is no term '{given}'", "Define it under terms:")
        if given in within:
            raise entry.fail(f"the term '{given}' means itself", "Break the circle")
        meaning = _condition(draft, subject, term, term.get("when"), (*within, given))
        return meaning if connective == "is" else Negation(meaning)
    if not isinstance(given, list) or not given:
        raise entry.fail(f"'{connective}' needs a list that is not empty", f"Write {connective}: [one, two]")
    parts = tuple(_condition(draft, subject, entry, part, within) for part in given)
    match connective:
        case "every":
            return Every(parts)
        case "any":
            return Some(parts)
        case _:
            return Negation(Some(parts))


def _check_exceptions(draft: Draft) -> None:
    for rule in draft.rules.values():
        for displaced in rule.exception_to:
            if displaced not in draft.rules:
                raise DataFileError(
                    rule.source.file, rule.line, f"'{rule.id}' is an exception to '{displaced}', which does not exist",
                    "Name a rule of the same pack",
                )
        if _displaces_itself(draft, rule, rule.id, set()):
            raise DataFileError(
                rule.source.file, rule.line, f"'{rule.id}' displaces itself through exceptions", "Break the circle"
            )


def _displaces_itself(draft: Draft, rule: Rule, start: str, seen: set[str]) -> bool:
    for displaced in rule.exception_to:
        if displaced == start:
            return True
        if displaced not in seen:
            seen.add(displaced)
            if _displaces_itself(draft, draft.rules[displaced], start, seen):
                return True
    return False
