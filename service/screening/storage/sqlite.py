"""SQLite: the embedded default.

Two database files: `log.db` has the records, `keys.db` the wrapped data keys, so that a copy of the log alone opens
nothing. Both in WAL mode with synchronous=FULL: a commit is on disk when it returns. What is deleted is overwritten
(secure_delete).

The service holds an exclusive lock on `lock`: it integrates, and a second service is refused. An administrator's command
opens the same files as a guest beside it; the order of records is safe, because SQLite itself lets one writer write.
"""

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from screening.errors import DataDirectoryError
from screening.storage import continuity, schema, wal
from screening.storage.database import Rows, Session, Values

LOG, KEYS = "log.db", "keys.db"
BUSY_SECONDS = 5
_ROWS_AT_ONCE = (256, 64)
"""What is more than these goes in statements of these sizes, and what is left in one of its own."""
_STATEMENTS = 256
"""Prepared statements that are kept: one for each number of rows, of each table."""
DIALECT = {
    "int": "INTEGER",
    "blob": "BLOB",
    "unique": "UNIQUE",
    "record_key": "log_index",
    "by_month": "",
    "plain": " WITHOUT ROWID",
}


class SqliteSession:
    """One connection to one file."""

    _turn: int | None = None
    """The lock at which those who write wait; None for one that only reads."""

    def __init__(self, path: Path) -> None:
        self._turn = os.open(f"{path}-turn", os.O_RDWR | os.O_CREAT, 0o600)
        self._connection = sqlite3.connect(
            path,
            check_same_thread=False,
            isolation_level=None,
            timeout=BUSY_SECONDS,
            cached_statements=_STATEMENTS,
        )
        for setting in ("synchronous = FULL", "secure_delete = ON", "journal_mode = WAL"):
            self._connection.execute(f"PRAGMA {setting}")
        self._files = {Path(f"{path}{end}"): 0 for end in ("", "-wal")}
        self.check()

    def execute(self, sql: str, values: Values = ()) -> Rows:
        """Run one statement; see Session."""
        return self._connection.execute(sql, tuple(values))

    def executemany(self, sql: str, rows: Sequence[Values]) -> None:
        """Run one statement for each row; see Session."""
        self._connection.executemany(sql, rows)

    def insert(self, table: str, rows: Sequence[Values]) -> None:
        """Add rows; see Session.

        Many rows go in one statement, because each statement gives the interpreter to another thread, and gets it back
        only after that thread's turn: a commit of 1,000 rows one by one waits a hundred times as long as it works.
        """
        start = 0
        while left := len(rows) - start:
            size = next((size for size in _ROWS_AT_ONCE if size <= left), left)
            values = [value for row in rows[start : start + size] for value in row]
            self._connection.execute(_insertion(table, len(rows[0]), size), values)
            start += size

    def check(self) -> None:
        """Raise if a file is not the one that was opened; see Session.

        SQLite goes on writing into files that were removed or replaced, where nobody will find the records again.
        """
        for path, known in self._files.items():
            try:
                found = path.stat().st_ino
            except FileNotFoundError:
                found = 0
            if known and found != known:
                raise sqlite3.OperationalError(f"{path} was removed or replaced while it was open")
            self._files[path] = found

    def begin(self) -> None:
        """Begin to write; see Session.

        Processes that write wait for their turn at a lock of our own, because SQLite's waits by sleeping longer and longer.
        """
        assert self._turn is not None
        self.check()
        fcntl.flock(self._turn, fcntl.LOCK_EX)
        self._connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Return when everything is on disk; see Session."""
        self._connection.commit()
        self._end_turn()
        self.check()

    def rollback(self) -> None:
        """Undo; see Session."""
        with contextlib.suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.rollback()
        self._end_turn()

    def _end_turn(self) -> None:
        if self._turn is not None:
            fcntl.flock(self._turn, fcntl.LOCK_UN)

    def close(self) -> None:
        """Release the connection; see Session."""
        self._connection.close()
        if self._turn is not None:
            os.close(self._turn)
            self._turn = None


@cache
def _insertion(table: str, columns: int, rows: int) -> str:
    group = f"({', '.join('?' * columns)})"
    return f"INSERT INTO {table} VALUES {', '.join([group] * rows)}"  # noqa: S608  # the names are ours


class SqliteDatabase:
    """The two files of one data directory."""

    failures: tuple[type[Exception], ...] = (sqlite3.Error,)
    lock_row = ""

    def __init__(self, directory: Path, *, guest: bool = False) -> None:
        """Open or create the files; a guest opens only what is there. Raises DataDirectoryError."""
        if guest and not (directory / LOG).exists():
            raise DataDirectoryError(f"{directory} has no decision log")
        self._directory = directory
        self._lock = _open_lock(directory)
        self._leads = _try_lock(self._lock)
        if not guest and not self._leads:
            os.close(self._lock)
            raise DataDirectoryError(f"the data directory {directory} is in use by another process")
        self.repairs: list[str] = []
        try:
            self._prepare_file(KEYS, schema.KEYS, beside=LOG)
            self._prepare_file(LOG, schema.LOG, beside=KEYS)
        except sqlite3.Error as error:
            os.close(self._lock)
            raise DataDirectoryError(f"the decision log in {directory} cannot be opened: {error}") from None
        except BaseException:
            os.close(self._lock)
            raise

    def _prepare_file(self, name: str, migrations: Sequence[str], *, beside: str) -> None:
        """Bring one file to the newest version, making it if what stands beside it has no need of it yet."""
        path = self._directory / name
        if not path.exists() and self._is_used(beside):
            raise DataDirectoryError(f"{path} is missing beside {beside}; {continuity.RESTORE}")
        if self._leads:
            self.repairs += _check_wal(path.with_name(f"{name}-wal"))
        session = SqliteSession(path)
        try:
            schema.migrate(session, migrations, DIALECT, str(path))
        finally:
            session.close()

    def _is_used(self, name: str) -> bool:
        """Say whether a file shows that there was another: the log is made after the key store, and a key is for a record."""
        if name == LOG:
            return (self._directory / LOG).exists()
        session = SqliteSession(self._directory / KEYS)
        try:
            return continuity.has_keys(session)
        finally:
            session.close()

    def open_log(self) -> Session:
        """Connect to the log; see Database."""
        return SqliteSession(self._directory / LOG)

    def open_keys(self) -> Session:
        """Connect to the key store; see Database."""
        return SqliteSession(self._directory / KEYS)

    def lead(self, _session: Session) -> bool:
        """Integrate if the lock is ours, or free; see Database."""
        self._leads = self._leads or _try_lock(self._lock)
        return self._leads

    def prepare(self, session: Session, micros: int) -> None:
        """Do nothing: one table has room for all times."""

    def scrub(self, session: Session, tables: Sequence[str]) -> bool:  # noqa: ARG002  # the WAL is of the whole file
        """Write the overwritten pages into the file and empty the WAL, unless somebody still reads the old ones."""
        busy, _, _ = session.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    def close(self) -> None:
        """Release the lock."""
        os.close(self._lock)


def _open_lock(directory: Path) -> int:
    """Create the directory, prove that it can be written, and open the lock file. Raises DataDirectoryError."""
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = directory / ".probe"
        probe.write_bytes(b"0")
        probe.unlink()
        return os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise DataDirectoryError(f"the data directory {directory} cannot be written: {error.strerror}") from None


def _check_wal(path: Path) -> list[str]:
    """Refuse a write-ahead log that lost acknowledged commits; return what is left out otherwise. Raises DataDirectoryError."""
    try:
        found = wal.damage(path)
    except OSError as error:
        raise DataDirectoryError(f"{path} cannot be read: {error.strerror}") from None
    if found and found.commits > 1:
        raise DataDirectoryError(
            f"{path} is damaged at frame {found.frame}, and {found.commits} commits stand behind it: records would be lost"
            " without a word; copy the directory, then restore it (deploy/RUNBOOK.md)"
        )
    return [wal.CUT] if found else []


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
