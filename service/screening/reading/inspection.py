"""When Forms I-9 are due under a Notice of Inspection (8 CFR 274a.2(b)(2)(ii); ruling 49)."""

from datetime import date, timedelta
from functools import cache

import holidays

BUSINESS_DAYS = 3
_SATURDAY = 5


def due(received: date, day: date) -> bool:
    """Say whether the third business day after the day of service has come. The day of service is not counted."""
    counted = received
    left = BUSINESS_DAYS
    while left:
        counted += timedelta(days=1)
        if counted.weekday() < _SATURDAY and counted not in _federal_holidays(counted.year):
            left -= 1
    return day >= counted


@cache
def _federal_holidays(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("US", years=year))
