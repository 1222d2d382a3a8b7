"""The lexicon: which phrases in which free-text facts mean what. Data in `lexicon/lexicon.yaml`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from screening.text import tokens
from screening.yamlfile import Entry, parse


@dataclass(frozen=True)
class Found:
    """One reading: the value, the fact it was read in, and the lexicon's phrase (empty for `otherwise`)."""

    value: str
    fact: str
    phrase: str


@dataclass(frozen=True)
class Phrase:
    """Words that decide a reading: anywhere in a text or, written with `=` before them, as the whole text."""

    value: str
    text: str
    words: tuple[str, ...]
    whole: bool

    def stands_at(self, start: int, words: tuple[str, ...]) -> bool:
        """Say whether the phrase is found at a place in the words of a text."""
        if self.whole:
            return words == self.words
        return words[start : start + len(self.words)] == self.words


class Reader:
    """How one reading is made."""

    def __init__(self, reading: str, facts: tuple[str, ...], phrases: Sequence[Phrase], otherwise: str | None) -> None:
        """Take the phrases in order: of those that are found, the first decides."""
        self.reading = reading
        self.facts = facts
        self.phrases = tuple(phrases)
        self.otherwise = otherwise
        self._by_first_word: dict[str, list[tuple[int, Phrase]]] = {}
        for order, phrase in enumerate(self.phrases):
            self._by_first_word.setdefault(phrase.words[0], []).append((order, phrase))

    def read(self, texts: Mapping[str, Sequence[str]]) -> Found | None:
        """Read the texts of the facts concerned; None if nothing was found and there is no `otherwise`."""
        given = [(fact, tokens(text)) for fact in self.facts for text in texts.get(fact, ()) if text]
        found: Found | None = None
        first = len(self.phrases)
        for fact, words in given:
            for start, word in enumerate(words):
                for order, phrase in self._by_first_word.get(word, ()):
                    if order < first and phrase.stands_at(start, words):
                        found, first = Found(phrase.value, fact, phrase.text), order
        if found is None and self.otherwise is not None and any(words for _, words in given):
            return Found(self.otherwise, given[0][0], "")
        return found


class Lexicon:
    """All readers, by subject."""

    def __init__(self, text: str, file: str) -> None:
        """Load the lexicon. Raises DataFileError."""
        document = parse(text, file)
        self.readers = {subject: tuple(_reader(entry) for entry in document.entries(subject)) for subject in document}

    def read(self, subject: str, texts: Mapping[str, Sequence[str]]) -> dict[str, Found]:
        """Return what each reader of a subject finds in the texts, which are given by fact name."""
        found = ((reader.reading, reader.read(texts)) for reader in self.readers[subject])
        return {reading: hit for reading, hit in found if hit is not None}


def _reader(entry: Entry) -> Reader:
    entry.only({"reading", "facts", "phrases", "otherwise"})
    listed = entry.entries("phrases")
    if not listed:
        raise entry.fail("'phrases' is missing or empty", "List at least one value with its phrases")
    phrases = tuple(
        _phrase(meaning, value, phrase) for meaning in listed for value in meaning for phrase in meaning.texts(value)
    )
    otherwise = entry.get("otherwise")
    return Reader(entry.text("reading"), entry.texts("facts"), phrases, None if otherwise is None else str(otherwise))


def _phrase(entry: Entry, value: str, written: str) -> Phrase:
    text = written.removeprefix("=")
    words = tokens(text)
    if not words:
        raise entry.fail("a phrase has no word", "Write at least one letter or digit")
    return Phrase(value, text, words, whole=written.startswith("="))
