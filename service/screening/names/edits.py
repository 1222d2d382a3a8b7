"""Strings within a few edits of a string, found without looking at all of them.

Of two strings at most k edits apart, two letters that changed places counting as one, the first p letters have some p - k
letters in common in the same order. All choices of p - k letters are the keys under which a string is filed (deletion
neighbourhoods: Bocek et al., FastSS, 2007; cut to a prefix as in SymSpell).
"""

from collections.abc import Iterable
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

from rapidfuzz.distance import OSA
from rapidfuzz.process import extract

MOST = 3
"""Edits of the longest words."""
_REMEMBERED = 50_000
_BUDGETS = (*[0] * 5, *[1] * 2, *[2] * 4)


def budget(length: int) -> int:
    """Return how many edits a word of this length may have: none up to 4 letters, 1 to 6, 2 to 10, then 3."""
    return _BUDGETS[length] if length < len(_BUDGETS) else MOST


class _Shelf(NamedTuple):
    """The strings of one budget of edits, by key."""

    prefix: int
    """Letters from the start that are looked at; no string of the shelf has fewer."""
    kept: int
    """Letters of a key."""
    least: int
    """Letters of the shortest string that may be near one of the shelf."""
    most: float
    """Letters of the longest."""
    filed: dict[str, list[str]]

    def keys(self, string: str) -> set[str]:
        """Return the keys of a string."""
        return set(map("".join, combinations(string[: self.prefix], self.kept)))


class Neighbours:
    """A set of strings, searchable by similar ones."""

    def __init__(self, strings: Iterable[str]) -> None:
        self._shelves = {
            1: _Shelf(5, 4, 4, 7, {}),
            2: _Shelf(7, 5, 5, 12, {}),
            3: _Shelf(8, 5, 8, float("inf"), {}),
        }
        for string in strings:
            if edits := budget(len(string)):
                shelf = self._shelves[edits]
                for key in shelf.keys(string):
                    shelf.filed.setdefault(key, []).append(string)
        self.near = lru_cache(maxsize=_REMEMBERED)(self._near)
        """Finds the strings near a string; see `_near`."""

    def _near(self, string: str) -> tuple[str, ...]:
        """Return the strings that are within their budget of edits, in any order."""
        possible: set[str] = set()
        length = len(string)
        for shelf in self._shelves.values():
            if shelf.least <= length <= shelf.most:
                filed = shelf.filed
                for key in shelf.keys(string):
                    if key in filed:
                        possible.update(filed[key])
        found = extract(string, possible, scorer=OSA.distance, processor=None, score_cutoff=MOST, limit=None)
        return tuple(other for other, distance, _ in found if distance <= budget(len(other)))
