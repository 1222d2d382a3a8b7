from datetime import date
from typing import Any

import pytest
from city.screening.v1 import employment_facts_pb2
from screening.bundle import Bundle
from screening.reading.convictions import permits

from tests.factories import request

AS_OF = date(2026, 11, 20)
NAMES = {number: name.removeprefix("ANSWER_") for name, number in employment_facts_pb2.Answer.items()}


def permitted(bundle: Bundle, **facts: Any) -> tuple[str, str]:
    """Return whether state law permits notification and transfer."""
    notification, transfer = permits(request(**facts).facts, bundle.lexicon, AS_OF)
    return NAMES[notification], NAMES[transfer]


@pytest.mark.parametrize(
    ("conviction", "expected"),
    [
        ({"offense": "robbery", "level": "felony", "serious_or_violent": True}, "YES"),  # (a)(1)
        ({"offense": "anything", "level": "felony", "state_prison": True}, "YES"),  # (a)(2)
        ({"offense": "battery", "level": "misdemeanor", "date": "2021-11-21"}, "YES"),  # (a)(3), within 5 years
        ({"offense": "battery", "level": "misdemeanor", "date": "2021-11-20"}, "NO"),  # the anniversary is outside
        ({"offense": "burglary", "level": "felony", "date": "2011-11-21"}, "YES"),  # (a)(3), within 15 years
        ({"offense": "burglary", "level": "felony", "date": "2011-11-20"}, "UNKNOWN"),  # may be one of (a)(2)
        ({"offense": "burglary", "level": "felony"}, "UNKNOWN"),  # no date
        ({"offense": "battery", "date": "2025-01-01"}, "UNKNOWN"),  # no level
        ({"offense": "DUI", "level": "misdemeanor", "date": "2025-01-01"}, "NO"),  # DUI only if felony
        ({"offense": "DUI", "level": "felony", "date": "2025-01-01"}, "YES"),
        ({"offense": "registered sex offender"}, "YES"),  # (a)(4)
        ({"offense": "outstanding federal felony arrest warrant"}, "YES"),  # (a)(5)
        ({"offense": "drug possession 11350", "level": "misdemeanor", "prop47_reduced": True}, "NO"),  # (a)(6)
        ({"offense": "jaywalking", "level": "infraction"}, "NO"),
        ({"offense": "petty mischief", "level": "misdemeanor", "date": "2025-01-01"}, "NO"),
        ({"offense": "obscure felony", "level": "felony", "date": "2025-01-01"}, "UNKNOWN"),
        ({"offense": "battery", "level": "misdemeanor", "date": "2000-01-01", "look_back": True}, "YES"),
    ],
)
def test_each_clause_of_7282_5_opens_what_it_says(bundle: Bundle, conviction: dict[str, object], expected: str) -> None:
    """Gov. Code 7282.5(a)(1) to (6), with both sides of each look-back."""
    assert permitted(bundle, convictions=[conviction]) == (expected, expected)


def test_a_finding_of_probable_cause_opens_notification_only(bundle: Bundle) -> None:
    """Gov. Code 7282.5(b)."""
    assert permitted(bundle, charge="kidnapping", magistrate_probable_cause=True) == ("YES", "NO")
    assert permitted(bundle, charge="kidnapping") == ("NO", "NO")


def test_nothing_on_file_opens_nothing(bundle: Bundle) -> None:
    """No conviction, no charge."""
    assert permitted(bundle, convictions=[]) == ("NO", "NO")
