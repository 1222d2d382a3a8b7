"""Slips in the words that every name may have: a legal form, a place, an office. They are mended before words are compared.

What is distinctive in a name is left as written: how far it is another word is for the comparison to say.
"""

from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache

from rapidfuzz.distance import OSA

from screening.names.edits import Neighbours

_SHORTEST = 5
"""Letters from which a word may have a slip of one edit."""
_REST = 4
"""Letters that must be left before a legal form that was written together with them."""
_REMEMBERED = 100_000


class Slips:
    """The words that are mended to, and those that are words themselves."""

    def __init__(
        self, common: Collection[str], known: Collection[str], legal_forms: Collection[str], whole: Collection[str]
    ) -> None:
        """`common` words are mended to; `known` ones are never mended; those in `whole` are put together of halves."""
        self._whole = whole
        self._known = known
        self._near = Neighbours(common)
        self._scans: dict[str, str] = {}
        for word in sorted(common):
            self._scans.setdefault(scanned(word), word)
        self._letters = {_shuffled(word): word for word in sorted(common, reverse=True) if len(word) >= _SHORTEST}
        self._tails = tuple(sorted((form for form in legal_forms if len(form) > 2), key=len, reverse=True))  # noqa: PLR2004
        self.mended = lru_cache(maxsize=_REMEMBERED)(self._mended)
        """Returns the words that a token was meant to be; see `_mended`."""

    def joined(self, tokens: Iterable[str]) -> Iterator[str]:
        """Yield the tokens, as one where two are the halves of a common word and no two words: `det ention`."""
        before = ""
        for token in tokens:
            halves = before and before + token in self._whole
            if halves and not (before in self._known and token in self._known):
                yield before + token
                before = ""
                continue
            if before:
                yield before
            before = token
        if before:
            yield before

    def _mended(self, token: str) -> tuple[str, ...]:
        """Return the token, the common word that it slipped from, or the two words that were written as one."""
        if token in self._known or len(token) < 2 or token.isdigit():  # noqa: PLR2004
            return (token,)
        as_scanned = self._scans.get(scanned(token))
        if as_scanned and (len(token) >= _SHORTEST or not token.isalpha() or _two_as_one(token, as_scanned)):
            return (as_scanned,)
        if len(token) >= _SHORTEST and (near := [word for word in self._near.near(token) if slip(token, word)]):
            return (min(near),)
        if len(token) >= _SHORTEST and (shuffled := self._letters.get(_shuffled(token))):
            return (shuffled,)
        tail = next((form for form in self._tails if token.endswith(form) and len(token) - len(form) >= _REST), "")
        return (token.removesuffix(tail), tail) if tail else (token,)


def _two_as_one(token: str, word: str) -> bool:
    """Say whether a scanner took one letter for two: `ancl` for `and`. Three letters are too few to tell."""
    return len(token) > max(len(word), 3)


def _shuffled(word: str) -> tuple[str, ...]:
    """Return what words have in common that have the same letters between the same first and last one."""
    return word[0], *sorted(word[1:-1]), word[-1]


def slip(written: str, meant: str) -> bool:
    """Say whether a word is another but for one edit after its first letter, or the same."""
    if written == meant:
        return True
    return len(meant) >= _SHORTEST and written[0] == meant[0] and OSA.distance(written, meant, score_cutoff=1) == 1


_SCANNED = str.maketrans({"0": "o", "1": "l", "i": "l", "5": "s", "8": "b", "6": "g"})


def scanned(text: str) -> str:
    """Return the text as a scanner may have confused it: digits that look like letters, `rn` for `m`, `cl` for `d`."""
    return text.replace("cl", "d").translate(_SCANNED).replace("rn", "m").replace("vv", "w")
