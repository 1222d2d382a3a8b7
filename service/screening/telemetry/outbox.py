"""What waits to be exported: a bounded queue, and a thread that empties it in batches."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

QUEUE_LIMIT = 100_000
"""Most things that wait."""
BATCH = 2_048
"""Things sent at once; an item that holds more goes alone."""
PAUSE_SECONDS = 0.5

Item = TypeVar("Item")


class Outbox(Generic[Item]):
    """Takes items without blocking and hands them to `send` in a thread of its own.

    `send` returns how many of the things counted (spans, log lines) were lost. `dropped` counts those, and what came
    while the queue was full.
    """

    def __init__(
        self, name: str, send: Callable[[Sequence[Item]], int], size: Callable[[Item], int] = lambda _: 1
    ) -> None:
        """Start the thread `name`; `size` says how many things an item holds."""
        self._send = send
        self._size = size
        self._queue: deque[Item] = deque()
        self._wake = threading.Event()
        self._stopping = False
        self._added = self._taken = 0  # each by its own side
        self._refused = 0  # by whoever adds
        self._lost = 0  # by the thread
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Return how many things were lost so far."""
        return self._refused + self._lost

    def add(self, item: Item) -> None:
        """Queue an item; drop it if the queue is full. Never blocks."""
        size = self._size(item)
        waiting = self._added - self._taken + size
        if waiting > QUEUE_LIMIT:
            self._refused += size
            return
        self._queue.append(item)
        self._added += size
        if waiting >= BATCH:
            self._wake.set()

    def close(self, timeout: float) -> None:
        """Send what is queued, for at most `timeout` seconds, and count the rest as dropped."""
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout)
        self._refused += sum(self._size(item) for item in self._queue)

    def _run(self) -> None:
        while not (self._stopping and not self._queue):
            self._wake.wait(PAUSE_SECONDS)
            self._wake.clear()
            while self._queue:
                self._lost += self._send(self._take())

    def _take(self) -> list[Item]:
        taken: list[Item] = []
        room = BATCH
        while self._queue and (not taken or self._size(self._queue[0]) <= room):
            item = self._queue.popleft()
            taken.append(item)
            room -= self._size(item)
        self._taken += BATCH - room
        return taken
