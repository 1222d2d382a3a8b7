"""For whom a written name was taken, and what else it may be, with reasons."""

from dataclasses import dataclass

from screening.names.clearance import Clearance
from screening.names.entity import Alias, Entity
from screening.names.features import Feature


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
