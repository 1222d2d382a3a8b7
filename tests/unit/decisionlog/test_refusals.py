from datetime import UTC, datetime, timedelta

from screening.decisionlog.refusals import MOST_CALLERS, PER_MINUTE, Refusals

NOW = datetime(2026, 11, 20, 12, 0, 10, tzinfo=UTC)


def test_the_first_few_of_a_minute_are_recorded_and_the_rest_is_counted() -> None:
    """Nothing is left out, and nothing floods."""
    refusals = Refusals()
    admitted = [refusals.admit("a", "Rpc", "UNPARSEABLE", NOW) for _ in range(100)]
    assert admitted == [True] * PER_MINUTE + [False] * (100 - PER_MINUTE)
    assert refusals.close(NOW) == []
    [counted] = refusals.close(NOW + timedelta(minutes=1))
    assert counted.counts == {("Rpc", "UNPARSEABLE"): 100 - PER_MINUTE}
    assert (counted.start, counted.end) == (NOW.replace(second=0), NOW.replace(second=0) + timedelta(minutes=1))


def test_each_caller_and_minute_has_its_own_few() -> None:
    """One noisy caller silences nobody else, and not its own next minute."""
    refusals = Refusals()
    for _ in range(50):
        refusals.admit("noisy", "Rpc", "R", NOW)
    assert refusals.admit("quiet", "Rpc", "R", NOW)
    later = NOW + timedelta(minutes=1)
    refusals.close(later)
    assert refusals.admit("noisy", "Rpc", "R", later)


def test_at_the_end_everything_is_closed() -> None:
    """A shutdown loses no count."""
    refusals = Refusals()
    for _ in range(PER_MINUTE + 2):
        refusals.admit("a", "Rpc", "R", NOW)
    [counted] = refusals.close(NOW, everything=True)
    assert counted.counts == {("Rpc", "R"): 2}
    assert refusals.close(NOW, everything=True) == []


def test_endless_callers_cannot_fill_the_memory() -> None:
    """Beyond the limit callers share one count."""
    refusals = Refusals()
    for number in range(MOST_CALLERS + 500):
        refusals.admit(f"caller-{number}", "Rpc", "R", NOW)
    counted = refusals.close(NOW, everything=True)
    assert [each.caller for each in counted] == ["others"]
