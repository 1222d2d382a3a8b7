"""Which forms may be a written name, without looking at all of them.

A form is filed under the words that weigh most in it, until they are more than two fifths of its weight; whatever is close
enough to be shown shares one of those with it, or all letters. What is filed under which word depends on frozen weights
only, so another entry never displaces a form.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from screening.names.edits import Neighbours
from screening.names.form import SHORT, Form
from screening.names.normalize import Written
from screening.names.vocabulary import Kind, Vocabulary, Word

_FILED = 0.4
"""Share of a form's weight under which it is filed."""
WORTH = 0.55
"""Share of a form that must agree before it is judged with all that stands around it."""
_START = 3
"""Letters with which a shortened word begins like the whole one."""
_SPLIT_FROM = 7
"""Letters from which an unknown word may be several that stand together."""


class Index:
    """Forms by word and by letters."""

    def __init__(self, forms: Iterable[Form]) -> None:
        self._by_word: dict[str, list[Form]] = {}
        self._by_letters: dict[str, list[Form]] = {}
        self._parts: set[str] = set()
        self._scans: set[str] = set()
        for form in forms:
            for word in _filed(form):
                self._by_word.setdefault(word, []).append(form)
            for letters in {form.compact, form.whole}:
                self._by_letters.setdefault(letters, []).append(form)
            self._parts.update(word.text for word in form.words)
            self._scans.update(word.scan for word in form.words)
        self._near_words = Neighbours(self._scans)
        self._near_letters = Neighbours({form.compact for listed in self._by_letters.values() for form in listed})

    def candidates(self, written: Written) -> list[Form]:
        """Return the forms that may be the name, each once, in the order in which they were registered."""
        found: dict[int, Form] = {}
        for letters in {written.compact, written.whole}:
            found.update((id(form), form) for form in self._by_letters.get(letters, ()))
        for letters in self._near_letters.near(written.compact):
            found.update((id(form), form) for form in self._by_letters[letters])
        words = self._words(written)
        starts = {written.words[place].scan[:_START] for place in written.content}
        for word in words & self._by_word.keys():
            for form in self._by_word[word]:
                if _possible(form, words, starts):
                    found[id(form)] = form
        return list(found.values())

    def _words(self, written: Written) -> set[str]:
        """Return the registered words that the words of a name may be."""
        found: set[str] = set()
        for word in _asked(written):
            if word in self._scans:
                found.add(word)
            if len(word) > SHORT:
                found.update(self._near_words.near(word))
        return found

    def split(self, written: Written, vocabulary: Vocabulary) -> Written | None:
        """Return the name with words that were written together taken apart; None if there are none."""
        parts: list[tuple[int, list[str]]] = []
        for place, word in enumerate(written.words):
            known = word.text in self._parts or word.kind
            pieces = [] if known or len(word.text) < _SPLIT_FROM else _taken_apart(word.text, self._parts, vocabulary)
            if pieces:
                parts.append((place, pieces))
        return written.replaced(dict(parts), vocabulary) if parts else None


def _possible(form: Form, words: set[str], starts: set[str]) -> bool:
    """Say whether enough of a form may stand in a name: words that are like written ones or begin like one."""
    weight = 0.0
    for word in form.words:
        if word.scan in words or word.scan[:_START] in starts:
            weight += word.weight
    return weight >= WORTH * form.total


def _filed(form: Form) -> Iterator[str]:
    """Yield the words under which a form is filed, those that weigh most first."""
    weight = 0.0
    for word in sorted(form.words, key=lambda word: (-word.weight, -len(word.text), word.text)):
        yield word.scan
        weight += word.weight
        if weight > _FILED * form.total:
            return


def _asked(written: Written) -> Iterator[str]:
    """Yield the words of a name, and each two that stand together as one."""
    places = written.content
    for place in places:
        yield written.words[place].scan
    for place, after in pairwise(places):
        if after == place + 1:
            first, second = written.words[place], written.words[after]
            if not _both_ordinary(first, second) or len(first.text) <= SHORT or len(second.text) <= SHORT:
                yield first.scan + second.scan


def _both_ordinary(first: Word, second: Word) -> bool:
    return Kind.ORDINARY in first.kind and Kind.ORDINARY in second.kind


def _taken_apart(text: str, known: set[str], vocabulary: Vocabulary) -> list[str]:
    """Return the fewest known words that make up a text; empty if there are none."""
    best: list[list[str] | None] = [[], *([None] * len(text))]
    for end in range(1, len(text) + 1):
        for start in range(max(0, end - 20), end):
            before, part = best[start], text[start:end]
            if before is None or not _is_part(part, known, vocabulary):
                continue
            if best[end] is None or len(before) + 1 < len(best[end] or ()):
                best[end] = [*before, part]
    found = best[len(text)] or []
    return found if len(found) > 1 else []


def _is_part(part: str, known: set[str], vocabulary: Vocabulary) -> bool:
    return (len(part) > 2 and part in known) or (len(part) > 1 and bool(vocabulary.word(part).kind & ~Kind.ORDINARY))  # noqa: PLR2004
