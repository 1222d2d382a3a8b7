"""What a stream has sent and nobody has answered yet: bounded, so that the sender is held back by flow control."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

MOST_MESSAGES = 256
MOST_BYTES = 4 * 1024 * 1024
"""More is not read while as much as this waits; one message is always read, whatever its size."""


class Inbox:
    """Messages of one stream, in order. One task fills it, another takes."""

    def __init__(self) -> None:
        self._messages: deque[bytes] = deque()
        self._size = 0
        self._changed = asyncio.Condition()
        self._ended = False

    async def fill(self, bodies: AsyncIterator[bytes]) -> None:
        """Read messages as long as there is room, until the sender has ended or fails."""
        try:
            async for body in bodies:
                async with self._changed:
                    self._messages.append(body)
                    self._size += len(body)
                    self._changed.notify_all()
                    await self._changed.wait_for(self._has_room)
        finally:
            self._ended = True
            async with self._changed:
                self._changed.notify_all()

    async def take(self) -> list[bytes]:
        """Wait for messages and return all that wait; empty once the sender has ended and all were taken."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._messages or self._ended)
            taken = list(self._messages)
            self._messages.clear()
            self._size = 0
            self._changed.notify_all()
        return taken

    def _has_room(self) -> bool:
        return len(self._messages) < MOST_MESSAGES and self._size < MOST_BYTES
