"""The decision log over a database: one thread writes, another reads, and the event loop waits for neither."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import TypeVar

from screening.decisionlog.checkpoint import Checkpoint, Signer
from screening.decisionlog.columns import micros
from screening.decisionlog.port import Appended, Erasure, Filter, Mark, Stored
from screening.decisionlog.record import Idempotency, Record
from screening.decisionlog.tile import TileId
from screening.errors import DataDirectoryError, LogTampered, LogUnavailable
from screening.storage import custody, rows, tree
from screening.storage.append import Appender
from screening.storage.custody import Custody
from screening.storage.database import Database
from screening.storage.group_commit import GroupCommit
from screening.storage.load import Load
from screening.storage.tree import Integrator

_PIECES = 16
"""In so many pieces the tree grows; between two of them there may be a commit."""
_LOOKS, _LOOKED_AT = 4, 2
"""How often full tiles are compared with each checkpoint, and how many at once."""

_Result = TypeVar("_Result")


class SqlLog:
    """A DecisionLog in a database. It owns the database and closes it."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        """Connect, and finish what a crash left unfinished. Raises DataDirectoryError."""
        self._database = database
        self._clock = clock
        try:
            self._appender = Appender(database, clock)
            self._custody = Custody(database, self._appender)
            self._custody.start()
            self._read_log = database.open_log()
            self._read_keys = database.open_keys()
        except database.failures as error:
            raise DataDirectoryError(f"the decision log cannot be opened: {error}") from None
        self._integrator = Integrator(database, self._appender.log, self._appender.repairs)
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="decision-log-reader")
        self.load = Load()
        self._writer = GroupCommit(
            self.load.measured(self._appender.commit),
            check=self._appender.check,
            probe=self._appender.probe,
            on_stop=self._appender.close,
            failures=database.failures,
        )

    async def check(self, signer: Signer, anchored: Checkpoint | None) -> None:
        """Compare the log with its last checkpoint and its anchor before it is used. Raises DataDirectoryError."""
        try:
            await self._writer.run(lambda: self._integrator.check(signer, anchored))
        except LogTampered as error:
            raise DataDirectoryError(f"the decision log must not be continued: {error}; see deploy/README.md") from None
        except LogUnavailable:
            raise DataDirectoryError("the decision log cannot be read") from None

    async def append(self, records: Sequence[Record]) -> list[Appended]:
        """Append records and return when each is durable; see DecisionLog."""
        return await self._writer.append(records)

    async def find_decision(self, decision_id: str) -> Stored | None:
        """Return a decision record by id; see DecisionLog."""
        found = await self._select("r.id = ? AND r.kind = 'decision'", (decision_id,), 1)
        return found[0] if found else None

    async def find_request(self, idempotency: Idempotency) -> tuple[Stored, bool] | None:
        """Return the record that answered a request_id, and whether the body is the same; see DecisionLog."""

        def earlier() -> tuple[Stored, bool] | None:
            self._read_log.check()  # what is found is answered with, without another record
            return rows.earlier(self._read_log, self._read_keys, idempotency)

        return await self._read(earlier)

    async def find_references(self, references: Sequence[bytes]) -> list[int]:
        """Return the places of the records that carry any of these keyed hashes; see DecisionLog."""
        query = "SELECT log_index FROM reference WHERE reference_key = ?"
        found = await self._read(
            lambda: {row[0] for each in references for row in self._read_log.execute(query, (each,)).fetchall()}
        )
        return sorted(found)

    async def list_decisions(self, chosen: Filter, limit: int) -> list[Stored]:
        """Return up to `limit` decision records, newest first; see DecisionLog."""
        return await self._select(*rows.chosen(chosen), limit)

    async def read(self, start: int, limit: int) -> list[Stored]:
        """Return up to `limit` records of any kind, in order; see DecisionLog."""
        return await self._select("r.log_index >= ? ORDER BY r.log_index", (start,), limit)

    async def marks(self, decision_id: str) -> list[Mark]:
        """Return the later records about a decision; see DecisionLog."""
        return await self._read(lambda: custody.marks(self._read_log, decision_id))

    async def integrate(self, signer: Signer) -> Checkpoint | None:
        """Put all durable records into the tree and return the newest checkpoint; see DecisionLog."""

        def work() -> Checkpoint | None:
            self._custody.finish()
            return self._integrator.integrate(signer, micros(self._clock()))

        for left in range(_PIECES, 0, -1):
            if not await self._writer.run(partial(self._integrator.grow, signer, left)):
                break
        made = await self._writer.run(work)
        for _ in range(_LOOKS if made else 0):
            await self._writer.run(partial(self._integrator.look, _LOOKED_AT))
        return made

    async def checkpoint(self) -> Checkpoint | None:
        """Return the newest checkpoint; see DecisionLog."""
        return await self._read(lambda: tree.newest(self._read_log))

    async def tiles(self, wanted: Iterable[TileId]) -> dict[TileId, bytes]:
        """Return the tiles that are there, made anew where they were damaged; see DecisionLog."""
        some = list(wanted)
        found = await self._read(lambda: tree.sound(self._read_log, some))
        if found is None:
            await self._writer.run(lambda: self._integrator.mend(some))
            found = await self._read(lambda: tree.tiles(self._read_log, some))
        return found

    async def erase(self, record: Record, doomed: Sequence[Erasure]) -> Appended:
        """Append the record of an erasure, then destroy keys and look-ups; see DecisionLog."""
        return await self._writer.run(lambda: self._custody.erase(record, doomed))

    async def annotate(self, record: Record, decision_ids: Sequence[str]) -> Appended:
        """Append a record about decisions; see DecisionLog."""
        return await self._writer.run(lambda: self._custody.annotate(record, decision_ids))

    async def keep_bundle(self, revision: str, packed: bytes) -> None:
        """Keep the law of decisions by its hash; see DecisionLog."""
        await self._writer.run(lambda: self._custody.keep_bundle(revision, packed))

    async def find_bundle(self, revision: str) -> bytes | None:
        """Return what was kept under a hash; see DecisionLog."""
        return await self._read(lambda: custody.bundle(self._read_log, revision))

    def repairs(self) -> list[str]:
        """Return what was repaired since the last call; see DecisionLog."""
        found = self._appender.repairs
        taken = found[:]
        del found[: len(taken)]
        return taken

    def writable(self) -> bool:
        """Say whether appends are expected to succeed; see DecisionLog."""
        return self._writer.healthy

    def waiting(self) -> int:
        """Return how many appends wait for a commit."""
        return self._writer.waiting

    async def close(self) -> None:
        """Finish what was accepted, then close everything."""
        await asyncio.to_thread(self._writer.stop)
        self._reader.shutdown(wait=True)
        self._read_log.close()
        self._read_keys.close()
        self._database.close()

    async def _select(self, where: str, values: Sequence[object], limit: int) -> list[Stored]:
        return await self._read(lambda: rows.select(self._read_log, self._read_keys, where, values, limit))

    async def _read(self, work: Callable[[], _Result]) -> _Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._reader, work)
        except self._database.failures:
            raise LogUnavailable from None
        except RuntimeError:  # the log was closed
            raise LogUnavailable from None
