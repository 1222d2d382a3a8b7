"""Strings within a few edits of a string, found without looking at all of them.

A string of length n with k edits is cut into k + 2 parts; of a string at most k edits away, counting two letters that
changed places as one, some part stands unchanged near its place (Pass-Join, Li et al., VLDB 2011). The parts are keys.
"""

from collections.abc import Iterable, Iterator

from rapidfuzz.distance import OSA

_BUDGETS = ((4, 0), (6, 1), (10, 2))


def budget(length: int) -> int:
    """Return how many edits a word of this length may have: none up to 4 letters, 1 to 6, 2 to 10, then 3."""
    return next((edits for longest, edits in _BUDGETS if length <= longest), 3)


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

    def near(self, string: str) -> list[tuple[str, int]]:
        """Return the strings that are within their budget of edits, with the number of edits, in any order."""
        found: set[str] = set()
        longest = len(string) + 3
        for length in range(max(5, len(string) - 3), longest + 1):
            for number, start, end, edits in self._lengths.get(length, ()):
                if abs(length - len(string)) <= edits:
                    for shift in range(-edits, edits + 1):
                        if start + shift >= 0:
                            key = (length, number, string[start + shift : end + shift])
                            found.update(self._parts.get(key, ()))
        return [
            (other, distance)
            for other in found
            if (distance := OSA.distance(string, other, score_cutoff=(edits := budget(len(other))))) <= edits
        ]


def _cuts(length: int, edits: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield number, start, end and edits of each part, the parts as equal as can be."""
    parts = edits + 2
    for number in range(parts):
        yield number, length * number // parts, length * (number + 1) // parts, edits
