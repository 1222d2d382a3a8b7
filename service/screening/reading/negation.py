"""Whether the words around a phrase deny it: "no ICE involvement", "removals are not planned", "letter to follow".

Two ways of hearing a denial, because a mistake costs differently. Where a phrase makes an answer stricter, only a denial
that governs the phrase itself counts: between the two stand only filling words, or words of the same matter. Where a
phrase makes an answer milder, any sign of denial or delay in its clause silences it.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_DENIALS = _words(
    "no not non nor never neither none nobody without cannot isnt arent wasnt wont doesnt dont didnt "
    "unrelated nothing excludes excluding exclude excluded lacks lacking lack"
)
_AFTER = _words("not never none excluded prohibited forbidden barred disclaimed")
_FILLERS = _words(
    "a an any the of to for in on at by with or and as be is are was were will would been being do does did "
    "has have had part parts kind sort form way related relating connected connection involved involving "
    "involve involves involvement about serve serves serving used using use concern concerns concerning "
    "regarding purpose purposes matter matters activity activities work participate participates "
    "participation include includes including this that these those it there such other one support "
    "supporting supported assist assisting assistance role roles help helping cooperation collaboration "
    "coordination joint"
)
_HEDGES = _words("only just merely solely simply exclusively primarily mainly purely sole main primary")
_CONTRASTS = _words("but however although though except unless then yet")
_DELAYS = _words(
    "pending missing unavailable requested promised forthcoming awaited awaiting verbal verbally oral orally "
    "alleged allegedly claimed claims unsigned unverified unconfirmed hypothetical possible possibly might "
    "maybe future will soon coming follow follows later tomorrow declined refused denied unable"
)
_HEDGE_REACH = 3
"""How many words after a denial may hold a hedge, as in "not the only purpose"."""


@dataclass(frozen=True)
class Words:
    """The words of one text in order, and for each the number of its clause."""

    words: tuple[str, ...]
    clause: tuple[int, ...]

    @classmethod
    def of(cls, clauses: Sequence[tuple[str, ...]]) -> "Words":
        """Join the clauses of a text."""
        return cls(
            tuple(word for clause in clauses for word in clause),
            tuple(number for number, clause in enumerate(clauses) for _ in clause),
        )


Denial = Callable[[Words, int, int, Collection[str]], bool]


def governs(text: Words, start: int, end: int, matter: Collection[str]) -> bool:
    """Say whether a denial governs the phrase at words[start:end]; `matter` are words of the same matter."""
    before = _stop(text, range(start - 1, -1, -1), start, matter)
    if before is not None and text.words[before] in _DENIALS and not _hedged(text, before):
        return True
    after = _stop(text, range(end, len(text.words)), start, matter)
    return after is not None and text.words[after] in _AFTER and not _hedged(text, after)


def _stop(text: Words, path: range, phrase: int, matter: Collection[str]) -> int | None:
    """Return the first place on the path, within the phrase's clause, that is no filling word."""
    for place in path:
        word = text.words[place]
        if text.clause[place] != text.clause[phrase] or word in _CONTRASTS:
            return None
        if word in _DENIALS or word in _AFTER or (word not in _FILLERS and word not in matter):
            return place
    return None


def _hedged(text: Words, denial: int) -> bool:
    return not _HEDGES.isdisjoint(text.words[denial + 1 : denial + 1 + _HEDGE_REACH])


def near(text: Words, start: int, end: int, matter: Collection[str]) -> bool:
    """Say whether the clause of the phrase at words[start:end] holds any sign of denial or delay outside the phrase."""
    del matter
    return any(
        word in _DENIALS or word in _DELAYS
        for place, word in enumerate(text.words)
        if text.clause[place] == text.clause[start] and not start <= place < end
    )
