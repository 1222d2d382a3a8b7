"""Which registered organisation a written name is: the steps, in order.

written name -> its words -> candidates from the index -> how far each agrees -> the same, with related names
explained -> the most specific entity that matches -> what else is near -> clearances
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache

from screening.errors import DataFileError
from screening.names import clearance
from screening.names.align import Alignment
from screening.names.clearance import CLEARANCES_FILE, Clearance
from screening.names.domains import Domains
from screening.names.entity import Alias, Entity
from screening.names.features import Feature
from screening.names.form import Form, form
from screening.names.index import WORTH, Index
from screening.names.kin import Kin
from screening.names.normalize import Written, names, read
from screening.names.registry import Registry
from screening.names.score import Judgement, compare, judge
from screening.names.thresholds import THRESHOLDS_FILE, Thresholds
from screening.names.vocabulary import ORDINARY_FILE, WORDS_FILE, Vocabulary
from screening.text import letters, words

_REMEMBERED = 100_000


@dataclass(frozen=True)
class Candidate:
    """An entity that a name may be: the alias that is like it, how far, and why."""

    entity: Entity
    alias: Alias
    score: float
    """0 to 1."""
    features: tuple[Feature, ...]
    cleared: Clearance | None = None
    """The clearance that takes it away; it is shown all the same."""

    @property
    def why(self) -> str:
        """Say where the alias was seen and what agrees with it, without the written name."""
        found = "; ".join(feature.told for feature in self.features)
        cleared = f"; {self.cleared.told}" if self.cleared else ""
        return f"source: {self.alias.source}; {found}{cleared}"


@dataclass(frozen=True)
class Resolution:
    """For whom a name was taken: at most one entity that matched, and all that are near, best first."""

    match: Candidate | None
    candidates: tuple[Candidate, ...]
    cleared: tuple[Candidate, ...] = ()
    doubtful: bool = False
    """Whether a person must look: it is near something and matches nothing, or nothing as strict."""

    @property
    def entity(self) -> Entity | None:
        """Return the entity that matched."""
        return self.match.entity if self.match else None

    @property
    def near_miss(self) -> bool:
        """Say whether a person must look at the name."""
        return self.doubtful


NO_MATCH = Resolution(None, ())
"""The name is not registered."""
NO_NAME = Resolution(None, ())
"""No name was given."""


class NameIndex:
    """The registry, searchable by written name. Immutable; looks nothing up outside."""

    def __init__(self, files: Mapping[str, str]) -> None:
        """Load the registry folder, given as texts by file name. Raises DataFileError."""
        self.registry = Registry.load(files)
        self.thresholds = Thresholds.load(files.get(THRESHOLDS_FILE, ""))
        self.vocabulary = Vocabulary(files.get(WORDS_FILE, ""), files.get(ORDINARY_FILE, ""))
        self.clearances = clearance.load(files.get(CLEARANCES_FILE, ""), self.registry.entities)
        self.forms = _forms(self.registry, self.vocabulary)
        self._index = Index(self.forms)
        self._domains = Domains(self.registry)
        self._kin = Kin(self.registry)
        self._cleared = {(key, each.entity): each for each in self.clearances for key in self._keys(each.name)}
        self._remember()

    def _remember(self) -> None:
        self.resolve = lru_cache(maxsize=_REMEMBERED)(self._resolve)
        """Resolves a written name, on a day if one is given; see `_resolve`."""

    def with_thresholds(self, thresholds: Thresholds) -> "NameIndex":
        """Return the same registry under other thresholds, to see what they would change."""
        other = copy(self)
        other.thresholds = thresholds
        other._remember()  # noqa: SLF001  # of this very class
        return other

    def _resolve(self, name: str, as_of: date | None = None) -> Resolution:
        """Return for whom a name is taken. `as_of` None: at whatever time an entity existed. Never raises."""
        best: dict[str, Candidate] = {}
        for plain in names(name, self.vocabulary):
            written = read(plain, self.vocabulary)
            for candidate in (*self._by_domain(written), *self._by_name(written, as_of)):
                other = best.get(candidate.entity.id)
                if other is None or candidate.score > other.score:
                    best[candidate.entity.id] = candidate
        ranked = sorted(best.values(), key=lambda each: (-each.score, each.entity.id))
        match = self._match([each for each in ranked if each.score >= self.thresholds.match])
        return self._with_clearances(name, match, [each for each in ranked if each is not match], as_of)

    def _by_name(self, written: Written, as_of: date | None) -> Iterator[Candidate]:
        """Yield what the words of a name are near to, one form an entity."""
        readings = [written]
        if apart := self._index.split(written, self.vocabulary):
            readings.append(apart)
        for reading in readings:
            alignments = [compare(reading, each) for each in self._index.candidates(reading)]
            worth = [each for each in alignments if each.matched >= WORTH * each.form.total]
            anchors = self._anchors(worth)
            owners = [entity for _, entity in self._owners(reading)]
            for alignment in worth:
                explained = self._explained(reading, alignment, anchors, owners)
                judged = judge(
                    reading,
                    alignment,
                    self.thresholds,
                    self.vocabulary.well_known,
                    explained=explained,
                    as_of=as_of,
                )
                if judged.score >= self.thresholds.near:
                    yield _candidate(judged)

    def _anchors(self, alignments: Sequence[Alignment]) -> list[Alignment]:
        """Return the registered names that stand whole in a name: the heaviest first, none that shares a word."""
        whole = [each for each in alignments if each.matched >= self.thresholds.match * each.form.total]
        chosen: list[Alignment] = []
        taken: set[int] = set()
        for each in sorted(whole, key=lambda each: (-each.matched, each.lost, each.form.entity.id)):
            if taken.isdisjoint(each.covered):
                chosen.append(each)
                taken |= each.covered
        return chosen

    def _explained(
        self, written: Written, alignment: Alignment, anchors: Sequence[Alignment], owners: Sequence[Entity]
    ) -> frozenset[int]:
        """Return the words around a form that are the name of a related entity, or its domain."""
        entity = alignment.form.entity
        found: set[int] = set()
        for other in anchors:
            if self._kin.within(entity, other.form.entity) and not alignment.covered <= other.covered:
                found |= other.covered - alignment.covered
            elif not other.covered.isdisjoint(alignment.covered):
                if other.form.entity is not entity:
                    return frozenset()  # the words belong to a name that says more
            elif other.form.entity is entity or self._kin.related(entity, other.form.entity):
                found |= other.covered
        if any(owner is entity or self._kin.related(entity, owner) for owner in owners):
            found.update(place for place, word in enumerate(written.words) if "." in word.text)
        return frozenset(found)

    def _owners(self, written: Written) -> Iterator[tuple[str, Entity]]:
        for domain in written.domains:
            if owner := self._domains.owner(domain):
                yield owner

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


def _forms(registry: Registry, vocabulary: Vocabulary) -> list[Form]:
    """Return all names of all entities ready for comparison. Raises DataFileError if two entities share one."""
    forms: list[Form] = []
    owner: dict[tuple[str, ...], Form] = {}
    for entity in registry.entities.values():
        seen = set()
        for alias in entity.aliases:
            _check_words(entity, alias, vocabulary)
            made = form(entity, alias, vocabulary)
            if not made.words or (made.key, alias.weak) in seen:
                continue
            seen.add((made.key, alias.weak))
            other = made if alias.weak else owner.setdefault(made.key, made)
            if other.entity is not entity:
                raise DataFileError(
                    *entity.line,
                    f"the alias '{alias.text}' is read like '{other.alias.text}' of '{other.entity.id}'",
                    "Leave it to one",
                )
            forms.append(made)
    return forms


def _check_words(entity: Entity, alias: Alias, vocabulary: Vocabulary) -> None:
    for word in words(letters(alias.text)):
        mended = " ".join(vocabulary.slips.mended(word))
        if mended != word:
            problem = f"'{word}' of the alias '{alias.text}' would be read as '{mended}'"
            raise DataFileError(*entity.line, problem, "List it as known in words.yaml")
