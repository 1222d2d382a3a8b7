"""The lexicon: which phrases in which free-text facts mean what. Data in `lexicon/`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from screening.errors import DataFileError
from screening.reading.negation import Denial, Words, governs, near
from screening.text import clauses, tokens
from screening.yamlfile import Entry, parse

SUBJECTS = ("employment", "information_request", "conviction", "scope")
_DENIALS: dict[str, Denial] = {"governing": governs, "near": near}
_SHORTEST_STEM = 3
_REMEMBERED = 4096
"""For how many words each reader remembers the phrases that they begin."""


@dataclass(frozen=True)
class Found:
    """One reading: the value, the fact it was read in, and the lexicon's phrase (empty for `otherwise`)."""

    value: str
    fact: str
    phrase: str


@dataclass(frozen=True)
class Phrase:
    """Words that decide a reading.

    They stand together anywhere in a text or, written with `=` before them, are the whole text; `*` at the end of a word
    stands for any ending; parts joined by ` + ` may stand apart, in any order.
    """

    value: str
    text: str
    parts: tuple[tuple[str, ...], ...]
    whole: bool
    rank: int


def _same(word: str, given: str) -> bool:
    return given.startswith(word[:-1]) if word.endswith("*") else given == word


def _places(part: Sequence[str], words: Sequence[str]) -> Iterator[int]:
    """Yield where the words of a part stand together."""
    for start in range(len(words) - len(part) + 1):
        if all(_same(word, words[start + at]) for at, word in enumerate(part)):
            yield start


class Reader:
    """How one reading is made."""

    def __init__(
        self,
        reading: str,
        facts: tuple[str, ...],
        phrases: Sequence[Phrase],
        otherwise: str | None,
        denied: Denial,
    ) -> None:
        self.reading = reading
        self.facts = facts
        self.phrases = tuple(phrases)
        """In order; the first that is found and not denied decides."""
        self._otherwise = otherwise
        self._denied = denied
        self._matter = frozenset(word for phrase in phrases for part in phrase.parts for word in part)
        self._exact: dict[str, list[Phrase]] = {}
        self._stems: dict[str, list[Phrase]] = {}
        for phrase in phrases:
            first = phrase.parts[0][0]
            table = self._stems if first.endswith("*") else self._exact
            table.setdefault(first.removesuffix("*"), []).append(phrase)
        self._begun_by = lru_cache(maxsize=_REMEMBERED)(self._beginning_with)

    def read(self, texts: Mapping[str, Sequence[str]]) -> Found | None:
        """Read the texts of the facts concerned; None if nothing was found and there is no `otherwise`."""
        best: tuple[Phrase, str] | None = None
        for fact in self.facts:
            for text in texts.get(fact, ()):
                words = _words(text)
                if not words.words:
                    continue
                phrase = self._first(words)
                if phrase is None and self._otherwise is not None:
                    return Found(self._otherwise, fact, "")
                if phrase and (best is None or phrase.rank < best[0].rank):
                    best = (phrase, fact)
        return Found(best[0].value, best[1], best[0].text) if best else None

    def _first(self, words: Words) -> Phrase | None:
        candidates = {phrase.rank: phrase for word in words.words for phrase in self._begun_by(word)}
        return next((candidates[rank] for rank in sorted(candidates) if self._stands(candidates[rank], words)), None)

    def _beginning_with(self, word: str) -> tuple[Phrase, ...]:
        stems = (word[:length] for length in range(_SHORTEST_STEM, len(word) + 1))
        return (*self._exact.get(word, ()), *(phrase for stem in stems for phrase in self._stems.get(stem, ())))

    def _stands(self, phrase: Phrase, text: Words) -> bool:
        if phrase.whole:
            return len(text.words) == len(phrase.parts[0]) and 0 in _places(phrase.parts[0], text.words)
        return all(
            any(not self._denied(text, start, start + len(part), self._matter) for start in _places(part, text.words))
            for part in phrase.parts
        )


@lru_cache(maxsize=10_000)
def _words(text: str) -> Words:
    return Words.of(clauses(text))


class Lexicon:
    """All readers, by subject."""

    def __init__(self, files: Mapping[str, str]) -> None:
        """Load the lexicon from file texts by path, such as `scope.yaml`. Raises DataFileError."""
        documents = [parse(text, path) for path, text in sorted(files.items())]
        self.readers = {
            subject: tuple(_reader(entry) for entry in document.entries(subject))
            for document in documents
            for subject in document
        }
        for subject in SUBJECTS:
            if not self.readers.get(subject):
                raise DataFileError("lexicon/", 1, f"nothing is read for '{subject}'", "Restore its file")

    def read(self, subject: str, texts: Mapping[str, Sequence[str]]) -> dict[str, Found]:
        """Return what each reader of a subject finds in the texts, which are given by fact name.

        Where two readers make the same reading from other facts, the first that finds something makes it.
        """
        found: dict[str, Found] = {}
        for reader in self.readers[subject]:
            if reader.reading not in found and (hit := reader.read(texts)):
                found[reader.reading] = hit
        return found


def _reader(entry: Entry) -> Reader:
    entry.only({"reading", "facts", "phrases", "otherwise", "denied"})
    listed = entry.entries("phrases")
    if not listed:
        raise entry.fail("'phrases' is missing or empty", "List at least one value with its phrases")
    written = [(meaning, value, phrase) for meaning in listed for value in meaning for phrase in meaning.texts(value)]
    denied = entry.text("denied", "governing")
    if denied not in _DENIALS:
        raise entry.fail(f"unknown way of denial '{denied}'", f"Use one of: {', '.join(_DENIALS)}")
    otherwise = entry.get("otherwise")
    return Reader(
        entry.text("reading"),
        entry.texts("facts"),
        [_phrase(meaning, value, phrase, rank) for rank, (meaning, value, phrase) in enumerate(written)],
        None if otherwise is None else str(otherwise),
        _DENIALS[denied],
    )


def _phrase(entry: Entry, value: str, written: str, rank: int) -> Phrase:
    text = written.removeprefix("=")
    parts = tuple(_pattern(part) for part in text.split(" + "))
    if not all(parts):
        raise entry.fail("a phrase has no word", "Write at least one letter or digit")
    if parts[0][0].endswith("*") and len(parts[0][0]) <= _SHORTEST_STEM:
        raise entry.fail(f"'{text}' has a stem that is too short", f"Write at least {_SHORTEST_STEM} letters before *")
    return Phrase(value, text, parts, whole=written.startswith("="), rank=rank)


def _pattern(part: str) -> tuple[str, ...]:
    """Return the words of one part of a phrase, stems with their star."""
    return tuple(
        word + "*" if at == len(plain) - 1 and written.endswith("*") else word
        for written in part.split()
        if (plain := tokens(written.removesuffix("*")))
        for at, word in enumerate(plain)
    )
