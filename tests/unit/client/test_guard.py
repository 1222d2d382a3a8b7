from datetime import UTC, datetime

import pytest
from city.screening.v1 import decision_pb2, information_request_facts_pb2
from google.type import date_pb2
from screening_client import NotPermitted, guard

NOW = datetime(2026, 11, 20, 20, tzinfo=UTC)
ALLOW, PART = decision_pb2.OUTCOME_ALLOW, decision_pb2.OUTCOME_ALLOW_IN_PART
ADDRESS = information_request_facts_pb2.DATA_CATEGORY_HOME_ADDRESS
LOG = information_request_facts_pb2.DATA_CATEGORY_ARREST_LOG


def decision(outcome: int = ALLOW, **changes: object) -> decision_pb2.Decision:
    """Return a recorded decision of today."""
    made = decision_pb2.Decision(
        outcome=outcome,  # type: ignore[arg-type]
        basis=decision_pb2.BASIS_CURRENT,
        as_of=date_pb2.Date(year=2026, month=11, day=20),
        receipt=decision_pb2.Receipt(leaf_hash=b"h" * 32),
        obligations=[decision_pb2.Obligation(token="log_request")],
    )
    made.MergeFrom(decision_pb2.Decision(**changes))  # type: ignore[arg-type]
    return made


def test_a_recorded_allow_of_today_is_a_permit_with_its_duties() -> None:
    """The only plain yes."""
    permit = guard(decision(), now=NOW)
    assert (permit.whole, permit.obligations) == (True, ("log_request",))


def test_a_part_permits_its_released_categories_only() -> None:
    """What is denied or under review is withheld."""
    releases = [
        decision_pb2.CategoryRelease(category=LOG, outcome=ALLOW),
        decision_pb2.CategoryRelease(category=ADDRESS, outcome=decision_pb2.OUTCOME_REVIEW),
    ]
    permit = guard(decision(PART, releases=releases), now=NOW)
    assert (permit.whole, permit.covers(LOG), permit.covers(ADDRESS)) == (False, True, False)


@pytest.mark.parametrize(
    "bad",
    [
        None,
        decision(decision_pb2.OUTCOME_DENY),
        decision(decision_pb2.OUTCOME_REVIEW),
        decision(decision_pb2.OUTCOME_APPROVAL_REQUIRED),
        decision(0),
        decision(99),
        decision(PART),
        decision(PART, releases=[decision_pb2.CategoryRelease(category=ADDRESS, outcome=decision_pb2.OUTCOME_DENY)]),
        decision(ALLOW, releases=[decision_pb2.CategoryRelease(category=ADDRESS, outcome=decision_pb2.OUTCOME_DENY)]),
        decision(basis=decision_pb2.BASIS_PREVIEW),
        decision(basis=decision_pb2.BASIS_RETROSPECTIVE),
        decision(as_of=date_pb2.Date(day=19)),
        decision(receipt=decision_pb2.Receipt(leaf_hash=b"short")),
        decision_pb2.Decision(outcome=ALLOW, basis=decision_pb2.BASIS_CURRENT),
        decision_pb2.Decision(),
    ],
)
def test_everything_else_is_not_permitted(bad: decision_pb2.Decision | None) -> None:
    """Unknown, future, past, unrecorded, contradictory: fail closed."""
    with pytest.raises(NotPermitted):
        guard(bad, now=NOW)


def test_a_decision_of_yesterday_passes_only_just_after_midnight() -> None:
    """A night shift does not fail at 00:00, and nothing lives on."""
    assert guard(decision(), now=datetime(2026, 11, 21, 8, 4, tzinfo=UTC)).whole
    with pytest.raises(NotPermitted):
        guard(decision(), now=datetime(2026, 11, 21, 8, 6, tzinfo=UTC))
