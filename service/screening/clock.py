"""The clock, and the civil day in Los Angeles."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

LOS_ANGELES = ZoneInfo("America/Los_Angeles")
TOLERANCE = timedelta(seconds=1)
"""How far the clock may go back, as time synchronisation makes it, before nothing is decided by it."""


def now() -> datetime:
    """Return the time of now, in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """Return the civil day of now in Los Angeles; days of law are days there."""
    return now().astimezone(LOS_ANGELES).date()


class Clock:
    """A clock that notices when it has gone back: then days of law and the order of records would be wrong."""

    def __init__(self, wall: Callable[[], datetime] = now) -> None:
        self._wall = wall
        self._latest = wall()

    def now(self) -> datetime:
        """Return the time of now, in UTC."""
        time = self._wall()
        self._latest = max(self._latest, time)
        return time

    def today(self) -> date:
        """Return the civil day of now in Los Angeles."""
        return self.now().astimezone(LOS_ANGELES).date()

    def holds(self) -> bool:
        """Say whether the clock stands where it stood before, or later; again true once it has caught up."""
        return self.now() >= self._latest - TOLERANCE
