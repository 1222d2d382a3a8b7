"""How much the service takes on at once, and how much of it one caller may have.

Calls beyond a limit are refused at once and told when to come again; streams are not refused but read more slowly, so
that the transport's flow control holds their senders back. Nothing waits in a queue of ours, so memory is bounded: by the
decisions and bytes in flight, and for each stream by the items in it.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager

from screening.callers import Caller
from screening.errors import QuotaSpent, TooBusy
from screening.transport.patience import Patience
from screening.transport.purse import OwnPurses, Purse, Purses

COMEBACKS_PER_SECOND = 30
"""How many refused calls a second are told to come again: few enough to leave the time for calls that are answered."""
SOONEST_SECONDS, LATEST_SECONDS = 0.1, 5.0
STREAM_ITEMS = 128
"""Items of streams decided at once: enough to share commits, few enough for other calls to get their turn between."""
BATCHED = 20
"""How many times as many decisions as calls may be in flight: those of a batch cost less and wait together."""
MESSAGES = 32
"""Messages of one caller's calls that are read at once; of those that wait, the transport holds little."""
STREAMS = 256
"""Most streams open at once, of all callers."""


class Admission:
    """Counts what is in flight. Used by the event loop's thread only."""

    def __init__(self, *, calls: int, size: int, now: Callable[[], float], purses: Purses | None = None) -> None:
        """Take on at most `calls` at once with BATCHED times as many decisions, and `size` bytes of messages.

        A batch that is let in may exceed the number of decisions. Quotas are kept in `purses`, by default for this alone.
        """
        self._most_calls = calls
        self._most_decisions = calls * BATCHED
        self._most_bytes = size
        self._now = now
        self._purses = purses or OwnPurses()
        self.patience = Patience(most=calls + STREAMS // 2, now=now)
        self._reading: dict[str, asyncio.Semaphore] = {}
        self._next_comeback = 0.0
        self.room = asyncio.Semaphore(STREAM_ITEMS)
        """Room for items of streams that are being decided."""
        self.calls = 0
        self.decisions = 0
        """In flight, of unary calls and batches."""
        self.size = 0
        """Bytes of their messages."""
        self.streams = 0

    def reading(self, caller: Caller) -> asyncio.Semaphore:
        """Return what a call waits for before its message is read, so that large messages do not pile up."""
        found = self._reading.get(caller.name)
        if found is None:
            found = self._reading[caller.name] = asyncio.Semaphore(MESSAGES)
        return found

    def enter(self, caller: Caller, size: int) -> None:
        """Let a call in. Raises TooBusy, QuotaSpent."""
        if self.calls >= self._most_calls:
            raise TooBusy("calls", self._comeback())
        if self.decisions >= self._most_decisions:
            raise TooBusy("decisions", self._comeback())
        if self.size and self.size + size > self._most_bytes:
            raise TooBusy("bytes", self._comeback())
        self._spend(caller, 1)
        self.calls += 1
        self.decisions += 1
        self.size += size

    def widen(self, caller: Caller, more: int) -> None:
        """Note that a call holds more decisions than one, once that is known."""
        self.decisions += more
        with self._purse(caller) as purse:
            purse.tokens -= more

    def leave(self, decisions: int, size: int) -> None:
        """Note that a call has ended."""
        self.calls -= 1
        self.decisions -= decisions
        self.size -= size

    def open_stream(self, caller: Caller) -> None:
        """Let a stream in. Raises TooBusy, QuotaSpent."""
        if self.streams >= STREAMS:
            raise TooBusy("streams", self._comeback())
        with self._purse(caller) as purse:
            if purse.streams >= caller.quota.streams:
                raise QuotaSpent("streams", SOONEST_SECONDS * 10)
            purse.streams += 1
        self.streams += 1

    def close_stream(self, caller: Caller) -> None:
        """Note that a stream has ended."""
        with self._purse(caller) as purse:
            purse.streams -= 1
        self.streams -= 1

    async def pace(self, caller: Caller) -> None:
        """Wait until the caller's quota has room for one more item of a stream."""
        while True:
            try:
                self._spend(caller, 1)
            except QuotaSpent as spent:
                await asyncio.sleep(spent.retry_seconds)
            else:
                return

    def _spend(self, caller: Caller, decisions: int) -> None:
        now, quota = self._now(), caller.quota
        with self._purse(caller) as purse:
            grown = purse.tokens + max(0.0, now - purse.time) * quota.decisions_per_second
            purse.tokens, purse.time = min(quota.burst, grown), now
            if purse.tokens < 1:
                raise QuotaSpent("decisions_per_second", (1 - purse.tokens) / quota.decisions_per_second)
            purse.tokens -= decisions

    def _purse(self, caller: Caller) -> AbstractContextManager[Purse]:
        return self._purses.of(caller.name, lambda: Purse(caller.quota.burst, self._now()))

    def _comeback(self) -> float:
        """Return in how many seconds a refused call may come again: each a little after the one before."""
        now = self._now()
        self._next_comeback = min(max(self._next_comeback, now + SOONEST_SECONDS), now + LATEST_SECONDS)
        wait = self._next_comeback - now
        self._next_comeback += 1 / COMEBACKS_PER_SECOND
        return wait
