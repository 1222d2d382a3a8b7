"""What stands around a registered name in a written one, and how much it speaks against the name.

A job, a part of the agency or a place beside a name changes nothing; a word with a meaning of its own makes another
name of it. An abbreviation bears less beside it than a full name, and one that is a word itself (`ICE`) least.
"""

from typing import NamedTuple

from screening.names.align import Alignment
from screening.names.features import Feature
from screening.names.form import Form
from screening.names.normalize import Written
from screening.names.vocabulary import Kind, Word

FREE = 0.02
"""Cost of a word that only stands around a name."""
FOREIGN = 1.0
"""Least cost of a word that makes another name of an abbreviation."""
_OWN_NAME = 0.8
_PARTS = frozenset(
    (
        "division",
        "unit",
        "branch",
        "directorate",
        "section",
        "squad",
        "team",
        "command",
        "detail",
        "bureau",
        "region",
        "force",
        "office",
    )
)
_KNOWN_PART = Kind.GENERIC | Kind.PLACE | Kind.STATE | Kind.UNIT
"""What a firm's part may be called; any other word before `division` may be another firm's."""
_AGENCY_PART = _KNOWN_PART | Kind.FUNCTION | Kind.ROLE | Kind.JOB | Kind.AGENCY_CONTEXT
"""What the part of an agency may be called after its abbreviation: `FBI Joint Terrorism Task Force`."""
_BODY = frozenset(("agency", "department", "bureau", "authority"))
"""What an agency is: beside its full name it says nothing new."""
_LEADS = frozenset(("for", "at", "with", "by"))
_PART_WORDS = 4
_STATE_BEFORE = 0.2
"""Cost of a state before an abbreviation: a state may have a body that is abbreviated so too."""
_WHERE = Kind.PLACE | Kind.STATE
_WORK = Kind.ROLE | Kind.UNIT
_AROUND = _WHERE | _WORK
_APART = _AROUND | Kind.JOB | Kind.AGENCY_CONTEXT | Kind.COUNTRY
_ARTICLES = frozenset(("la", "el", "los", "las"))


class Context(NamedTuple):
    """The cost of what stands around a name."""

    beside: float
    """In the same piece as the name."""
    apart: float
    """In pieces of their own."""
    features: tuple[Feature, ...]


def context(written: Written, alignment: Alignment, explained: frozenset[int]) -> Context:
    """Return what stands around the words that a form covers; `explained` are words of a related entity's name."""
    if not alignment.covered:
        return Context(0.0, 0.0, ())
    home = {written.pieces[place] for place in alignment.covered}
    first = min(alignment.covered)
    said = {written.words[place].text for place in alignment.covered}  # a word that stands twice says nothing new
    left = [place for place in written.content if place not in explained and written.words[place].text not in said]
    parts = _named_parts(written, alignment, left)
    titles = _titles(written, [place for place in left if written.pieces[place] not in home])
    titles |= _title_before(written, first)
    jobs = {written.pieces[place] for place in left if Kind.ROLE in written.words[place].kind}
    beside, apart = _article(written, alignment, first), 0.0
    for place in left:
        word, piece = written.words[place], written.pieces[place]
        if place in parts or place in titles or _numbered_part(written, place):
            apart += FREE
        elif piece in home:
            beside += _beside(word, alignment, before=place < first, job=piece in jobs)
        else:
            apart += _apart(word, alignment)
    return Context(beside, apart, tuple(_features(beside, apart, bool(left), bool(explained))))


def _features(beside: float, apart: float, left: bool, explained: bool) -> list[Feature]:  # noqa: FBT001
    found = []
    if left:
        word = "words around the name"
        found.append(
            Feature(
                word,
                "a job, a part or a place" if beside + apart < FOREIGN / 2 else "other words",
                "",
                round(1 / (1 + beside + apart), 3),
            )
        )
    if explained:
        found.append(Feature("related name", "the name of a related entity stands beside it", "", 1.0))
    return found


def _titles(written: Written, apart: list[int]) -> set[int]:
    """Return the words in pieces of their own that begin or end with a job, as `intake officer` does."""
    found: set[int] = set()
    for piece in {written.pieces[place] for place in apart}:
        every = [place for place in written.content if written.pieces[place] == piece]
        if len(every) <= _PART_WORDS and any(Kind.ROLE in written.words[place].kind for place in (every[0], every[-1])):
            found.update(every)
    return found


def _title_before(written: Written, first: int) -> set[int]:
    """Return the words of a job before the name that a preposition leads to: `bus driver for`."""
    before = [place for place in range(first) if written.pieces[place] == written.pieces[first]]
    if not before or written.words[before[-1]].text not in _LEADS or len(before) > _PART_WORDS + 1:
        return set()
    return set(before) if any(Kind.ROLE in written.words[place].kind for place in before) else set()


def _numbered_part(written: Written, place: int) -> bool:
    """Say whether a word is the number of a part: `Terminal 4`."""
    number = Kind.NUMBER in written.words[place].kind
    return number and place > 0 and Kind.UNIT in written.words[place - 1].kind


def _named_parts(written: Written, alignment: Alignment, left: list[int]) -> set[int]:
    """Return the words after an agency's name that end in what parts of agencies are called, as in `K-9 Unit`."""
    form, after = alignment.form, [place for place in left if place > max(alignment.covered)]
    if not after or form.everyday or form.state or form.alias.weak or form.entity.collision_prone:
        return set()
    near = written.pieces[after[0]]
    part = [place for place in after if written.pieces[place] == near]
    if written.words[part[-1]].text not in _PARTS or len(part) > _PART_WORDS:
        return set()
    if form.abbreviation:
        known = _AGENCY_PART if form.entity.government else Kind.NONE
    elif form.entity.government:
        return set(part)
    else:
        known = _KNOWN_PART
    return set(part) if all(written.words[place].kind & known for place in part) else set()


def _article(written: Written, alignment: Alignment, first: int) -> float:
    """Return the cost of an article before a local agency's name that has none: La Mesa is not Mesa."""
    if alignment.form.entity.kind != "partner_agency" or not first:
        return 0.0
    before = written.words[first - 1].text
    own = alignment.form.alias.text.casefold().startswith(f"{before} ")
    return FOREIGN if before in _ARTICLES and not own else 0.0


def _beside(word: Word, alignment: Alignment, *, before: bool, job: bool) -> float:
    form, kind = alignment.form, word.kind
    if Kind.COUNTRY in kind:
        return 0.0
    if form.abbreviation:
        return _beside_abbreviation(word, alignment, before=before, job=job)
    if form.entity.kind == "partner_agency":
        return FREE if kind & _WORK and not kind & Kind.PLACE else _local(word, form.home)
    if Kind.STATE in kind and before and form.entity.government:
        return _OWN_NAME  # a state's department of justice is not the country's
    if kind & _AROUND or (job and Kind.JOB in kind) or (word.text in _BODY and _full_agency(form)):
        return FREE
    return word.weight


def _full_agency(form: Form) -> bool:
    return form.entity.government and len(form.words) > 1 and not form.alias.weak


def _local(word: Word, home: str) -> float:
    """Return the cost of a word beside a local agency's name: another place is another agency."""
    if word.text == home:
        return 0.0
    return FOREIGN if word.kind & _WHERE else max(word.weight, 0.3)


def _beside_abbreviation(word: Word, alignment: Alignment, *, before: bool, job: bool) -> float:
    form, kind = alignment.form, word.kind
    if Kind.AGENCY_CONTEXT in kind and form.entity.government:
        return 0.0
    if kind & _WHERE:
        return FOREIGN if before and form.everyday else _STATE_BEFORE if before and Kind.STATE in kind else FREE
    if form.everyday:
        return FOREIGN
    if kind & _AROUND or (job and Kind.JOB in kind):
        return FREE
    return max(word.weight, FOREIGN) if form.entity.government else word.weight


def _apart(word: Word, alignment: Alignment) -> float:
    form, kind = alignment.form, word.kind
    if form.entity.kind == "partner_agency" and kind & _WHERE:
        return _local(word, form.home)
    if kind & _APART:
        return FREE
    return word.weight
