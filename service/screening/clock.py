"""The clock, and the civil day in Los Angeles."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

LOS_ANGELES = ZoneInfo("America/Los_Angeles")


def now() -> datetime:
    """Return the time of now, in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """Return the civil day of now in Los Angeles; days of law are days there."""
    return now().astimezone(LOS_ANGELES).date()
