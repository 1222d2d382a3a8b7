"""The named features of a comparison. Each is a pure function of two values, and says which two it compared.

A feature of words says how far a written word is a registered one; `align.py` pairs the words. A feature of whole names
says how far the letters agree. What stands around a name and what a guard finds are features too, so that every
point of a score has a reason that can be read.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from rapidfuzz.distance import OSA

from screening.names.edits import budget
from screening.names.form import SHORT

SAME, PLURAL, SCANNED, SHORTENED, MISSPELLED = "same word", "plural", "scanned", "shortened", "misspelled"
DOUBLED = "letter doubled"
JOINED, SPLIT = "written as two words", "written as one word"

_DOUBLED = re.compile(r"(.)\1")
_REAL_WORD = 0.5
"""A word that means something else is rarely a misspelling: `civil` is not `civic`."""
_FIRST_LETTER = 0.06
_PER_EDIT = (0.0, 0.5, 1.1, 1.7)
"""Lost similarity for each number of edits, times one over the length."""


class Feature(NamedTuple):
    """What one comparison found, and the two values it compared."""

    name: str
    written: str
    registered: str
    score: float
    """Agreement, 0 to 1; for a guard, what it leaves of the score."""

    @property
    def told(self) -> str:
        """Say what was found without the written value, which answers never repeat."""
        return f'{self.name} "{self.registered}"' if self.registered else self.name


class Likeness(NamedTuple):
    """How far one written word is a registered one."""

    name: str
    score: float


_SAME = Likeness(SAME, 1.0)
_NONE = Likeness("", 0.0)


@lru_cache(maxsize=200_000)
def likeness(written: str, registered: str, scan: str, registered_scan: str, *, real: bool) -> Likeness:
    """Compare two words, also as a scanner may have confused them; `real` says that the written one is a word itself.

    Nothing (0.0) is returned for words that differ by more than the budget of edits.
    """
    if written == registered:
        return _SAME
    if len(registered) > SHORT and written.rstrip("s") == registered.rstrip("s"):
        return Likeness(PLURAL, 0.98)
    found = _slip(written, registered, scan, registered_scan)
    if found.score:
        return Likeness(found.name, _REAL_WORD) if real else found
    number = written.isdigit() or registered.isdigit()
    return _NONE if number or len(registered) <= SHORT else _misspelled(scan, registered_scan, real=real)


def _slip(written: str, registered: str, scan: str, registered_scan: str) -> Likeness:
    """Return what else than a misspelling makes one word of two."""
    if scan == registered_scan:
        return Likeness(SCANNED, 0.97)
    if len(registered) >= SHORT and undoubled(scan) == undoubled(registered_scan):
        return Likeness(DOUBLED, 0.93)
    if _shortened(written, registered):
        return Likeness(SHORTENED, 0.86)
    if len(registered) == len(written) == SHORT and _turned(written, registered):
        return Likeness(MISSPELLED, 0.9)
    return _NONE


def undoubled(scan: str) -> str:
    """Return a word with doubled letters as one."""
    return _DOUBLED.sub(r"\1", scan)


def _shortened(written: str, registered: str) -> bool:
    """Say whether a word is the beginning of another, as on forms: `immigr`."""
    return 3 <= len(written) <= len(registered) - 2 and registered.startswith(written)  # noqa: PLR2004


def _turned(written: str, registered: str) -> bool:
    """Say whether two letters after the first changed places."""
    return (
        written[0] == registered[0] and OSA.distance(written, registered) == 1 and sorted(written) == sorted(registered)
    )


def _misspelled(scan: str, registered: str, *, real: bool) -> Likeness:
    allowed = budget(len(registered))
    edits = OSA.distance(scan, registered, score_cutoff=allowed)
    if edits > allowed:
        return _NONE
    score = 1 - _PER_EDIT[edits] / len(registered)
    if scan[0] != registered[0]:
        score -= _FIRST_LETTER
    return Likeness(MISSPELLED, min(score, _REAL_WORD) if real else score)


def same_letters(written: str, registered: str) -> float:
    """Compare two names without their spaces: 1.0 where every letter is the same, also as scanned."""
    return 1.0 if written == registered else 0.0


def unspaced(written: str, registered: Sequence[str]) -> list[tuple[str, int]] | None:
    """Cut a name without spaces into parts, each within its word's budget of edits; None if it cannot be done.

    Returns each part with its number of edits, the cut with the fewest edits in all.
    """
    if not registered:
        return None if written else []
    word, best = registered[0], None
    allowed = budget(len(word))
    for length in range(max(1, len(word) - allowed), min(len(written), len(word) + allowed) + 1):
        part = written[:length]
        edits = OSA.distance(part, word, score_cutoff=allowed)
        if edits > allowed:
            continue
        rest = unspaced(written[length:], registered[1:])
        if rest is not None and (best is None or edits + _edits(rest) < _edits(best)):
            best = [(part, edits), *rest]
    return best


def _edits(parts: Sequence[tuple[str, int]]) -> int:
    return sum(edits for _, edits in parts)


def part_score(part: str, edits: int, registered: str) -> float:
    """Return the likeness of a part that was cut out of a name without spaces."""
    score = 1 - _PER_EDIT[edits] / len(registered)
    return score if part[0] == registered[0] else score - _FIRST_LETTER
