"""The decision log in SQLite: the embedded default.

Two database files: `log.db` has the records, `keys.db` the wrapped data keys, so that a copy of the log alone opens
nothing. Both in WAL mode with synchronous=FULL: a commit is on disk when it returns. Keys are committed before the
records that need them; a crash in between leaves a key that nothing uses.

One process writes: an exclusive lock on `lock` refuses a second one. One thread writes (`GroupCommit`); reads go through
a connection of their own in a thread of their own.
"""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from screening.decisionlog.port import Appended, Filter, Stored
from screening.decisionlog.record import Idempotency, Record
from screening.errors import DataDirectoryError, LogUnavailable
from screening.storage.group_commit import GroupCommit
from screening.storage.load import Load

REMEMBERED = timedelta(hours=72)
"""How long a request_id is remembered after its first answer."""

_FORGET_EVERY = 60_000_000
"""Microseconds between two sweeps of old request_ids."""

SCHEMA_VERSION = 1
_LOG_SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
  log_index INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  time INTEGER NOT NULL,           -- of the decision, microseconds since 1970
  durable_time INTEGER NOT NULL,   -- of the commit, microseconds since 1970
  outcome INTEGER,
  city_unit INTEGER,
  rule_ids TEXT,                   -- |rule|rule|
  key_id TEXT,
  leaf_hash BLOB NOT NULL,
  canonical BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS record_id ON record (id);
CREATE TABLE IF NOT EXISTS request (
  caller TEXT NOT NULL,
  request_key BLOB NOT NULL,
  body_key BLOB NOT NULL,
  log_index INTEGER NOT NULL,
  time INTEGER NOT NULL,
  PRIMARY KEY (caller, request_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS request_time ON request (time);
CREATE TABLE IF NOT EXISTS reference (
  reference_key BLOB NOT NULL,
  log_index INTEGER NOT NULL,
  PRIMARY KEY (reference_key, log_index)
) STRICT, WITHOUT ROWID;
"""
_KEY_SCHEMA = """
CREATE TABLE IF NOT EXISTS wrapped_key (key_id TEXT PRIMARY KEY, wrapped BLOB NOT NULL) STRICT, WITHOUT ROWID;
"""
_RECORD = "log_index, id, kind, time, durable_time, outcome, city_unit, rule_ids, key_id, leaf_hash, canonical"
_STORED = "r.log_index, r.canonical, r.leaf_hash, r.durable_time, r.key_id"

_Result = TypeVar("_Result")


class SqliteLog:
    """A DecisionLog in two SQLite files of one directory."""

    def __init__(self, directory: Path, clock: Callable[[], datetime]) -> None:
        """Open or create the log. Raises DataDirectoryError if the directory cannot be used."""
        self._clock = clock
        self._lock = _lock(directory)
        try:
            self._log = _open(directory / "log.db", _LOG_SCHEMA)
            self._keys = _open(directory / "keys.db", _KEY_SCHEMA, secure_delete=True)
            self._read_log = _connect(directory / "log.db")
            self._read_keys = _connect(directory / "keys.db")
            (last,) = self._log.execute("SELECT max(log_index) FROM record").fetchone()
        except sqlite3.Error as error:
            raise DataDirectoryError(f"the decision log in {directory} cannot be opened: {error}") from None
        self._next = 0 if last is None else last + 1
        self._forgotten = 0
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="decision-log-reader")
        self.load = Load()
        self._writer = GroupCommit(self.load.measured(self._commit), self._close_writer)

    async def append(self, records: Sequence[Record]) -> list[Appended]:
        """Append records and return when each is durable; see DecisionLog."""
        return await self._writer.append(records)

    async def find_decision(self, decision_id: str) -> Stored | None:
        """Return a decision record by id; see DecisionLog."""
        where = "FROM record r WHERE r.id = ? AND r.kind = 'decision'"
        found = await self._read(lambda: self._select(where, (decision_id,), 1))
        return found[0] if found else None

    async def find_request(self, idempotency: Idempotency) -> tuple[Stored, bool] | None:
        """Return the record that answered a request_id, and whether the body is the same; see DecisionLog."""
        return await self._read(lambda: self._earlier(self._read_log, self._read_keys, idempotency))

    async def list_decisions(self, chosen: Filter, limit: int) -> list[Stored]:
        """Return up to `limit` decision records, newest first; see DecisionLog."""
        terms = {
            "r.time >= ?": None if chosen.start_time is None else _micros(chosen.start_time),
            "r.time < ?": None if chosen.end_time is None else _micros(chosen.end_time),
            "r.outcome = ?": chosen.outcome,
            "r.city_unit = ?": chosen.city_unit,
            "instr(r.rule_ids, ?) > 0": None if chosen.rule_id is None else f"|{chosen.rule_id}|",
            "r.log_index < ?": chosen.before_index,
        }
        used = {term: value for term, value in terms.items() if value is not None}
        where = " AND ".join(["r.kind = 'decision'", *used])
        return await self._read(
            lambda: self._select(f"FROM record r WHERE {where} ORDER BY r.log_index DESC", tuple(used.values()), limit)
        )

    def writable(self) -> bool:
        """Say whether the last append succeeded."""
        return self._writer.healthy

    def waiting(self) -> int:
        """Return about how many appends wait for a commit."""
        return self._writer.waiting

    async def close(self) -> None:
        """Finish what was accepted, then close the files and release the lock."""
        await asyncio.to_thread(self._writer.stop)
        self._reader.shutdown(wait=True)
        self._read_log.close()
        self._read_keys.close()
        os.close(self._lock)

    # Writer thread only

    def _commit(self, records: Sequence[Record]) -> list[Appended]:
        durable = self._clock()
        try:
            self._store_keys(records)
            appended = self._store_records(records, durable)
        except BaseException:
            self._keys.rollback()
            self._log.rollback()
            raise
        self._next += sum(1 for outcome in appended if outcome.earlier is None)
        return appended

    def _store_keys(self, records: Sequence[Record]) -> None:
        keys = [record.wrapped_key for record in records if record.wrapped_key]
        if keys:
            self._keys.execute("BEGIN IMMEDIATE")
            self._keys.executemany("INSERT INTO wrapped_key VALUES (?, ?)", keys)
            self._keys.commit()

    def _store_records(self, records: Sequence[Record], durable: datetime) -> list[Appended]:
        self._log.execute("BEGIN IMMEDIATE")
        self._forget(durable)
        appended: list[Appended] = []
        fresh: list[tuple[int, Record]] = []
        index = self._next
        for record in records:
            if self._claim(record, index, durable):
                fresh.append((index, record))
                appended.append(Appended(index, record.leaf_hash, durable))
                index += 1
            else:
                self._insert(fresh, durable)  # the earlier record may be one of this very commit
                fresh.clear()
                appended.append(self._earlier_of(record))
        self._insert(fresh, durable)
        self._log.commit()
        return appended

    def _insert(self, fresh: Sequence[tuple[int, Record]], durable: datetime) -> None:
        rows = [_row(index, record, _micros(durable)) for index, record in fresh]
        self._log.executemany(f"INSERT INTO record ({_RECORD}) VALUES ({', '.join('?' * 11)})", rows)  # noqa: S608
        references = {(reference, index) for index, record in fresh for reference in record.references}
        self._log.executemany("INSERT INTO reference VALUES (?, ?)", references)

    def _claim(self, record: Record, index: int, durable: datetime) -> bool:
        """Take the record's request_id for its index; False if an earlier record has it."""
        claim = record.idempotency
        if claim is None:
            return True
        row = (claim.caller, claim.request_key, claim.body_key, index, _micros(durable))
        return bool(self._log.execute("INSERT OR IGNORE INTO request VALUES (?, ?, ?, ?, ?)", row).rowcount)

    def _earlier_of(self, record: Record) -> Appended:
        assert record.idempotency is not None
        found = self._earlier(self._log, self._keys, record.idempotency)
        assert found is not None
        stored, same_body = found
        return Appended(stored.index, stored.leaf_hash, stored.durable_time, stored, same_body)

    def _forget(self, now: datetime) -> None:
        """Forget request_ids after their time, at most once a minute."""
        if _micros(now) - self._forgotten > _FORGET_EVERY:
            self._forgotten = _micros(now)
            self._log.execute("DELETE FROM request WHERE time < ?", (_micros(now - REMEMBERED),))

    def _close_writer(self) -> None:
        self._log.close()
        self._keys.close()

    # Either thread, each with its own connections

    def _earlier(
        self, log: sqlite3.Connection, keys: sqlite3.Connection, claim: Idempotency
    ) -> tuple[Stored, bool] | None:
        row = log.execute(
            f"SELECT {_STORED}, q.body_key FROM request q JOIN record r ON r.log_index = q.log_index"  # noqa: S608
            " WHERE q.caller = ? AND q.request_key = ?",
            (claim.caller, claim.request_key),
        ).fetchone()
        return (_stored(row[:5], keys), row[5] == claim.body_key) if row else None

    # Reader thread only

    async def _read(self, work: Callable[[], _Result]) -> _Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._reader, work)
        except (sqlite3.Error, RuntimeError):
            raise LogUnavailable from None

    def _select(self, where: str, values: tuple[object, ...], limit: int) -> list[Stored]:
        rows = self._read_log.execute(f"SELECT {_STORED} {where} LIMIT ?", (*values, limit)).fetchall()
        return [_stored(row, self._read_keys) for row in rows]


def _row(index: int, record: Record, durable: int) -> tuple[object, ...]:
    listing = record.listing
    return (
        index,
        record.id,
        record.kind,
        _micros(record.time),
        durable,
        listing.outcome if listing else None,
        listing.city_unit if listing else None,
        f"|{'|'.join(listing.rule_ids)}|" if listing else None,
        record.wrapped_key[0] if record.wrapped_key else None,
        record.leaf_hash,
        record.canonical,
    )


def _stored(row: tuple[int, bytes, bytes, int, str | None], keys: sqlite3.Connection) -> Stored:
    index, canonical, leaf_hash, durable, key_id = row
    wrapped = keys.execute("SELECT wrapped FROM wrapped_key WHERE key_id = ?", (key_id,)).fetchone()
    return Stored(index, canonical, leaf_hash, _time(durable), wrapped[0] if wrapped else None)


def _micros(time: datetime) -> int:
    return int(time.timestamp() * 1_000_000)


def _time(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1_000_000, UTC)


def _lock(directory: Path) -> int:
    """Create the directory, prove that it can be written, and take the lock. Raises DataDirectoryError."""
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = directory / ".probe"
        probe.write_bytes(b"0")
        probe.unlink()
        handle = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise DataDirectoryError(f"the data directory {directory} cannot be written: {error.strerror}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise DataDirectoryError(f"the data directory {directory} is in use by another process") from None
    return handle


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=5)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _open(path: Path, schema: str, *, secure_delete: bool = False) -> sqlite3.Connection:
    connection = _connect(path)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise DataDirectoryError(f"{path} was written by a newer version of the service")
    connection.execute("PRAGMA journal_mode = WAL")
    if secure_delete:
        connection.execute("PRAGMA secure_delete = ON")
    connection.executescript(schema)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    return connection
