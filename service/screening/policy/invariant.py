"""Invariants: what must hold of every answer of a pack. Data beside the law, in `invariants.yaml` of a folder.

An invariant holds for every pack that takes the folder in. It has one of four forms:

    when: [...]   never: [ALLOW]                   no question of which the condition holds gets such an answer
    when: [...]   with: [{path: VALUE, ...}, ...]  the same question with other facts never gets an answer that is
                  never: [STRICTER]                stricter (or MILDER)
    while: FACT_ABSENT   never: [MILDER]           an answer that permits, with a DECISIVE fact absent, is never milder
                                                   than that with the fact, whatever it is
    while: ENGINE_ERROR  never: [ALLOW]            nor is an error of the engine permission

Under `except` stand the exceptions that the law itself makes, each with its citation.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from screening.facts import Value, vocabulary
from screening.policy.condition import FALSE, TRUE, Condition, Constant, Some
from screening.policy.law import Pack
from screening.policy.rule import OUTCOMES, SUBJECTS, Outcome, Period
from screening.yamlfile import Entry, parse

FILE = "invariants.yaml"
STRICTER, MILDER = "STRICTER", "MILDER"
FACT_ABSENT, ENGINE_ERROR = "FACT_ABSENT", "ENGINE_ERROR"


@dataclass(frozen=True)
class Exemption:
    """A case of which an invariant does not speak, because the law itself excepts it."""

    sentence: str
    citation: str
    when: Condition


@dataclass(frozen=True)
class Invariant:
    """One thing that must hold."""

    id: str
    sentence: str
    citation: str
    subject: str
    in_force: Period
    when: Condition
    exemptions: tuple[Exemption, ...]
    never: frozenset[Outcome]
    """Answers that must not be given; empty where answers are compared."""
    comparison: str
    """STRICTER or MILDER: how the answer to the changed question must not compare with that to the first; or empty."""
    changes: tuple[Mapping[str, Value], ...]
    situation: str
    """FACT_ABSENT, ENGINE_ERROR, or empty."""
    file: str
    line: int

    @property
    def exempt(self) -> Condition:
        """Return when the invariant does not speak."""
        return Some(tuple(each.when for each in self.exemptions)) if self.exemptions else Constant(FALSE)


def read(texts: Mapping[str, str], pack: Pack) -> list[Invariant]:
    """Read the invariants that hold for a pack from the files' texts by path below `laws/`. Raises DataFileError."""
    found: list[Invariant] = []
    for path, text in sorted(texts.items()):
        if path.rpartition("/")[0] in pack.folders:
            document = parse(text, path).only({"preamble", *SUBJECTS})
            found += [_invariant(entry, subject, pack) for subject in SUBJECTS for entry in document.entries(subject)]
    return found


_FIELDS = {"id", "sentence", "citation", "effective_from", "effective_to", "when", "while", "with", "never", "except"}


def _invariant(entry: Entry, subject: str, pack: Pack) -> Invariant:
    entry.only(_FIELDS)
    terms = pack.terms[subject]
    situation = str(entry.get("while", ""))
    if situation not in ("", FACT_ABSENT, ENGINE_ERROR):
        raise entry.fail(f"unknown situation '{situation}'", f"Use {FACT_ABSENT} or {ENGINE_ERROR}")
    changes = tuple(_change(each, subject) for each in entry.entries("with"))
    compared = bool(changes) or situation == FACT_ABSENT
    never = entry.texts("never")
    allowed = (STRICTER, MILDER) if compared else tuple(OUTCOMES)
    if not never or not set(never) <= set(allowed) or (compared and len(never) > 1):
        raise entry.fail("'never' is missing or has an unknown word", f"Use some of: {', '.join(allowed)}")
    return Invariant(
        id=entry.text("id"),
        sentence=entry.text("sentence"),
        citation=entry.text("citation"),
        subject=subject,
        in_force=Period(entry.day("effective_from"), entry.day("effective_to")),
        when=Constant(TRUE) if situation else terms.condition(entry, entry.get("when")),
        exemptions=tuple(
            Exemption(
                each.only({"sentence", "citation", "when"}).text("sentence"),
                each.text("citation"),
                terms.condition(each, each.get("when")),
            )
            for each in entry.entries("except")
        ),
        never=frozenset() if compared else frozenset(OUTCOMES[name] for name in never),
        comparison=never[0] if compared else "",
        changes=changes,
        situation=situation,
        file=entry.file,
        line=entry.line,
    )


def _change(entry: Entry, subject: str) -> Mapping[str, Value]:
    facts = vocabulary(subject)
    for path, value in entry.items():
        if path not in facts:
            raise entry.fail(f"there is no fact '{path}'", "See proto/")
        if path in ("facts.request_kind", "item.category"):
            raise entry.fail(f"'{path}' cannot be changed", "Another kind or category is another question")
        named = facts[path].values
        if value is not None and (value not in named.number if named else not isinstance(value, bool)):
            raise entry.fail(f"'{path}' has no value {value}", "Use a value of proto/, or null for an absent one")
    return dict(entry)
