from datetime import UTC, date, datetime, timedelta

from screening.clock import Clock

START = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_a_clock_that_goes_back_does_not_hold_until_it_has_caught_up() -> None:
    """Days of law and the order of records would be wrong meanwhile."""
    times = [START]
    clock = Clock(lambda: times[-1])
    assert clock.holds()
    times.append(START + timedelta(hours=1))
    assert clock.now() == times[-1]
    times.append(START)
    assert not clock.holds()
    times.append(START + timedelta(hours=1))
    assert clock.holds()


def test_a_step_as_synchronisation_makes_it_is_borne() -> None:
    """Up to a second."""
    times = [START]
    clock = Clock(lambda: times[-1])
    times.append(START - timedelta(milliseconds=900))
    assert clock.holds()


def test_the_day_is_that_of_los_angeles() -> None:
    """Half past six in London is the day before there."""
    assert Clock(lambda: datetime(2026, 11, 20, 6, 30, tzinfo=UTC)).today() == date(2026, 11, 19)
