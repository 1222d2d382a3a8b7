"""Which registered organisation a written name is.

A name matches where it equals a registered name or alias after normalisation, in any word order and spacing. A name
that is only similar, or equals an alias that is too common to stand alone, is a near miss: a person looks at it.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import fuzz, process

from screening.names.normalize import SHORT, has_legal_form, key, name_tokens, scanned, sorted_key, squashed_key
from screening.names.registry import Entity, Registry

NEAR_MISS_SCORE = 86
"""Similarity of sorted tokens, 0 to 100, from which a name is a near miss. Measured in names/README.md."""
_CANDIDATES = 3
_REMEMBERED = 100_000
ABBREVIATION = 6
"""Letters up to which a name with a legal form is not taken for a government body's abbreviation."""
_PARTS = re.compile(r"\s*[,;/@]\s*|\s+[-\u2013\u2014]\s+|\s+(?:at|with|for|d/b/a|dba)\s+", re.IGNORECASE)
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
        if len(squashed_key(plain)) > SHORT:
            self._similar.setdefault(sorted_key(plain), (entity, alias))

    def _resolve(self, name: str) -> Resolution:
        for variant in _variants(name):
            if hit := self._find(variant):
                return Resolution(*hit, ())
        return self._near_misses(name)

    def _find(self, words: tuple[str, ...]) -> tuple[Entity, str] | None:
        for legal_forms in (True, False):
            for found in _keys(words, legal_forms=legal_forms):
                if found in self._exact and _may_be(self._exact[found][0], words):
                    return self._exact[found]
        return None

    def _near_misses(self, name: str) -> Resolution:
        words = name_tokens(name)
        similar = [*self._as_scanned(words), *self._parts(name), *self._alike(words)]
        best: dict[str, Candidate] = {}
        for candidate in similar:
            if _may_be(candidate.entity, words):
                best.setdefault(candidate.entity.id, candidate)
        return Resolution(None, "", tuple(best.values())[:_CANDIDATES])

    def _as_scanned(self, words: tuple[str, ...]) -> Iterator[Candidate]:
        """Yield what the name equals as a weak alias, or as a scanner may have read it."""
        plain = key(words, legal_forms=False)
        for found in (self._weak.get(plain), self._scanned.get(scanned(squashed_key(plain)))):
            if found:
                yield Candidate(*found, 100)

    def _parts(self, name: str) -> Iterator[Candidate]:
        """Yield what a part of the name equals: `Officer at …`, `… d/b/a …`, `…, Los Angeles`."""
        parts = _PARTS.split(name)
        for part in parts if len(parts) > 1 else ():
            if hit := self._find(name_tokens(part)):
                yield Candidate(*hit, 100)

    def _alike(self, words: tuple[str, ...]) -> Iterator[Candidate]:
        """Yield what the name is similar to in its words, in any order."""
        plain = key(words, legal_forms=False)
        if len(squashed_key(plain)) <= SHORT:
            return
        for choice, score, _ in process.extract(
            sorted_key(plain), self._choices, scorer=fuzz.ratio, score_cutoff=NEAR_MISS_SCORE, limit=_CANDIDATES * 4
        ):
            yield Candidate(*self._similar[choice], int(score))


def _may_be(entity: Entity, words: tuple[str, ...]) -> bool:
    """Say whether a name with these words may be the entity: `ICE LLC` is a firm, and no government body."""
    abbreviated = len(squashed_key(key(words, legal_forms=False))) <= ABBREVIATION
    return entity.kind == "contractor" or not (abbreviated and has_legal_form(words))


def _keys(words: tuple[str, ...], *, legal_forms: bool) -> Iterable[str]:
    """Return the keys of a name: as written, in alphabetical order, and without spaces."""
    plain = key(words, legal_forms=legal_forms)
    return (plain, sorted_key(plain), squashed_key(plain)) if plain else ()


def _variants(name: str) -> Iterator[tuple[str, ...]]:
    """Yield the tokens of the name, and of the name without a remark in brackets at its end.

    `Immigration … Enforcement (ICE)` is the body before the bracket; `ICE (Institute of Culinary Education)` is not.
    """
    yield name_tokens(name)
    head, bracket, _ = name.rstrip().rstrip(")").rpartition("(")
    if bracket and name.rstrip().endswith(")") and len(name_tokens(head)) > 1:
        yield name_tokens(head)
