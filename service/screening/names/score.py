"""From features to one score: how sure it is that a name is an entity's.

The score is the weight of the words that agree over that weight plus what speaks against it: words that are missing,
only alike, or left over. Words missing and words left over count alike, so a short name that is part of a longer one
gains nothing. Guards then leave less, or nothing. The score of one form depends on no other entry of the registry.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import NamedTuple

from screening.names.align import LOSS, Alignment, align
from screening.names.context import Context, context
from screening.names.features import Feature, part_score, same_letters, unspaced
from screening.names.form import Form
from screening.names.guards import guards
from screening.names.normalize import Written
from screening.names.thresholds import Thresholds
from screening.names.vocabulary import Kind

_NOTHING: frozenset[int] = frozenset()
_SPACING_EDITS = 3


class Judgement(NamedTuple):
    """How far one form is the written name."""

    form: Form
    score: float
    """0 to 1."""
    alignment: Alignment
    features: tuple[Feature, ...]


def compare(written: Written, form: Form) -> Alignment:
    """Return how the words of a name and of a form agree, or their letters where the spacing differs."""
    found = align(written, form)
    if found.matched >= form.total:
        return found
    if same_letters(written.compact, form.compact) or same_letters(written.whole, form.whole):
        return Alignment(form, (), frozenset(written.content), form.total, 0.0, in_order=True)
    cut = _unspaced(written, form)
    return cut if cut and cut.matched - cut.lost > found.matched - found.lost else found


def _unspaced(written: Written, form: Form) -> Alignment | None:
    """Return how the letters agree where a name is spaced otherwise than the form and misspelled; None if not."""
    places = written.content
    if len(places) == len(form.words) or abs(len(written.compact) - len(form.compact)) > _SPACING_EDITS:
        return None
    if all(Kind.ORDINARY in written.words[place].kind for place in places):
        return None
    parts = unspaced(written.compact, [word.scan for word in form.words])
    if parts is None:
        return None
    matched = lost = 0.0
    for (part, edits), word in zip(parts, form.words, strict=True):
        score = part_score(part, edits, word.scan)
        matched += word.weight * score
        lost += word.weight * (1 - score) * LOSS
    return Alignment(form, (), frozenset(places), matched, lost, in_order=True)


def judge(
    written: Written,
    alignment: Alignment,
    thresholds: Thresholds,
    well_known: Mapping[str, str],
    *,
    explained: frozenset[int] = _NOTHING,
    as_of: date | None = None,
) -> Judgement:
    """Return the score of a form; `explained` are the written words that are a related entity's name."""
    around = context(written, alignment, explained)
    against = alignment.lost + around.beside + around.apart
    score = alignment.matched / (alignment.matched + against) if alignment.matched else 0.0
    score = max(score, _apart(written, alignment, around, thresholds))
    found = tuple(
        guards(
            written,
            alignment,
            second=bool(explained),
            guarded=thresholds.guarded,
            well_known=well_known,
            as_of=as_of,
        )
    )
    if found and score >= thresholds.match:
        score = min(guard.score for guard in found)
    elif any(not guard.score for guard in found):
        score = 0.0
    return Judgement(alignment.form, score, alignment, (*_words(written, alignment), *around.features, *found))


def _apart(written: Written, alignment: Alignment, around: Context, thresholds: Thresholds) -> float:
    """Return the score of a name that stands whole in a piece of its own, beside words that tell of something else.

    An abbreviation in brackets after another name abbreviates that name, and counts for nothing.
    """
    whole = alignment.matched / (alignment.matched + alignment.lost + around.beside) if alignment.matched else 0.0
    if whole < thresholds.match or not around.apart or alignment.form.alias.weak:
        return 0.0
    if alignment.form.abbreviation and {written.pieces[place] for place in alignment.covered} & written.bracketed:
        return 0.0
    return thresholds.guarded


def _words(written: Written, alignment: Alignment) -> Iterator[Feature]:
    """Yield the features of the words that agree."""
    form = alignment.form
    if not alignment.pairs:
        share = alignment.matched / form.total
        yield Feature(
            "same letters" if share >= 1 else "similar letters", written.whole, form.alias.text, round(share, 3)
        )
    for pair in alignment.pairs:
        mine = " ".join(written.words[place].text for place in pair.written)
        theirs = " ".join(form.words[number].text for number in pair.registered)
        yield Feature(pair.like.name, mine, theirs, round(pair.like.score, 3))
    missing = set(range(len(form.words))) - {number for pair in alignment.pairs for number in pair.registered}
    if alignment.pairs and missing:
        yield Feature("missing", "", " ".join(form.words[number].text for number in sorted(missing)), 0.0)
