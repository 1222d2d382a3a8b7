"""A written name to words: what is compared, and what only stands around it.

Pieces that punctuation sets apart keep their number, because "Officer, ICE" and "Ice Officer Cafe" differ by it.
Domains and e-mail addresses are taken out whole; their parts are no words of the name.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from screening.names import piece
from screening.names.vocabulary import Kind, Vocabulary, Word
from screening.text import letters

MAX_CHARS = 512
"""Characters of a name that are looked at; the API refuses longer ones."""
MOST_WORDS = 32
"""Words that are looked at. A name with more is text, and its first words are compared."""
MOST_NAMES = 8
"""Names that are looked at where a text gives several."""

_DOMAIN = re.compile(
    r"(?<![\w.@-])(?P<mail>[\w.+-]{1,64}@)?(?:https?://)?(?P<domain>(?:[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?\.){1,8}"
    r"(?:gov|mil|com|org|net|edu|us|io|ai|aero|biz|info|co|law))(?P<path>/[\w/-]{0,40})?(?![\w-])"
)
_PIECES = re.compile(
    r"([,;/|()\[\]{}\"\u201c\u201d\u00ab\u00bb<>:\n]+|\s[-\u2013\u2014]+\s?|\s?[-\u2013\u2014]+\s|[\u2013\u2014])"
)
_STROKE = re.compile(r"(?<![^\s(])[|!\u00a1](?=[a-z])|(?<=[a-z])[|!\u00a1](?=[a-z]{3})")
"""A stroke that a scanner took for punctuation: before a word, or within a long one."""
_FORM_ENDS = re.compile(r"\b(inc|incorporated|l\.?l\.?c|ltd|llp)\b\.?(?=\s+[^\W_])")
"""A legal form before more words: what follows is no part of the firm's name."""
_SAID = re.compile(
    r"^\W*(?:i'?m|i am|i|we are|we|my|our)\s+(?=work|employ|job|company|contract|position|part|current|with|at)"
)
"""How an answer in a sentence begins."""
_SO_CALLED = re.compile(r"\bso[- ]called\b")


@dataclass(frozen=True)
class Domain:
    """A domain that stands in a name, with its path if one follows."""

    name: str
    path: str
    mail: bool
    """Whether it stands in an e-mail address."""


@dataclass(frozen=True)
class Written:
    """A written name as words."""

    words: tuple[Word, ...]
    pieces: tuple[int, ...]
    """For each word, the number of the piece it stands in."""
    bracketed: frozenset[int]
    """Pieces that stand in brackets."""
    forms: frozenset[str]
    """Legal forms that stand at the end of a piece."""
    domains: tuple[Domain, ...]
    turned: bool
    """Whether punctuation or "and" may have turned the order of the words."""
    whole: str
    """All letters without spaces, legal forms left out."""

    def replaced(self, words: Mapping[int, list[str]], vocabulary: Vocabulary) -> "Written":
        """Return the name with the words at some places replaced by several."""
        found: list[Word] = []
        pieces: list[int] = []
        for place, word in enumerate(self.words):
            new = [vocabulary.word(text) for text in words[place]] if place in words else [word]
            found += new
            pieces += [self.pieces[place]] * len(new)
        return replace(self, words=tuple(found), pieces=tuple(pieces))

    @cached_property
    def compact(self) -> str:
        """Return the letters of the words that count, without spaces, as scanned."""
        return "".join(self.words[place].scan for place in self.content)

    @cached_property
    def content(self) -> tuple[int, ...]:
        """Return the positions of the words that count; the country does not."""
        return tuple(place for place, word in enumerate(self.words) if word.weight and Kind.COUNTRY not in word.kind)


def names(text: str, vocabulary: Vocabulary) -> list[str]:
    """Return the names that a text gives one organisation, in plain letters: `X d/b/a Y` is two."""
    plain = _SAID.sub("", _SO_CALLED.sub(" ", letters(text[:MAX_CHARS])))[: 2 * MAX_CHARS]
    found = (name for name in vocabulary.other_name.split(f" {plain}") if name and not name.isspace())
    return list(dict.fromkeys(found))[:MOST_NAMES] or [plain]


def read(plain: str, vocabulary: Vocabulary, kept: Collection[str] = ()) -> Written:
    """Return the words of one name that is in plain letters; the tokens in `kept` are no slips."""
    domains: list[Domain] = []

    def take(match: re.Match[str]) -> str:
        domains.append(Domain(match["domain"], match["path"] or "", bool(match["mail"])))
        return ", , "

    rest = _STROKE.sub("l", _DOMAIN.sub(take, plain) if "." in plain else plain)
    rest = _FORM_ENDS.sub(r"\1,", rest)
    found: list[Word] = []
    pieces: list[int] = []
    forms: set[str] = set()
    whole = ""
    parts, bracketed = _split(rest)
    for number, part in enumerate(parts):
        tokens, tail = piece.tokens(part, vocabulary, kept, alone=len(parts) > 1, parish="parish" in rest)
        if not tokens and not found and number == len(parts) - 1:
            tokens, tail = tail, []
        forms.update(filter(None, map(vocabulary.legal_form, tail)))
        whole += "".join(tokens)
        found += map(vocabulary.word, tokens[: MOST_WORDS - len(found)])
        pieces += [number] * (len(found) - len(pieces))
    for domain in domains:
        found.append(vocabulary.word(domain.name))
        pieces.append(len(parts))
    return Written(
        words=tuple(found),
        pieces=tuple(pieces),
        bracketed=bracketed,
        forms=frozenset(forms),
        domains=tuple(domains),
        turned=len(parts) > 1 or "and" in (word.text for word in found),
        whole=whole,
    )


def _split(plain: str) -> tuple[list[str], frozenset[int]]:
    """Return the pieces of a name, and the numbers of those in brackets."""
    parts: list[str] = []
    bracketed = set()
    separator = ""
    for position, part in enumerate(_PIECES.split(plain)):
        if position % 2:
            separator = part
        elif part and not part.isspace():
            if parts and ("(" in separator or "[" in separator):
                bracketed.add(len(parts))
            parts.append(part)
    return parts, frozenset(bracketed)
