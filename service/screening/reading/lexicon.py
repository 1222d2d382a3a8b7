"""The lexicon: which phrases in which free-text facts mean what. Data in `lexicon/`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from screening.errors import DataFileError
from screening.reading.negation import Denial, Words, governs, near
from screening.text import clauses, tokens
from screening.yamlfile import Entry, parse

SUBJECTS = ("employment", "information_request", "conviction", "scope")
_DENIALS: dict[str, Denial] = {"governing": governs, "near": near}
_SHORTEST_STEM = 3
_REMEMBERED = 10_000
"""How many words, and how many texts, the readers of a subject remember."""


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

    def hit(self, fact: str, text: Words, begun: Mapping[int, Phrase]) -> "Hit | None":
        """Read one text, given the phrases by rank that one of its words begins; None if it says nothing."""
        place = self.facts.index(fact)
        for rank in sorted(begun):
            if self._stands(begun[rank], text):
                return Hit(rank, place, Found(begun[rank].value, fact, begun[rank].text))
        return None if self._otherwise is None else Hit(-1, place, Found(self._otherwise, fact, ""))

    def _stands(self, phrase: Phrase, text: Words) -> bool:
        if phrase.whole:
            return len(text.words) == len(phrase.parts[0]) and 0 in _places(phrase.parts[0], text.words)
        return all(
            any(not self._denied(text, start, start + len(part), self._matter) for start in _places(part, text.words))
            for part in phrase.parts
        )


@dataclass(frozen=True, order=True)
class Hit:
    """What one reader found in one text; the least of its hits decides. A text that is not understood comes first."""

    rank: int
    place: int
    """The fact's place among those that the reader reads."""
    found: Found = field(compare=False)


class Readers:
    """All readers of one subject."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        self._readers = tuple(readers)
        self._exact: dict[str, list[tuple[int, Phrase]]] = {}
        self._stems: dict[str, list[tuple[int, Phrase]]] = {}
        for number, reader in enumerate(readers):
            for phrase in reader.phrases:
                first = phrase.parts[0][0]
                table = self._stems if first.endswith("*") else self._exact
                table.setdefault(first.removesuffix("*"), []).append((number, phrase))
        self._begun_by = lru_cache(maxsize=_REMEMBERED)(self._beginning_with)
        self._hits = lru_cache(maxsize=_REMEMBERED)(self._read_text)

    def __iter__(self) -> Iterator[Reader]:
        """Yield the readers in the order of the files."""
        return iter(self._readers)

    def read(self, texts: Mapping[str, Sequence[str]]) -> dict[str, Found]:
        """Return what each reader finds in the texts, which are given by fact name."""
        best: dict[int, Hit] = {}
        for fact, given in texts.items():
            for text in given:
                for number, hit in self._hits(fact, text):
                    if number not in best or hit < best[number]:
                        best[number] = hit
        found: dict[str, Found] = {}
        for number in sorted(best):
            found.setdefault(self._readers[number].reading, best[number].found)
        return found

    def _read_text(self, fact: str, text: str) -> tuple[tuple[int, Hit], ...]:
        words = Words.of(clauses(text))
        begun: dict[int, dict[int, Phrase]] = {}
        for word in words.words:
            for number, phrase in self._begun_by(word):
                begun.setdefault(number, {})[phrase.rank] = phrase
        return tuple(
            (number, hit)
            for number, reader in enumerate(self._readers)
            if words.words and fact in reader.facts and (hit := reader.hit(fact, words, begun.get(number, {})))
        )

    def _beginning_with(self, word: str) -> tuple[tuple[int, Phrase], ...]:
        stems = (word[:length] for length in range(_SHORTEST_STEM, len(word) + 1))
        return (*self._exact.get(word, ()), *(begun for stem in stems for begun in self._stems.get(stem, ())))


class Lexicon:
    """All readers, by subject."""

    def __init__(self, files: Mapping[str, str]) -> None:
        """Load the lexicon from file texts by path, such as `scope.yaml`. Raises DataFileError."""
        documents = [parse(text, path) for path, text in sorted(files.items())]
        self.readers = {
            subject: Readers([_reader(entry) for entry in document.entries(subject)])
            for document in documents
            for subject in document
        }
        for subject in SUBJECTS:
            if subject not in self.readers or not any(self.readers[subject]):
                raise DataFileError("lexicon/", 1, f"nothing is read for '{subject}'", "Restore its file")

    def read(self, subject: str, texts: Mapping[str, Sequence[str]]) -> dict[str, Found]:
        """Return what each reader of a subject finds in the texts, which are given by fact name.

        Where two readers make the same reading from other facts, the first that finds something makes it.
        """
        return self.readers[subject].read(texts)


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
