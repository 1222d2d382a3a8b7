"""What single words tell about an organisation, and what each weighs in a comparison. Frozen data of the registry."""

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Flag, auto
from functools import lru_cache
from typing import NamedTuple

from screening.names.slips import Slips, scanned, slip
from screening.yamlfile import Entry, parse

WORDS_FILE, ORDINARY_FILE = "words.yaml", "ordinary_words.txt"


class Kind(Flag):
    """What a word is; a word may be several things."""

    NONE = 0
    STOP = auto()
    COUNTRY = auto()
    STATE = auto()
    PLACE = auto()
    FUNCTION = auto()
    GENERIC = auto()
    UNIT = auto()
    ROLE = auto()
    JOB = auto()
    ORDINARY = auto()
    AGENCY_CONTEXT = auto()
    NUMBER = auto()
    DOMAIN = auto()


_WEIGHED = (
    Kind.STOP,
    Kind.COUNTRY,
    Kind.STATE,
    Kind.PLACE,
    Kind.FUNCTION,
    Kind.GENERIC,
    Kind.UNIT,
    Kind.ROLE,
    Kind.ORDINARY,
)
"""A word that is several things has the weight of the first that it is."""
_COMMON = Kind.STOP | Kind.COUNTRY | Kind.STATE | Kind.PLACE | Kind.GENERIC | Kind.UNIT | Kind.ROLE
_NAMED = Kind.ORDINARY | Kind.STATE | Kind.PLACE
_LISTED = (
    Kind.STOP,
    Kind.COUNTRY,
    Kind.PLACE,
    Kind.FUNCTION,
    Kind.GENERIC,
    Kind.UNIT,
    Kind.ROLE,
    Kind.JOB,
    Kind.AGENCY_CONTEXT,
)


class Word(NamedTuple):
    """One word of a name."""

    text: str
    scan: str
    """The word as a scanner may have confused it."""
    weight: float
    """What the word weighs in a comparison, 0 to 1."""
    kind: Kind
    named: bool
    """Whether it means something by itself, so that it is no misspelling of another."""


class Vocabulary:
    """Word lists, weights and spellings."""

    def __init__(self, words: str, ordinary: str) -> None:
        """Load from the texts of the two files. Raises DataFileError."""
        document = parse(words, WORDS_FILE)
        self._document = document
        self._weights: dict[str, float] = dict(document["weights"])
        self.ordinary = frozenset(ordinary.split()) - frozenset(document["only_abbreviations"].split())
        self.states: dict[str, str] = dict(document["states"])
        self.legal_forms: dict[str, str] = {
            form: key for key, forms in document["legal_forms"].items() for form in forms
        }
        self._scanned_forms = {scanned(form): key for form, key in self.legal_forms.items()}
        self.spelled = {short: tuple(full.split()) for short, full in document["spelled"].items()}
        self._phrases = _phrases(document["phrases"])
        self.well_known = {place: state for state, names in document["well_known"].items() for place in names.split()}
        self.other_name = re.compile(
            r"(?:[(,;]\s*now|[\s(,;]+\b(?:d[./ ]{0,2}b[./ ]{0,2}a|[fkan][./]{0,2}k[./]{0,2}a|t/a|"
            + "|".join(map(re.escape, document["other_name"]))
            + r"))\b[.:]?\s+"
        )
        self._kinds = _kinds(document, self.states)
        self.slips = Slips(*self._common(), self.legal_forms, self._kinds.keys() | self.legal_forms.keys())
        """Mends slips in common words."""
        self.word = lru_cache(maxsize=100_000)(self._word)
        """Returns the Word of a text."""

    def _common(self) -> tuple[frozenset[str], frozenset[str]]:
        """Return the words that slips are mended to, and all words that are words themselves."""
        common = {word for word, kind in self._kinds.items() if kind & _COMMON} | self.legal_forms.keys()
        common |= {word for phrases in self._phrases.values() for words, _ in phrases for word in words}
        known = self.ordinary | self._kinds.keys() | self.spelled.keys() | self.states.keys() | common
        known |= {*self._document["known"].split(), *self._document["only_abbreviations"].split()}
        return frozenset(common), frozenset(known)

    def _word(self, text: str) -> Word:
        kind = self._kinds.get(text, Kind.NONE)
        if text in self.ordinary:
            kind |= Kind.ORDINARY
        if text.isdigit():
            kind |= Kind.NUMBER
        if "." in text:
            kind |= Kind.DOMAIN
        weighed = next((each.name or "" for each in _WEIGHED if each in kind), "unlisted")
        named = bool(kind & _NAMED) or text in self.well_known or (text.endswith("s") and text[:-1] in self._kinds)
        return Word(text, scanned(text), self._weights[weighed.lower()], kind, named)

    def legal_form(self, text: str) -> str:
        """Return which legal form a word is, as scanned ones may be; empty if it is none."""
        if form := self.legal_forms.get(text, ""):
            return form
        return "" if text in self.ordinary or len(text) < 3 else self._scanned_forms.get(scanned(text), "")  # noqa: PLR2004

    def joined(self, tokens: list[str]) -> Iterator[str]:
        """Yield the tokens with each listed phrase, such as `los angeles`, as one."""
        position = 0
        while position < len(tokens):
            for words, one in self._phrases.get(tokens[position], ()):
                if _is_phrase(tokens[position : position + len(words)], words):
                    yield one
                    position += len(words)
                    break
            else:
                yield tokens[position]
                position += 1


def _is_phrase(tokens: Sequence[str], words: Sequence[str]) -> bool:
    return len(tokens) == len(words) and all(map(slip, tokens, words))


def _kinds(document: Entry, states: Mapping[str, str]) -> dict[str, Kind]:
    kinds: dict[str, Kind] = dict.fromkeys(states.values(), Kind.STATE)
    for kind in _LISTED:
        for word in str(document[(kind.name or "").lower()]).split():
            kinds[word] = kinds.get(word, Kind.NONE) | kind
    return kinds


def _phrases(listed: Mapping[str, str]) -> dict[str, list[tuple[tuple[str, ...], str]]]:
    phrases: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for phrase, one in sorted(listed.items(), key=lambda item: -len(item[0])):
        words = tuple(phrase.split())
        phrases.setdefault(words[0], []).append((words, str(one)))
    return phrases
