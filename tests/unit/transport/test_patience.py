import asyncio

from screening.transport import patience
from screening.transport.patience import ANSWER_SECONDS, LONGEST_SECONDS, SHORTEST_SECONDS, Patience

HERE, THERE = "ipv4:10.0.0.1:4000", "ipv4:10.0.0.2:4000"


class Hand:
    """A clock that is moved by hand, in seconds."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.time


async def held(made: Patience, peer: str, retry_seconds: float = 0.2) -> asyncio.Task[None]:
    """Begin to refuse a peer; the task ends once its refusal goes out."""
    task = asyncio.create_task(made.hold(peer, retry_seconds))
    await asyncio.sleep(0)
    return task


async def test_only_who_comes_again_too_early_is_held_back() -> None:
    """The first refusal goes out at once, and so do those of peers that waited, and of others."""
    hand = Hand()
    made = Patience(most=10, now=hand)
    assert (await held(made, HERE)).done()
    assert (await held(made, THERE)).done()
    early = await held(made, HERE)
    assert not early.done()
    assert made.held == 1
    await early
    assert made.held == 0
    hand.time += 1.0
    assert (await held(made, HERE)).done()


async def test_who_never_waits_is_held_as_long_as_it_was_told_but_not_for_ever() -> None:
    """Its calls do not pile up beyond the number that may be held: then they are refused at once."""
    made = Patience(most=2, now=Hand())
    await made.hold(HERE, 60.0)
    begun = asyncio.get_running_loop().time()
    waiting = [await held(made, HERE, 60.0) for _ in range(3)]
    assert [task.done() for task in waiting] == [False, False, True]
    await asyncio.gather(*waiting)
    assert asyncio.get_running_loop().time() - begun >= LONGEST_SECONDS


async def test_a_refusal_comes_before_the_deadline_of_its_call() -> None:
    """Else the caller would not learn why; one that has no time left is refused at once."""
    made = Patience(most=10, now=Hand())
    await made.hold(HERE, 60.0)
    begun = asyncio.get_running_loop().time()
    await made.hold(HERE, 60.0, ANSWER_SECONDS + 0.05)
    await made.hold(HERE, 60.0, ANSWER_SECONDS / 2)
    assert asyncio.get_running_loop().time() - begun < LONGEST_SECONDS


async def test_a_held_call_that_is_given_up_leaves_its_place() -> None:
    """By its caller, or for its deadline."""
    made = Patience(most=1, now=Hand())
    await made.hold(HERE, 1.0)
    given_up = await held(made, HERE, 1.0)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    assert made.held == 0


async def test_peers_whose_time_is_over_are_forgotten() -> None:
    """Who connects anew for each call does not fill the memory."""
    hand = Hand()
    made = Patience(most=1, now=hand)
    for number in range(2 * patience.MOST_PEERS):
        hand.time += SHORTEST_SECONDS
        await made.hold(f"ipv4:10.0.0.1:{number}", 0.0)
    assert len(made._told) <= patience.MOST_PEERS
