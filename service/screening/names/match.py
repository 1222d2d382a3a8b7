"""Which registered organisation a written name is: the steps, in order.

written name -> its words -> candidates from the index -> how far each agrees -> the same, with related names
explained -> the most specific entity that matches -> what else is near -> clearances
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import date
from functools import lru_cache

from screening.names import clearance
from screening.names.apart import Apart
from screening.names.clearance import CLEARANCES_FILE
from screening.names.domains import Domains
from screening.names.entity import Alias
from screening.names.features import Feature
from screening.names.form import forms
from screening.names.index import Index
from screening.names.kin import Kin
from screening.names.normalize import MAX_CHARS, Written, names, read
from screening.names.registry import Registry
from screening.names.related import Related
from screening.names.resolution import Candidate, Resolution
from screening.names.score import Judgement, compare, judge
from screening.names.slips import scanned
from screening.names.thresholds import THRESHOLDS_FILE, Thresholds
from screening.names.vocabulary import ORDINARY_FILE, WORDS_FILE, Vocabulary
from screening.text import words

_REMEMBERED = 100_000


class NameIndex:
    """The registry, searchable by written name. Immutable; looks nothing up outside."""

    def __init__(self, files: Mapping[str, str]) -> None:
        """Load the registry folder, given as texts by file name. Raises DataFileError."""
        self.registry = Registry.load(files)
        self.vocabulary = Vocabulary(files.get(WORDS_FILE, ""), files.get(ORDINARY_FILE, ""))
        self.clearances = clearance.load(files.get(CLEARANCES_FILE, ""), self.registry.entities)
        self.forms = forms(self.registry, self.vocabulary)
        self._domains = Domains(self.registry)
        self._kin = Kin(self.registry)
        self._cleared = {(key, each.entity): each for each in self.clearances for key in self._keys(each.name)}
        self._use(Thresholds.load(files.get(THRESHOLDS_FILE, "")))

    def _use(self, thresholds: Thresholds) -> None:
        self.thresholds = thresholds
        self._index = Index(self.forms, thresholds.near)
        texts = {word.text for each in self.forms for word in each.words}
        self._apart = Apart(texts, self._index.words, self.vocabulary)
        self._resolved = lru_cache(maxsize=_REMEMBERED)(self._resolve)

    def with_thresholds(self, thresholds: Thresholds) -> "NameIndex":
        """Return the same registry under other thresholds, to see what they would change."""
        other = copy(self)
        other._use(thresholds)  # noqa: SLF001  # of this very class
        return other

    def resolve(self, name: str, as_of: date | None = None) -> Resolution:
        """Return for whom a name is taken. `as_of` None: at whatever time an entity existed. Never raises.

        No more than MAX_CHARS characters are looked at, and no more than MOST_NAMES names.
        """
        return self._resolved(name[:MAX_CHARS], as_of)

    def compared(self, name: str) -> int:
        """Return with how many registered names a name is compared: what its look-up costs."""
        readings = [reading for plain in names(name, self.vocabulary) for reading in self._readings(plain)]
        return sum(len(self._index.candidates(reading)) for reading in readings)

    def _readings(self, plain: str) -> list[Written]:
        """Return the words of a name: as they stand, taken apart where they were written together, and unmended.

        What looks like a slip in a common word may be one in a registered word: `inspecton` in `inspector`.
        """
        found = [read(plain, self.vocabulary)]
        if apart := self._apart.split(found[0]):
            found.append(apart)
        if kept := frozenset(token for token in words(plain) if self._may_be_registered(token)):
            found.append(read(plain, self.vocabulary, kept))
        return found

    def _may_be_registered(self, token: str) -> bool:
        """Say whether a token that is mended to a common word may be meant for a registered one instead."""
        mended = self.vocabulary.slips.mended(token)
        return (
            len(mended) == 1
            and mended[0] != token
            and any(near != scanned(mended[0]) for near in self._index.words.near(scanned(token)))
        )

    def _resolve(self, name: str, as_of: date | None = None) -> Resolution:
        best: dict[str, Candidate] = {}
        for plain in names(name, self.vocabulary):
            readings = self._readings(plain)
            for candidate in (*self._by_domain(readings[0]), *self._by_name(readings, as_of)):
                other = best.get(candidate.entity.id)
                if other is None or candidate.score > other.score:
                    best[candidate.entity.id] = candidate
        ranked = sorted(best.values(), key=lambda each: (-each.score, each.entity.id))
        match = self._match([each for each in ranked if each.score >= self.thresholds.match])
        return self._with_clearances(name, match, [each for each in ranked if each is not match], as_of)

    def _by_name(self, readings: Sequence[Written], as_of: date | None) -> Iterator[Candidate]:
        """Yield what the words of a name are near to, one form an entity."""
        for reading in readings:
            alignments = [compare(reading, each) for each in self._index.candidates(reading)]
            worth = [each for each in alignments if each.agrees >= self.thresholds.near]
            related = Related(reading, worth, self._kin, self._domains, self.thresholds.match)
            for alignment in worth:
                judged = judge(
                    reading,
                    alignment,
                    self.thresholds,
                    self.vocabulary.well_known,
                    explained=related.around(alignment),
                    as_of=as_of,
                )
                if judged.score >= self.thresholds.near:
                    yield _candidate(judged)

    def _by_domain(self, written: Written) -> Iterator[Candidate]:
        """Yield whose domain or mailbox stands in a name; an unchecked domain, or one beside other words, is near."""
        alone = all("." in word.text for word in written.words)
        for domain in written.domains:
            if not (owner := self._domains.owner(domain)):
                continue
            registered, entity = owner
            sure = entity.domains[registered] and (alone or domain.mail) and not entity.collision_prone
            source = entity.best_source if entity.domains[registered] else "knowledge"
            score = 1.0 if sure else self.thresholds.guarded
            yield Candidate(
                entity, Alias(registered, source), score, (Feature("domain", domain.name, registered, score),)
            )

    def _match(self, matching: Sequence[Candidate]) -> Candidate | None:
        """Return the best of those that match: the most specific of related ones."""
        specific = [
            each for each in matching if not any(self._kin.within(other.entity, each.entity) for other in matching)
        ]
        return specific[0] if specific else None

    def _keys(self, name: str) -> Iterator[tuple[str, ...]]:
        """Yield the words by which a clearance finds its name."""
        for plain in names(name, self.vocabulary):
            written = read(plain, self.vocabulary)
            yield (*(word.text for word in written.words), *sorted(written.forms))

    def _with_clearances(
        self, name: str, match: Candidate | None, near: Sequence[Candidate], as_of: date | None
    ) -> Resolution:
        left, cleared = list(near), []
        if self._cleared and near:
            keys = list(self._keys(name))
            for candidate in near:
                found = next(
                    (
                        self._cleared[key, candidate.entity.id]
                        for key in keys
                        if (key, candidate.entity.id) in self._cleared
                    ),
                    None,
                )
                if found and candidate.score < self.thresholds.match and not found.lapsed(candidate.entity, as_of):
                    left.remove(candidate)
                    cleared.append(replace(candidate, cleared=found))
        doubtful = any(self._kin.outweighs(each.entity, match.entity) for each in left) if match else bool(left)
        return Resolution(match, tuple(left), tuple(cleared), doubtful)


def _candidate(judged: Judgement) -> Candidate:
    return Candidate(judged.form.entity, judged.form.alias, round(judged.score, 3), judged.features)
