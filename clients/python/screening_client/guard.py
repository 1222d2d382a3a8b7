"""The guard: what stands between an answer and an act. It fails closed.

Only a recorded decision of today, with outcome ALLOW or ALLOW_IN_PART, is a permit. Everything else - DENY, REVIEW,
APPROVAL_REQUIRED, an outcome that this version does not know, a preview, a past date, a missing receipt, an error, no
answer at all - is NotPermitted.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from city.screening.v1 import decision_pb2, information_request_facts_pb2

LOS_ANGELES = ZoneInfo("America/Los_Angeles")
GRACE = timedelta(minutes=5)
"""How long after midnight in Los Angeles a decision of the day before still passes."""

Decision = decision_pb2.Decision
Category: TypeAlias = information_request_facts_pb2.DataCategory.ValueType


class NotPermitted(Exception):
    """Nothing may be done or given. `decision` is None where there is none."""

    def __init__(self, why: str, decision: Decision | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.decision = decision


@dataclass(frozen=True)
class Permit:
    """What may be done or given, and what must be done with it."""

    decision: Decision
    whole: bool
    """Everything that was asked may be given."""
    released: frozenset[Category]
    """The categories that may be given; 0 stands for the act itself where data were asked for beside it."""
    obligations: tuple[str, ...]
    """The tokens of what the caller must do, in order."""

    def covers(self, category: Category) -> bool:
        """Say whether a category may be given."""
        return category in self.released


def guard(decision: Decision | None, *, now: datetime | None = None) -> Permit:
    """Return the permit that a decision gives. Raises NotPermitted for everything that is not plainly one."""
    if decision is None:
        raise NotPermitted("there is no decision")
    if decision.basis != decision_pb2.BASIS_CURRENT:
        raise NotPermitted("the decision is not for today", decision)
    if not _is_of_today(decision, now or datetime.now(LOS_ANGELES)):
        raise NotPermitted("the decision was made for another day", decision)
    if len(decision.receipt.leaf_hash) != 32:  # noqa: PLR2004  # bytes of SHA-256
        raise NotPermitted("the decision has no receipt", decision)
    obligations = tuple(obligation.token for obligation in decision.obligations)
    released = frozenset(
        release.category for release in decision.releases if release.outcome == decision_pb2.OUTCOME_ALLOW
    )
    if decision.outcome == decision_pb2.OUTCOME_ALLOW and len(released) == len(decision.releases):
        return Permit(decision, whole=True, released=released, obligations=obligations)
    if decision.outcome == decision_pb2.OUTCOME_ALLOW_IN_PART and released:
        return Permit(decision, whole=False, released=released, obligations=obligations)
    raise NotPermitted(f"the outcome is {_name(decision.outcome)}", decision)


def _is_of_today(decision: Decision, now: datetime) -> bool:
    try:
        day = date(decision.as_of.year, decision.as_of.month, decision.as_of.day)
    except ValueError:
        return False
    local = now.astimezone(LOS_ANGELES)
    return day in (local.date(), (local - GRACE).date())


def _name(outcome: decision_pb2.Outcome.ValueType) -> str:
    known = outcome in decision_pb2.Outcome.values()
    return decision_pb2.Outcome.Name(outcome).removeprefix("OUTCOME_") if known else "not known to this client"
