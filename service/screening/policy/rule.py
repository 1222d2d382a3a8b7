"""Sources of law, rules and duties, as values that cannot be wrong once loaded."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum
from typing import TypeAlias

from city.screening.v1 import decision_pb2

from screening.policy.condition import Condition

Outcome: TypeAlias = decision_pb2.Outcome.ValueType
ALLOW = decision_pb2.OUTCOME_ALLOW
ALLOW_IN_PART = decision_pb2.OUTCOME_ALLOW_IN_PART
APPROVAL_REQUIRED = decision_pb2.OUTCOME_APPROVAL_REQUIRED
REVIEW = decision_pb2.OUTCOME_REVIEW
DENY = decision_pb2.OUTCOME_DENY
"""Outcomes; their numbers are in order of strictness (ruling 50)."""
OUTCOMES: dict[str, Outcome] = {
    name.removeprefix("OUTCOME_"): number for name, number in decision_pb2.Outcome.items() if number
}
SUBJECTS = ("employment", "information_request")
LAYERS = ("federal", "state", "city", "department")


class Rank(IntEnum):
    """Which rules speak first. Within a rank the stricter answer wins; a lower rank is heard only where a higher is silent."""

    COMPELLED = 1
    """A court's process, obeyed within its four corners (law map, section 0.1)."""
    OPENING = 2
    """What speaks for release without commanding it - a judge's paper of another kind, consent, an emergency, publicity:
    a person looks at what would be denied, and nothing becomes stricter by it (section 12, rulings 4, 27, 37, 53)."""
    SAVING = 3
    """What lies outside the reach of the ordinary rules: the federal savings clause, military service, what is not
    outside employment at all (section 0.2)."""
    ORDINARY = 4
    """State floor and City layer; the stricter wins (sections 0.3 and 0.4)."""


NOTICE = timedelta(days=90)
"""How long before a rule comes into force it is shown as a warning."""


@dataclass(frozen=True)
class Period:
    """Civil days in Los Angeles, from `start` inclusive to `end` exclusive; None is open."""

    start: date | None
    end: date | None

    def __contains__(self, day: date) -> bool:
        """Say whether the day lies in the period."""
        return (self.start is None or self.start <= day) and (self.end is None or day < self.end)


@dataclass(frozen=True)
class Source:
    """One source of law: what a file encodes."""

    id: str
    title: str
    citation: str
    layer: str
    provenance: decision_pb2.Provenance.ValueType
    url: str
    file: str


@dataclass(frozen=True, eq=False)
class Rule:
    """One rule: when it holds and what it alone would answer. `outcome` is None where it only displaces others."""

    id: str
    sentence: str
    source: Source
    citation: str
    provenance: decision_pb2.Provenance.ValueType
    subject: str
    """`employment` or `information_request`."""
    rank: Rank
    in_force: Period
    suspended: tuple[Period, ...]
    when: Condition
    outcome: Outcome | None
    obligations: tuple[str, ...]
    exception_to: tuple[str, ...]
    line: int
    own: Condition
    """The rule's own condition: `when` without what its whole file binds."""

    def binds(self, day: date) -> bool:
        """Say whether the rule is in force and not suspended on a day."""
        return day in self.in_force and not any(day in period for period in self.suspended)

    def comes(self, day: date) -> date | None:
        """Return the day within NOTICE after `day` on which the rule begins to bind; None if it binds already."""
        if self.binds(day):
            return None
        starts = [self.in_force.start, *(period.end for period in self.suspended)]
        return min(
            (start for start in starts if start and day < start <= day + NOTICE and self.binds(start)), default=None
        )


@dataclass(frozen=True, eq=False)
class Duty:
    """One duty that comes with an answer: when it arises, and with which outcomes."""

    id: str
    source: Source
    citation: str
    subject: str
    in_force: Period
    when: Condition
    on: frozenset[Outcome]
    """The outcomes of the whole request with which it arises."""
    obligations: tuple[str, ...]
    line: int

    def binds(self, day: date) -> bool:
        """Say whether the duty is in force on a day."""
        return day in self.in_force
