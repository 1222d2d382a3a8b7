import subprocess
import sys
from contextlib import nullcontext

import pytest
from screening import crew
from screening.transport.purse import OwnPurses, Purse, Purses, SharedPurses

ROUNDS = 2_000


def new() -> Purse:
    """Return the purse of a caller that was not seen before."""
    return Purse(10.0, 1.0)


@pytest.fixture(params=["own", "shared"])
def purses(request: pytest.FixtureRequest) -> Purses:
    """Both kinds."""
    return OwnPurses() if request.param == "own" else SharedPurses(memoryview(bytearray(4_000)), nullcontext())


def test_a_purse_holds_what_was_left_in_it(purses: Purses) -> None:
    """For each caller its own; a new one only the first time."""
    with purses.of("payroll", new) as purse:
        purse.tokens -= 3
        purse.streams += 1
    with purses.of("lapd", new) as other:
        other.time = 5.0
    with purses.of("payroll", new) as purse:
        assert (purse.tokens, purse.time, purse.streams) == (7.0, 1.0, 1)
    with purses.of("lapd", new) as other:
        assert (other.tokens, other.time) == (10.0, 5.0)


def test_what_an_error_leaves_is_kept(purses: Purses) -> None:
    """A refusal has counted the time."""
    with pytest.raises(RuntimeError), purses.of("payroll", new) as purse:
        purse.tokens = 0.5
        raise RuntimeError
    with purses.of("payroll", new) as purse:
        assert purse.tokens == 0.5


def test_more_callers_than_places_share_the_last() -> None:
    """None is without a limit, and nobody is refused for it."""
    purses = SharedPurses(memoryview(bytearray(3 * 40)), nullcontext())
    for name in ("a", "b", "c"):
        with purses.of(name, new) as purse:
            purse.tokens = 1.0
    for name in ("d", "e"):
        with purses.of(name, new) as purse:
            assert purse.tokens == 1.0


def test_processes_spend_from_one_purse_and_lose_nothing() -> None:
    """Two at once, a token at a time: the sum is right."""
    file = crew.make(2)
    program = f"""
from screening.crew import Crew
from screening.transport.purse import Purse, SharedPurses
crew = Crew({file}, 2, 0)
purses = SharedPurses(crew.purses, crew.purse_lock)
for _ in range({ROUNDS}):
    with purses.of("payroll", lambda: Purse(0.0, 0.0)) as purse:
        purse.tokens -= 1
"""
    both = [subprocess.Popen([sys.executable, "-c", program], pass_fds=[file]) for _ in range(2)]
    assert [each.wait(60) for each in both] == [0, 0]
    ours = crew.Crew(file, 2, 1)
    with SharedPurses(ours.purses, ours.purse_lock).of("payroll", new) as purse:
        assert purse.tokens == -2 * ROUNDS
