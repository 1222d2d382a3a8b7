"""Which registered organisation a written name is.

A name matches where it equals a registered name or alias after normalisation, in any word order and spacing. A name
that is only similar, or equals an alias that is too common to stand alone, is a near miss: a person looks at it.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import fuzz, process

from screening.names.normalize import key, name_tokens, scanned, sorted_key, squashed_key
from screening.names.registry import Entity, Registry

NEAR_MISS_SCORE = 86
"""Similarity of sorted tokens, 0 to 100, from which a name is a near miss. Measured in names/README.md."""
_CANDIDATES = 3
_SHORT = 4
"""Names of up to so many letters are compared exactly only: one letter is too much of them."""
_REMEMBERED = 100_000
_PARTS = re.compile(r"\s*[,;]\s*|\s+[-\u2013\u2014]\s+|\s*\([^)]*\)\s*|\s+(?:at|with|for)\s+", re.IGNORECASE)
"""What separates a job title, a place or a remark from an organisation's name."""


@dataclass(frozen=True)
class Candidate:
    """A similar entity: its alias that is similar, and how much, 0 to 100."""

    entity: Entity
    alias: str
    score: int


@dataclass(frozen=True)
class Resolution:
    """For whom a name was taken: an entity that matched, or similar ones, or neither."""

    entity: Entity | None
    alias: str
    candidates: tuple[Candidate, ...]

    @property
    def near_miss(self) -> bool:
        """Say whether the name is only similar to registered ones."""
        return self.entity is None and bool(self.candidates)


NO_MATCH = Resolution(None, "", ())
"""The name is not registered."""
NO_NAME = Resolution(None, "", ())
"""No name was given."""


class NameIndex:
    """The registry, searchable by written name."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._exact: dict[str, tuple[Entity, str]] = {}
        self._weak: dict[str, tuple[Entity, str]] = {}
        self._similar: dict[str, tuple[Entity, str]] = {}
        self._scanned: dict[str, tuple[Entity, str]] = {}
        for entity in registry.entities.values():
            for alias in (entity.name, *entity.aliases):
                self._add(entity, alias)
            for alias in entity.weak_aliases:
                self._weak.setdefault(key(name_tokens(alias), legal_forms=False), (entity, alias))
        self._choices = list(self._similar)
        self.resolve = lru_cache(maxsize=_REMEMBERED)(self._resolve)

    def _add(self, entity: Entity, alias: str) -> None:
        words = name_tokens(alias)
        for found in _keys(words, legal_forms=entity.collision_prone):
            self._exact.setdefault(found, (entity, alias))
        plain = key(words, legal_forms=False)
        self._scanned.setdefault(scanned(squashed_key(plain)), (entity, alias))
        if len(squashed_key(plain)) > _SHORT:
            self._similar.setdefault(sorted_key(plain), (entity, alias))

    def _resolve(self, name: str) -> Resolution:
        for variant in _variants(name):
            if hit := self._find(variant):
                return Resolution(*hit, ())
        return self._near_misses(name)

    def _find(self, words: tuple[str, ...]) -> tuple[Entity, str] | None:
        for legal_forms in (True, False):
            for found in _keys(words, legal_forms=legal_forms):
                if found in self._exact:
                    return self._exact[found]
        return None

    def _near_misses(self, name: str) -> Resolution:
        plain = key(name_tokens(name), legal_forms=False)
        if plain in self._weak:
            entity, alias = self._weak[plain]
            return Resolution(None, "", (Candidate(entity, alias, 100),))
        if hit := self._scanned.get(scanned(squashed_key(plain))):
            return Resolution(None, "", (Candidate(*hit, 100),))
        for part in _PARTS.split(name):
            if hit := self._find(name_tokens(part)):
                return Resolution(None, "", (Candidate(*hit, 100),))
        if len(squashed_key(plain)) <= _SHORT:
            return NO_MATCH
        hits = process.extract(
            sorted_key(plain), self._choices, scorer=fuzz.ratio, score_cutoff=NEAR_MISS_SCORE, limit=_CANDIDATES * 4
        )
        best: dict[str, Candidate] = {}
        for choice, score, _ in hits:
            entity, alias = self._similar[choice]
            best.setdefault(entity.id, Candidate(entity, alias, int(score)))
        return Resolution(None, "", tuple(best.values())[:_CANDIDATES])


def _keys(words: tuple[str, ...], *, legal_forms: bool) -> Iterable[str]:
    """Return the keys of a name: as written, in alphabetical order, and without spaces."""
    plain = key(words, legal_forms=legal_forms)
    return (plain, sorted_key(plain), squashed_key(plain)) if plain else ()


def _variants(name: str) -> Iterator[tuple[str, ...]]:
    """Yield the tokens of the name, and of the name without what stands in brackets at its end."""
    yield name_tokens(name)
    head, bracket, tail = name.rstrip().rstrip(")").rpartition("(")
    if bracket and name.rstrip().endswith(")"):
        outside, inside = name_tokens(head), name_tokens(tail)
        initials = "".join(word[0] for word in outside)
        if inside and (squashed_key(" ".join(inside)) in (initials, initials.replace("a", "")) or len(outside) > 1):
            yield outside
