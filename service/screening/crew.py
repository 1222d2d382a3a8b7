"""What the worker processes of one service share: a file in memory that whoever starts them makes for them.

First what callers have used of their quotas, which `transport/purse.py` lays out, then a page for each worker, on which it
says how it does. A lock on the file is the kernel's, so it is let go when its holder dies.
"""

import fcntl
import json
import mmap
import os
import struct
import time
from dataclasses import dataclass
from typing import Any

PURSE_BYTES = 192 * 1024
PAGE_BYTES = 16 * 1024
STALE_SECONDS = 5.0
"""A worker that has said nothing for so long is not well."""
_HEAD = struct.Struct("<dI")
"""When a worker wrote its page, by time.monotonic(), and the length of what it wrote."""


def make(workers: int) -> int:
    """Make the file for so many workers; return its descriptor, which they inherit. It goes with the last of them."""
    file = os.memfd_create("screening-crew")
    os.ftruncate(file, PURSE_BYTES + workers * PAGE_BYTES)
    return file


@dataclass(frozen=True)
class Report:
    """What one worker said last."""

    worker: int
    age: float
    """How long ago, in seconds; infinite: never."""
    said: dict[str, Any]

    @property
    def well(self) -> bool:
        """Say whether it is heard of, and no condition of its health fails."""
        return self.age < STALE_SECONDS and not self.said.get("failing")


class FileLock:
    """Lets one process at a time in, for some bytes of a file; not for use by two threads of a process."""

    def __init__(self, file: int, start: int, length: int) -> None:
        self._file, self._start, self._length = file, start, length

    def __enter__(self) -> None:
        """Wait until nobody else is in."""
        fcntl.lockf(self._file, fcntl.LOCK_EX, self._length, self._start)

    def __exit__(self, *_: object) -> None:
        """Let the next one in."""
        fcntl.lockf(self._file, fcntl.LOCK_UN, self._length, self._start)


class Crew:
    """The shared file as one worker sees it. Used by the event loop's thread only."""

    def __init__(self, file: int, workers: int, worker: int) -> None:
        """`worker` counts from 0."""
        self._file = file
        self._workers = workers
        self.worker = worker
        self._memory = mmap.mmap(file, PURSE_BYTES + workers * PAGE_BYTES)
        self.purses = memoryview(self._memory)[:PURSE_BYTES]
        self.purse_lock = FileLock(file, 0, PURSE_BYTES)

    def tell(self, said: dict[str, Any]) -> None:
        """Say how this worker does. What is too long for its page is cut to the names of conditions that fail."""
        text = json.dumps(said).encode()
        if len(text) > PAGE_BYTES - _HEAD.size:
            text = json.dumps({"failing": said.get("failing", [])}).encode()
        with self._page_lock(self.worker):
            start = self._page(self.worker)
            self._memory[start : start + _HEAD.size + len(text)] = _HEAD.pack(time.monotonic(), len(text)) + text

    def reports(self) -> list[Report]:
        """Return what each worker said last."""
        return [self._read(worker) for worker in range(self._workers)]

    def others_are_well(self) -> bool:
        """Say whether every worker but this one is well."""
        return all(report.well for report in self.reports() if report.worker != self.worker)

    def _read(self, worker: int) -> Report:
        start = self._page(worker)
        with self._page_lock(worker):
            written, length = _HEAD.unpack_from(self._memory, start)
            text = self._memory[start + _HEAD.size : start + _HEAD.size + length]
        if not length:
            return Report(worker, float("inf"), {})
        return Report(worker, time.monotonic() - written, json.loads(text))

    def _page(self, worker: int) -> int:
        return PURSE_BYTES + worker * PAGE_BYTES

    def _page_lock(self, worker: int) -> FileLock:
        return FileLock(self._file, self._page(worker), PAGE_BYTES)
