"""Group commit: one writer thread, and one commit for all records that wait when it starts."""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from screening.decisionlog.port import Appended
from screening.decisionlog.record import Record
from screening.errors import LogUnavailable

MOST_IN_A_COMMIT = 2_000
_Waiting = tuple[Sequence[Record], "Future[list[Appended]]"]


class GroupCommit:
    """Hands records to `commit` in one thread, in order of arrival, as many at once as are waiting.

    `commit` makes all given records durable or raises; after it raised, none of them is acknowledged. The queue is
    owned by this object; `commit` and everything it touches by the writer thread.
    """

    def __init__(self, commit: Callable[[Sequence[Record]], list[Appended]], on_stop: Callable[[], None]) -> None:
        self._commit = commit
        self._on_stop = on_stop
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._healthy = True
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="decision-log-writer", daemon=True)
        self._thread.start()

    @property
    def healthy(self) -> bool:
        """Say whether the last commit succeeded."""
        return self._healthy

    @property
    def waiting(self) -> int:
        """Return about how many appends wait for a commit."""
        return self._waiting.qsize()

    async def append(self, records: Sequence[Record]) -> list[Appended]:
        """Return when all records are durable. Raises LogUnavailable."""
        if self._stopped:
            raise LogUnavailable
        done: Future[list[Appended]] = Future()
        self._waiting.put((records, done))
        return await asyncio.shield(asyncio.wrap_future(done))

    def stop(self) -> None:
        """Commit what is waiting, then end the thread. Blocks until it has ended."""
        self._stopped = True
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        stopping = False
        while not stopping:
            group, stopping = self._next_group()
            if group:
                self._commit_group(group)
        self._on_stop()

    def _next_group(self) -> tuple[list[_Waiting], bool]:
        """Wait for one append, then take all others that are there. The flag says that the end was asked for."""
        group: list[_Waiting] = []
        size = 0
        entry = self._waiting.get()
        while entry is not None:
            group.append(entry)
            size += len(entry[0])
            if size >= MOST_IN_A_COMMIT:
                return group, False
            try:
                entry = self._waiting.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _commit_group(self, group: Sequence[_Waiting]) -> None:
        try:
            appended = self._commit([record for records, _ in group for record in records])
        except Exception:  # noqa: BLE001  # whatever the storage raises, nobody may take it for an acknowledgement
            self._healthy = False
            for _, done in group:
                done.set_exception(LogUnavailable())
            return
        self._healthy = True
        start = 0
        for records, done in group:
            done.set_result(appended[start : start + len(records)])
            start += len(records)
