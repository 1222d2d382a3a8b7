"""Strings within a few edits of a string, found without looking at all of them.

A string of length n with k edits is cut into k + 2 parts; of a string at most k edits away, counting two letters that
changed places as one, some part stands unchanged near its place (Pass-Join, Li et al., VLDB 2011). The parts are keys.
"""

from collections.abc import Iterable, Iterator
from functools import cache, lru_cache

from rapidfuzz.distance import OSA
from rapidfuzz.process import extract

MOST = 3
"""Edits of the longest words."""
_BUDGETS = (*[0] * 5, *[1] * 2, *[2] * 4)
_REMEMBERED = 50_000


def budget(length: int) -> int:
    """Return how many edits a word of this length may have: none up to 4 letters, 1 to 6, 2 to 10, then 3."""
    return _BUDGETS[length] if length < len(_BUDGETS) else MOST


class Neighbours:
    """A set of strings, searchable by similar ones."""

    def __init__(self, strings: Iterable[str]) -> None:
        self._lengths: dict[int, list[tuple[int, int, int, int]]] = {}
        self._parts: dict[tuple[int, int, str], list[str]] = {}
        for string in strings:
            length = len(string)
            if edits := budget(length):
                cuts = self._lengths.setdefault(length, list(_cuts(length, edits)))
                for number, start, end, _ in cuts:
                    self._parts.setdefault((length, number, string[start:end]), []).append(string)
        self.near = lru_cache(maxsize=_REMEMBERED)(self._near)
        """Finds the strings near a string; see `_near`."""

    def _near(self, string: str) -> tuple[str, ...]:
        """Return the strings that are within their budget of edits, in any order."""
        possible: set[str] = set()
        for length in range(max(1, len(string) - MOST), len(string) + MOST + 1):
            longer = len(string) - length
            for number, start, end, edits in self._lengths.get(length, ()):
                for shift in _shifts(longer, edits, start):
                    possible.update(self._parts.get((length, number, string[start + shift : end + shift]), ()))
        found = extract(string, list(possible), scorer=OSA.distance, processor=None, score_cutoff=MOST, limit=None)
        return tuple(other for other, distance, _ in found if distance <= budget(len(other)))


@cache
def _shifts(longer: int, edits: int, start: int) -> tuple[int, ...]:
    """Return by how much an unchanged part may stand elsewhere: what is put in before it and after it are edits."""
    every = range(max(-edits, -start), edits + 1)
    return tuple(shift for shift in every if abs(shift) + abs(longer - shift) <= edits)


def _cuts(length: int, edits: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield number, start, end and edits of each part, the parts as equal as can be."""
    parts = edits + 2
    for number in range(parts):
        yield number, length * number // parts, length * (number + 1) // parts, edits
