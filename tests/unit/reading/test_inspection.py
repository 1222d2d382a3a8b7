from datetime import date, timedelta

import pytest
from screening.reading.inspection import due


@pytest.mark.parametrize(
    ("received", "first_due"),
    [
        (date(2026, 11, 16), date(2026, 11, 19)),  # Monday
        (date(2026, 11, 19), date(2026, 11, 24)),  # Thursday, over a weekend
        (date(2026, 11, 24), date(2026, 11, 30)),  # over Thanksgiving and a weekend
        (date(2026, 12, 30), date(2027, 1, 5)),  # over New Year
    ],
)
def test_forms_are_due_from_the_third_business_day_after_service(received: date, first_due: date) -> None:
    """The day of service, weekends and federal holidays are not counted."""
    assert due(received, first_due)
    assert not due(received, first_due - timedelta(days=1))
