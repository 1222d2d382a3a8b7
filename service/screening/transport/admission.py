"""How much the service takes on at once, and how much of it one caller may have.

Calls beyond a limit are refused at once and told when to come again; streams are not refused but read more slowly, so
that the transport's flow control holds their senders back. Nothing waits in a queue of ours, so memory is bounded: by the
decisions and bytes in flight, and for each stream by the items in it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from screening.callers import Caller
from screening.errors import QuotaSpent, TooBusy

COMEBACKS_PER_SECOND = 200
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


@dataclass
class _Use:
    """What one caller has used."""

    tokens: float
    """Decisions that it may still ask for at once; a batch may take it below 0, and then it waits."""
    time: float
    streams: int = 0
    reading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MESSAGES))


class Admission:
    """Counts what is in flight. Used by the event loop's thread only."""

    def __init__(self, *, calls: int, size: int, now: Callable[[], float]) -> None:
        """Take on at most `calls` at once with BATCHED times as many decisions, and `size` bytes of messages.

        A batch that is let in may exceed the number of decisions.
        """
        self._most_calls = calls
        self._most_decisions = calls * BATCHED
        self._most_bytes = size
        self._now = now
        self._uses: dict[str, _Use] = {}
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
        return self._use(caller).reading

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
        self._use(caller).tokens -= more

    def leave(self, decisions: int, size: int) -> None:
        """Note that a call has ended."""
        self.calls -= 1
        self.decisions -= decisions
        self.size -= size

    def open_stream(self, caller: Caller) -> None:
        """Let a stream in. Raises TooBusy, QuotaSpent."""
        if self.streams >= STREAMS:
            raise TooBusy("streams", self._comeback())
        use = self._use(caller)
        if use.streams >= caller.quota.streams:
            raise QuotaSpent("streams", SOONEST_SECONDS * 10)
        use.streams += 1
        self.streams += 1

    def close_stream(self, caller: Caller) -> None:
        """Note that a stream has ended."""
        self._use(caller).streams -= 1
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
        use, rate = self._use(caller), caller.quota.decisions_per_second
        if use.tokens < 1:
            raise QuotaSpent("decisions_per_second", (1 - use.tokens) / rate)
        use.tokens -= decisions

    def _use(self, caller: Caller) -> _Use:
        """Return what a caller has used, its tokens grown by the time that has passed."""
        now, quota = self._now(), caller.quota
        use = self._uses.get(caller.name)
        if use is None:
            use = self._uses[caller.name] = _Use(quota.burst, now)
        use.tokens = min(quota.burst, use.tokens + (now - use.time) * quota.decisions_per_second)
        use.time = now
        return use

    def _comeback(self) -> float:
        """Return in how many seconds a refused call may come again: each a little after the one before."""
        now = self._now()
        self._next_comeback = min(max(self._next_comeback, now + SOONEST_SECONDS), now + LATEST_SECONDS)
        wait = self._next_comeback - now
        self._next_comeback += 1 / COMEBACKS_PER_SECOND
        return wait
