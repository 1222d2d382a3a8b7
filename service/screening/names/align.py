"""Which written word stands for which word of a registered name, in any order."""

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from screening.names.features import JOINED, SAME, SHORTENED, SPLIT, Likeness, likeness
from screening.names.form import SHORT, Form
from screening.names.normalize import Written
from screening.names.vocabulary import Kind, Word

_LEAST = 0.45
_OWN_NAME_SHORTENED = 0.6
"""A few letters stand for `immigration`, but `Zig` is not `Zignal`."""
LOSS = 1.5
"""How much more than its share a difference within a word counts against a name."""


class Pair(NamedTuple):
    """Written words, by position, that stand for a word of the form, by position."""

    written: tuple[int, ...]
    registered: tuple[int, ...]
    like: Likeness


class Alignment(NamedTuple):
    """The pairs of one name and one form."""

    form: Form
    pairs: tuple[Pair, ...]
    covered: frozenset[int]
    """Positions of the written words that stand for something."""
    matched: float
    """Weight of the form's words that were found, times their likeness."""
    lost: float
    """Weight that was lost by words missing or only alike."""
    in_order: bool

    @property
    def agrees(self) -> float:
        """Return how far the form agrees by itself, 0 to 1: what stands around it can only take away."""
        return self.matched / (self.matched + self.lost) if self.matched else 0.0


def align(written: Written, form: Form) -> Alignment:
    """Pair the words of a name and of a form: the same words first, then the most alike."""
    free = list(written.content)
    places: dict[str, list[int]] = {}
    for place in free:
        places.setdefault(written.words[place].text, []).append(place)
    pairs = _same(form, places)
    found = {number for pair in pairs for number in pair.registered}
    open_words = [number for number in range(len(form.words)) if number not in found]
    if open_words:
        used = {place for pair in pairs for place in pair.written}
        free = [place for place in free if place not in used]
        if free:
            sure = any(form.words[number].kind == Kind.NONE for number in found)
            pairs += _alike(written, form, free, open_words, sure=sure)
    return _sum(form, pairs)


def _same(form: Form, places: Mapping[str, list[int]]) -> list[Pair]:
    """Return the pairs of words that are the same; a word that stands twice is taken where the others stand."""
    shared = [(number, word.text) for number, word in enumerate(form.words) if word.text in places]
    sure = [places[text][0] for _, text in shared if len(places[text]) == 1]
    pairs = []
    for number, text in shared:
        free = places[text]
        if free:
            place = min(free, key=lambda each: (sum(abs(each - other) for other in sure), each))
            free.remove(place)
            pairs.append(Pair((place,), (number,), Likeness(SAME, 1.0)))
    return pairs


def _alike(written: Written, form: Form, free: list[int], open_words: list[int], *, sure: bool) -> list[Pair]:
    """Return the best pairs among the words that are left, best first and each word once.

    `sure` says that a word was found that no other name has, beside which `Thompson` may stand for `Thomson`.
    """
    possible = [*_pairs(written, form, free, open_words, sure=sure)]
    possible.sort(key=lambda pair: (-pair.like.score, pair.registered, pair.written))
    chosen: list[Pair] = []
    taken: set[int] = set()
    filled: set[int] = set()
    for pair in possible:
        if taken.isdisjoint(pair.written) and filled.isdisjoint(pair.registered):
            chosen.append(pair)
            taken.update(pair.written)
            filled.update(pair.registered)
    return chosen


def _pairs(written: Written, form: Form, free: list[int], open_words: list[int], *, sure: bool) -> list[Pair]:
    words = written.words
    found = []
    for number in open_words:
        target = form.words[number]
        for index, place in enumerate(free):
            like = _compare(words[place], target, sure=sure)
            if like.score > _LEAST:
                found.append(Pair((place,), (number,), like))
            if index + 1 < len(free) and free[index + 1] == place + 1 and len(target.text) > 4:  # noqa: PLR2004
                like = _compare_joined(words[place], words[place + 1], target)
                if like.score > _LEAST:
                    found.append(Pair((place, place + 1), (number,), like))
    for first, second in pairwise(open_words):
        if second == first + 1:
            joined = form.words[first].scan + form.words[second].scan
            found += [
                Pair((place,), (first, second), Likeness(SPLIT, 0.98)) for place in free if words[place].scan == joined
            ]
    return found


def _compare(written: Word, registered: Word, *, sure: bool) -> Likeness:
    if abs(len(written.text) - len(registered.text)) > 3 and not registered.text.startswith(written.text):  # noqa: PLR2004
        return Likeness("", 0.0)
    real = written.named and not sure
    like = likeness(written.text, registered.text, written.scan, registered.scan, real=real)
    if like.name == SHORTENED and not registered.kind and len(written.text) <= SHORT:
        return Likeness(SHORTENED, min(like.score, _OWN_NAME_SHORTENED))
    return like


def _compare_joined(first: Word, second: Word, registered: Word) -> Likeness:
    """Compare two written words, as one, with a registered one."""
    joined = first.scan + second.scan
    if abs(len(joined) - len(registered.scan)) > 2:  # noqa: PLR2004
        return Likeness("", 0.0)
    real = Kind.ORDINARY in first.kind and Kind.ORDINARY in second.kind
    like = likeness(first.text + second.text, registered.text, joined, registered.scan, real=real)
    return Likeness(JOINED, like.score * 0.98) if like.score else like


def _sum(form: Form, pairs: list[Pair]) -> Alignment:
    matched = lost = 0.0
    filled = 0.0
    for pair in pairs:
        weight = sum(form.words[number].weight for number in pair.registered)
        filled += weight
        matched += weight * pair.like.score
        lost += weight * (1 - pair.like.score) * LOSS
    lost += max(form.total - filled, 0.0)
    order = [pair.written[0] for pair in sorted(pairs, key=lambda pair: pair.registered)]
    covered = frozenset(place for pair in pairs for place in pair.written)
    return Alignment(form, tuple(pairs), covered, matched, lost, order == sorted(order))
