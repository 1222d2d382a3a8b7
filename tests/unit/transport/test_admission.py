import asyncio

import pytest
from screening.callers import Caller, Quota
from screening.errors import QuotaSpent, TooBusy
from screening.transport.admission import BATCHED, LATEST_SECONDS, SOONEST_SECONDS, Admission

GENEROUS = Quota(1_000_000, 1_000_000, 64)


class Hand:
    """A clock that is moved by hand, in seconds."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.time


def caller(name: str = "payroll", quota: Quota = GENEROUS) -> Caller:
    """Return a caller with a quota."""
    return Caller(name, frozenset(), quota=quota)


def test_calls_beyond_the_limit_are_refused_until_one_ends() -> None:
    """Each counts as one."""
    admission = Admission(calls=2, size=1_000, now=Hand())
    admission.enter(caller(), 10)
    admission.enter(caller(), 10)
    with pytest.raises(TooBusy) as raised:
        admission.enter(caller(), 10)
    assert raised.value.metadata == {"limit": "calls"}
    admission.leave(1, 10)
    admission.enter(caller(), 10)
    assert (admission.calls, admission.decisions, admission.size) == (2, 2, 20)


def test_decisions_of_batches_are_bounded_apart() -> None:
    """A batch weighs what it holds."""
    admission = Admission(calls=2, size=1_000, now=Hand())
    admission.enter(caller(), 10)
    admission.widen(caller(), 2 * BATCHED - 1)
    with pytest.raises(TooBusy) as raised:
        admission.enter(caller(), 10)
    assert raised.value.metadata == {"limit": "decisions"}
    admission.leave(2 * BATCHED, 10)
    admission.enter(caller(), 10)
    assert (admission.calls, admission.decisions) == (1, 1)


def test_bytes_in_flight_are_bounded_but_one_message_always_fits() -> None:
    """Large messages do not add up in memory."""
    admission = Admission(calls=100, size=1_000, now=Hand())
    admission.enter(caller(), 5_000)
    with pytest.raises(TooBusy) as raised:
        admission.enter(caller(), 1)
    assert raised.value.metadata == {"limit": "bytes"}


def test_refused_calls_are_told_to_come_again_one_after_another() -> None:
    """So that they do not come back all at once; never later than the latest."""
    admission = Admission(calls=1, size=1_000, now=Hand())
    admission.enter(caller(), 1)
    waits = []
    for _ in range(2_000):
        with pytest.raises(TooBusy) as raised:
            admission.enter(caller(), 1)
        waits.append(raised.value.retry_seconds)
    assert waits[0] == SOONEST_SECONDS
    assert waits == sorted(waits)
    assert len(set(waits[:100])) == 100
    assert waits[-1] == LATEST_SECONDS


def test_a_caller_has_its_rate_and_its_burst() -> None:
    """A rest gives back what was spent, up to the burst; other callers are not touched."""
    hand = Hand()
    admission = Admission(calls=1_000, size=1_000_000, now=hand)
    payroll = caller(quota=Quota(decisions_per_second=10, burst=5, streams=1))
    for _ in range(5):
        admission.enter(payroll, 1)
    with pytest.raises(QuotaSpent) as raised:
        admission.enter(payroll, 1)
    assert raised.value.metadata == {"quota": "decisions_per_second"}
    admission.enter(caller("clerk"), 1)
    hand.time += raised.value.retry_seconds
    admission.enter(payroll, 1)
    hand.time += 60
    for _ in range(5):
        admission.enter(payroll, 1)
    with pytest.raises(QuotaSpent):
        admission.enter(payroll, 1)


def test_a_batch_larger_than_the_burst_is_let_in_and_paid_for_afterwards() -> None:
    """On average the rate holds, whatever the size of a batch."""
    hand = Hand()
    admission = Admission(calls=10_000, size=1_000_000, now=hand)
    payroll = caller(quota=Quota(decisions_per_second=10, burst=5, streams=1))
    admission.enter(payroll, 1)
    admission.widen(payroll, 104)
    with pytest.raises(QuotaSpent) as raised:
        admission.enter(payroll, 1)
    assert raised.value.retry_seconds == pytest.approx(10.1)


def test_streams_are_counted_for_each_caller_and_over_all() -> None:
    """One caller cannot take the places of all."""
    admission = Admission(calls=10, size=10, now=Hand())
    payroll = caller(quota=Quota(streams=2))
    admission.open_stream(payroll)
    admission.open_stream(payroll)
    with pytest.raises(QuotaSpent) as raised:
        admission.open_stream(payroll)
    assert raised.value.metadata == {"quota": "streams"}
    admission.close_stream(payroll)
    admission.open_stream(payroll)
    for number in range(254):
        admission.open_stream(caller(f"caller{number}"))
    with pytest.raises(TooBusy):
        admission.open_stream(caller("last"))


async def test_items_of_a_stream_wait_for_the_quota_instead_of_failing() -> None:
    """Its sender is slowed down."""
    hand = Hand()
    admission = Admission(calls=10, size=10, now=hand)
    payroll = caller(quota=Quota(decisions_per_second=1_000, burst=1, streams=1))
    await admission.pace(payroll)
    waiting = asyncio.create_task(admission.pace(payroll))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    hand.time += 1
    await waiting
