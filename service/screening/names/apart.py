"""Words that were written together, taken apart again: `borderpatrol`, and `borderpatorl` where one is misspelled too."""

from collections.abc import Collection, Mapping
from functools import lru_cache

from screening.names.index import Words
from screening.names.normalize import Written
from screening.names.vocabulary import Kind, Vocabulary

_FROM, _TO = 7, 64
"""Letters from and to which an unknown word may be several that stand together."""
_LONGEST = 20
"""Letters of the longest known part."""
_SURE = 4
"""Letters of a known part beside which another may be misspelled."""
_SLIPPED = 5
"""Letters of the shortest part that may be misspelled."""
_TRIED = 8
"""Parts that are tried as misspellings, the shortest first."""
_REMEMBERED = 50_000

_Parts = tuple[str, ...]


class Apart:
    """Takes unknown words apart into registered ones and such as every name may have."""

    def __init__(self, texts: Collection[str], words: Words, vocabulary: Vocabulary) -> None:
        """Know `texts`, the registered words as written, and `words`, as scanned."""
        self._texts = texts
        self._words = words
        self._vocabulary = vocabulary
        self._parts = lru_cache(maxsize=_REMEMBERED)(self._taken_apart)

    def split(self, written: Written) -> Written | None:
        """Return the name with words that were written together taken apart; None if there are none."""
        parts: dict[int, list[str]] = {}
        for place, word in enumerate(written.words):
            known = word.text in self._texts or word.kind
            if not known and _FROM <= len(word.text) <= _TO and (found := self._parts(word.text)):
                parts[place] = [*found]
        return written.replaced(parts, self._vocabulary) if parts else None

    def _taken_apart(self, text: str) -> _Parts:
        """Return the fewest known words that make up a text, one of them misspelled if need be; none if there are none."""
        heads = self._heads(text)
        return heads[len(text)] if len(text) in heads else self._with_slip(text, heads)

    def _heads(self, text: str) -> dict[int, _Parts]:
        """Return the fewest known words that make up the start of a text, by where it ends."""
        best: dict[int, _Parts] = {0: ()}
        for end in range(1, len(text) + 1):
            for start in range(max(0, end - _LONGEST), end):
                if start in best and (end not in best or len(best[start]) + 1 < len(best[end])):
                    part = text[start:end]
                    if self._known(part) and part != text:
                        best[end] = (*best[start], part)
        return best

    def _tails(self, text: str) -> dict[int, _Parts]:
        """Return the fewest known words that make up the end of a text, by where it begins."""
        best: dict[int, _Parts] = {len(text): ()}
        for start in range(len(text) - 1, 0, -1):
            for end in range(start + 1, min(len(text), start + _LONGEST) + 1):
                if end in best and (start not in best or len(best[end]) + 1 < len(best[start])):
                    part = text[start:end]
                    if self._known(part):
                        best[start] = (part, *best[end])
        return best

    def _with_slip(self, text: str, heads: Mapping[int, _Parts]) -> _Parts:
        """Return the known words around one that is misspelled; none if there is none."""
        tails = self._tails(text)
        gaps = [
            (start, end)
            for start in heads
            for end in tails
            if end - start >= _SLIPPED and any(len(part) >= _SURE for part in heads[start] + tails[end])
        ]
        for start, end in sorted(gaps, key=lambda gap: (gap[1] - gap[0], gap))[:_TRIED]:
            if self._words.near(text[start:end]):
                return (*heads[start], text[start:end], *tails[end])
        return ()

    def _known(self, part: str) -> bool:
        if len(part) > 2 and part in self._texts:  # noqa: PLR2004
            return True
        return len(part) > 1 and bool(self._vocabulary.word(part).kind & ~Kind.ORDINARY)
