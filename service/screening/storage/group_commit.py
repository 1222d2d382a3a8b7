"""Group commit: one writer thread, and one commit for all records that wait when it starts."""

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from screening.decisionlog.port import Appended
from screening.decisionlog.record import Record
from screening.errors import LogUnavailable

MOST_IN_A_COMMIT = 2_000
MOST_WAITING = 50_000
"""Records that may wait; beyond that an append fails at once."""
LINGER_SECONDS = 0.002
"""How long a commit waits for more appends, if several came together the last time: one that comes alone waits for none."""
SLOW_SECONDS = 5.0
"""How long one commit may take before the log no longer counts as writable."""
PROBE_SECONDS = 0.5
"""How often a failed log is tried again."""
CHECK_SECONDS = 1.0
"""How long a log may be idle before it is checked."""

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class _Append:
    records: Sequence[Record]
    done: asyncio.Future[list[Appended]]


class _Sum(NamedTuple):
    """How many appends, with how many records, of all time."""

    appends: int = 0
    records: int = 0

    def plus(self, appends: int, records: int) -> "_Sum":
        return _Sum(self.appends + appends, self.records + records)


@dataclass(frozen=True)
class _Job:
    """Other work that must not run beside a commit."""

    work: Callable[[], Any]
    done: "Future[Any]"


_NOTHING = _Job(lambda: None, Future())
"""Stands for an empty queue."""


def _settle(loop: asyncio.AbstractEventLoop, group: Sequence[_Append], appended: list[Appended] | None) -> None:
    """Tell those who wait on a loop how the commit of their group ended; one call for all, for each wakes the loop."""
    start = 0
    for entry in group:
        end = start + len(entry.records)
        if entry.done.get_loop() is loop and not entry.done.done():  # else the caller gave up
            if appended is None:
                entry.done.set_exception(LogUnavailable())
            else:
                entry.done.set_result(appended[start:end])
        start = end


class GroupCommit:
    """Hands records to `commit` in one thread, in order of arrival, as many at once as are waiting.

    `commit` makes all given records durable or raises; after it raised, none of them is acknowledged. The queue is
    owned by this object; `commit` and everything it touches by the writer thread. While nobody calls, `check` is called
    now and then; after a failure `probe`, until it does not raise: so a log without callers fails and recovers as well.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Record]], list[Appended]],
        *,
        check: Callable[[], None],
        probe: Callable[[], None],
        on_stop: Callable[[], None],
        failures: tuple[type[Exception], ...],
    ) -> None:
        """Start the thread. `failures` are what storage raises; a job's own errors go to its caller unchanged."""
        self._commit = commit
        self._check = check
        self._probe = probe
        self._on_stop = on_stop
        self._failures = failures
        self._waiting: queue.SimpleQueue[_Append | _Job | None] = queue.SimpleQueue()
        self._came = self._gone = _Sum()
        """Two sums, because each may be changed by one thread only: the first by the event loop's, the other by the writer."""
        self._healthy = True
        self._crowded = False
        """The last commit had several appends, so it is worth while to wait for more."""
        self._busy_since: float | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="decision-log-writer", daemon=True)
        self._thread.start()

    @property
    def healthy(self) -> bool:
        """Say whether the last commit or probe succeeded, and none has been running for too long."""
        busy = self._busy_since
        return self._healthy and (busy is None or time.monotonic() - busy < SLOW_SECONDS)

    @property
    def waiting(self) -> int:
        """Return how many appends wait for a commit, or for the end of one."""
        return self._came.appends - self._gone.appends

    async def append(self, records: Sequence[Record]) -> list[Appended]:
        """Return when all records are durable. Raises LogUnavailable."""
        if self._stopped or self._came.records - self._gone.records >= MOST_WAITING:
            raise LogUnavailable
        done: asyncio.Future[list[Appended]] = asyncio.get_running_loop().create_future()
        self._came = self._came.plus(1, len(records))
        self._waiting.put(_Append(records, done))
        return await done

    async def run(self, work: Callable[[], _Result]) -> _Result:
        """Run other work in the writer thread, in its turn. Raises LogUnavailable where storage fails."""
        if self._stopped:
            raise LogUnavailable
        entry = _Job(work, Future())
        self._waiting.put(entry)
        result: _Result = await asyncio.shield(asyncio.wrap_future(entry.done))
        return result

    def stop(self) -> None:
        """Commit what is waiting, then end the thread. Blocks until it has ended."""
        self._stopped = True
        self._waiting.put(None)
        self._thread.join()

    # Writer thread only

    def _run(self) -> None:
        stopping = False
        while not stopping:
            try:
                entry = self._waiting.get(timeout=CHECK_SECONDS if self._healthy else PROBE_SECONDS)
            except queue.Empty:
                self._try(self._check if self._healthy else self._probe)
                continue
            stopping = self._handle(entry)
        self._on_stop()

    def _handle(self, entry: _Append | _Job | None) -> bool:
        """Handle an entry and, after an append, all further ones that are there; say whether the end was asked for."""
        group: list[_Append] = []
        if isinstance(entry, _Append):
            entry = self._gather(group, entry)
            if self._crowded and entry is _NOTHING:
                time.sleep(LINGER_SECONDS)
                entry = self._gather(group)
            self._crowded = len(group) > 1
            self._commit_group(group)
        if isinstance(entry, _Job) and entry is not _NOTHING:
            self._run_job(entry)
        return entry is None

    def _gather(self, group: list[_Append], entry: "_Append | _Job | None" = None) -> _Job | None:
        """Add waiting appends to a group, until it is full or something else stands in the queue, and return that."""
        size = sum(len(each.records) for each in group)
        try:
            entry = entry or self._waiting.get_nowait()
            while isinstance(entry, _Append):
                group.append(entry)
                size += len(entry.records)
                if size >= MOST_IN_A_COMMIT:
                    return _NOTHING
                entry = self._waiting.get_nowait()
        except queue.Empty:
            return _NOTHING
        return entry

    def _commit_group(self, group: Sequence[_Append]) -> None:
        self._busy_since = time.monotonic()
        records = [record for entry in group for record in entry.records]
        appended: list[Appended] | None
        try:
            appended = self._commit(records)
        except Exception:  # noqa: BLE001  # whatever the storage raises, nobody may take it for an acknowledgement
            appended = None
        self._healthy = appended is not None
        self._gone = self._gone.plus(len(group), len(records))
        self._busy_since = None
        for loop in {entry.done.get_loop() for entry in group}:
            with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits
                loop.call_soon_threadsafe(_settle, loop, group, appended)

    def _run_job(self, job: _Job) -> None:
        self._busy_since = time.monotonic()
        try:
            job.done.set_result(job.work())
        except self._failures:
            self._healthy = False
            job.done.set_exception(LogUnavailable())
        except Exception as error:  # noqa: BLE001  # it belongs to whoever asked
            job.done.set_exception(error)
        self._busy_since = None

    def _try(self, work: Callable[[], None]) -> None:
        self._busy_since = time.monotonic()
        try:
            work()
            self._healthy = True
        except Exception:  # noqa: BLE001  # failed, in whatever way
            self._healthy = False
        self._busy_since = None
