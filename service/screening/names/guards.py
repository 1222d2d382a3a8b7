"""What must hold beside a likeness before a name is taken for an entity. Each guard is a pure function.

A guard that does not hold leaves either nothing of the score, where the name is certainly another's, or what leads to a
person. A second signal (a related entity's name or a domain beside the name) satisfies the guards against common names.
"""

from collections.abc import Iterator, Mapping
from datetime import date

from screening.names.align import Alignment
from screening.names.features import DOUBLED, MISSPELLED, Feature
from screening.names.form import Form
from screening.names.normalize import Written
from screening.names.vocabulary import Kind

_SAME_PLACE = 0.9
"""Likeness from which a misspelled place is still that place: one slip after the first letter."""
_LONG_ENOUGH = 7
"""Letters from which a single misspelled word is still known for what it is."""


def guards(
    written: Written,
    alignment: Alignment,
    *,
    second: bool,
    guarded: float,
    well_known: Mapping[str, str],
    as_of: date | None,
) -> Iterator[Feature]:
    """Yield each guard that does not hold, with what it leaves of the score."""
    form = alignment.form
    if form.abbreviation and form.entity.government and written.forms:
        yield Feature("a firm, not an agency", f"a legal form ({', '.join(sorted(written.forms))})", "", 0.0)
    yield from _local(written, alignment, well_known, guarded)
    if not second:
        yield from _common(written, form, guarded)
    if len(form.words) == 1 and _misspelled(alignment):
        if form.everyday:
            yield Feature("everyday word misspelled", "", form.words[0].text, 0.0)
        elif len(form.words[0].text) < _LONG_ENOUGH:
            yield Feature("short word misspelled", "", form.words[0].text, guarded)
    if not alignment.in_order and len(form.words) == 2 and not written.turned and _turnable(form):  # noqa: PLR2004
        yield Feature("order of words", "turned", form.alias.text, guarded)
    for since in (form.entity.valid_from, form.alias.valid_from):
        if as_of and since and as_of < since:
            yield Feature("not yet", as_of.isoformat(), f"from {since.isoformat()}", guarded)


def _local(written: Written, alignment: Alignment, well_known: Mapping[str, str], guarded: float) -> Iterator[Feature]:
    form = alignment.form
    if form.state and (missing := _state(written, alignment, well_known, guarded)):
        yield missing
    if form.entity.kind == "partner_agency" and (place := _other_place(alignment)):
        yield Feature("another place", "", place, guarded)


def _common(written: Written, form: Form, guarded: float) -> Iterator[Feature]:
    if form.alias.weak:
        yield Feature("weak alias", "", form.alias.text, guarded)
        return
    if form.needs_rest and not _has_rest(written, form):
        yield Feature("legal form missing", "", form.alias.text, guarded)
    elif form.entity.collision_prone and not _full_name(form):
        yield Feature("full legal name needed", "", form.entity.name, guarded)


def _has_rest(written: Written, form: Form) -> bool:
    """Say whether the legal form or the country is there without which the name is too common."""
    if form.entity.collision_prone and form.legal_forms:
        return bool(written.forms & form.legal_forms)
    country = any(Kind.COUNTRY in word.kind for word in written.words)
    return bool(form.legal_forms and written.forms) or (form.country and country)


def _full_name(form: Form) -> bool:
    """Say whether a form is a full legal name: a firm's with its legal form, an agency's in words."""
    if form.entity.government:
        return len(form.words) > 1 or form.country
    return bool(form.legal_forms)


def _state(written: Written, alignment: Alignment, well_known: Mapping[str, str], guarded: float) -> Feature | None:
    """Return what is wrong with the state of a local agency."""
    form = alignment.form
    named = {word.text for word in written.words if Kind.STATE in word.kind}
    if form.state in named:
        return None
    others = {
        word.text
        for place, word in enumerate(written.words)
        if Kind.STATE in word.kind and place not in alignment.covered
    }
    if others:
        return Feature("state", ", ".join(sorted(others)), form.state, 0.0)
    elsewhere = [well_known[word.text] for word in form.words if well_known.get(word.text, form.state) != form.state]
    if elsewhere:
        return Feature("state", "not given; the place is best known elsewhere", form.state, 0.0)
    return Feature("state", "not given", form.state, guarded)


def _other_place(alignment: Alignment) -> str:
    """Return the place of a local agency that is so misspelled that it may be another: Brevard is not Broward."""
    words = alignment.form.words
    found = (pair for pair in alignment.pairs if pair.like.name == MISSPELLED and pair.like.score < _SAME_PLACE)
    return next((words[number].text for pair in found for number in pair.registered), "")


def _misspelled(alignment: Alignment) -> bool:
    return any(pair.like.name in (MISSPELLED, DOUBLED) for pair in alignment.pairs)


def _turnable(form: Form) -> bool:
    """Say whether two words make another name when they are turned: one is short, or both are everyday words."""
    return any(len(word.text) <= 4 for word in form.words) or all(Kind.ORDINARY in word.kind for word in form.words)  # noqa: PLR2004
