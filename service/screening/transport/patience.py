"""Slows down who does not wait: the refusals of a peer that comes again before it was told to are held back.

To refuse costs most of what it costs to answer, so callers that ask again at once would take the time from those that
wait. A peer is one connection; of several loops on one connection, one that does not wait makes the others' refusals slow.
"""

import asyncio
from collections.abc import Callable

SHORTEST_SECONDS, LONGEST_SECONDS = 0.1, 1.0
ANSWER_SECONDS = 0.1
"""Time before a caller's deadline that is kept for its refusal."""
MOST_PEERS = 8_192
"""More than there can be connections; those whose time is over are forgotten."""


class Patience:
    """Remembers what refused peers were told. Used by the event loop's thread only."""

    def __init__(self, *, most: int, now: Callable[[], float]) -> None:
        """Hold at most `most` refusals back at once; each is a call that the transport counts."""
        self._most = most
        self._now = now
        self._told: dict[str, float] = {}
        self.held = 0
        """Refusals that are held back."""

    async def hold(self, peer: str, retry_seconds: float, left: float | None = None) -> None:
        """Note what a peer is told now, and wait if it has not waited as long as it was told before.

        Its call has `left` seconds until its deadline; None: it has none.
        """
        now = self._now()
        before = self._told.get(peer, now)
        self._forget(now)
        self._told[peer] = max(before, now + max(retry_seconds, SHORTEST_SECONDS))
        if before <= now or self.held >= self._most:
            return
        self.held += 1
        try:
            longest = LONGEST_SECONDS if left is None else min(LONGEST_SECONDS, left - ANSWER_SECONDS)
            await asyncio.sleep(max(0.0, min(before - now, longest)))
        finally:
            self.held -= 1

    def _forget(self, now: float) -> None:
        if len(self._told) >= MOST_PEERS:
            self._told = {peer: until for peer, until in self._told.items() if until > now}
