"""How good the matching is: sums of cases by category, the curve over thresholds, the worst errors."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from screening.names.match import NameIndex
from screening.names.resolution import Resolution

from bench.names.corrupt import NameCase


@dataclass
class Sums:
    """What became of some cases."""

    positives: int = 0
    negatives: int = 0
    hits: int = 0
    wrong: int = 0
    """Matches to another entity, or where none is expected."""
    reviewed: int = 0
    """Negatives that a person must look at."""
    shown: int = 0
    """Positives that did not match, but lead to a person with the entity among the candidates."""

    def add(self, case: NameCase, got: Resolution) -> None:
        """Count one case."""
        found = got.entity.id if got.entity else ""
        if case.expected:
            self.positives += 1
            self.hits += found == case.expected
            self.wrong += found not in ("", case.expected)
            self.shown += not found and any(each.entity.id == case.expected for each in got.candidates)
        else:
            self.negatives += 1
            self.wrong += bool(found)
            self.reviewed += got.near_miss

    @property
    def precision(self) -> float:
        """Hits over all matches; 1 where nothing matched."""
        return self.hits / (self.hits + self.wrong) if self.hits + self.wrong else 1.0

    @property
    def recall(self) -> float:
        """Hits over the cases that expect an entity; 1 where none does."""
        return self.hits / self.positives if self.positives else 1.0

    @property
    def review_rate(self) -> float:
        """Near misses over the cases that expect none; 0 where each does."""
        return self.reviewed / self.negatives if self.negatives else 0.0


def read_cases(file: Path) -> list[NameCase]:
    """Return the cases of a file with three cells a line: written name, entity id or -, category."""
    lines = (line.split("\t") for line in file.read_text(encoding="utf-8").splitlines())
    return [NameCase(name, "" if expected == "-" else expected, category) for name, expected, category in lines]


def total(index: NameIndex, cases: Iterable[NameCase]) -> Sums:
    """Return the sums of all cases."""
    sums = Sums()
    for case in cases:
        sums.add(case, index.resolve(case.written))
    return sums


def by_category(index: NameIndex, cases: Sequence[NameCase]) -> dict[str, Sums]:
    """Return the sums of each category, in the order in which they first stand."""
    found: dict[str, Sums] = {}
    for case in cases:
        found.setdefault(case.category, Sums()).add(case, index.resolve(case.written))
    return found


@dataclass(frozen=True)
class Wrong:
    """A case that went wrong, and why."""

    case: NameCase
    got: str
    score: float
    why: str


def worst(index: NameIndex, cases: Iterable[NameCase], count: int) -> list[Wrong]:
    """Return the worst errors: matches that are wrong, the surest first, then misses of which no candidate is shown."""
    found = []
    for case in cases:
        got = index.resolve(case.written)
        name = got.entity.id if got.entity else ""
        if name == case.expected:
            continue
        first = got.match or next(iter(got.candidates), None)
        why = "; ".join(feature.told for feature in first.features) if first else "no registered name is near"
        found.append(Wrong(case, name, first.score if first else 0.0, why))
    found.sort(key=lambda each: (not each.got, bool(each.score), -each.score, each.case.written))
    return found[:count]
