"""PostgreSQL: when one machine is outgrown, or several instances must answer.

Two databases: the log, and the wrapped keys apart from it, so that each has backups of its own. Every instance appends:
the row `tail` is locked inside each transaction, which gives one total order without a gap. One instance integrates: the
one whose writing session holds an advisory lock, which the server gives to another when that session ends. Tiles and
checkpoints go through the same session, so a former holder cannot write them.

Records are partitioned by month of their commit; the partition of a month is made by the first commit that needs it.
"""

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus

from screening.errors import DataDirectoryError
from screening.storage import schema
from screening.storage.database import Rows, Session, Values

DIALECT = {
    "int": "BIGINT",
    "blob": "BYTEA",
    "unique": "",  # a partitioned table has no unique index without its partition key; ids are random
    "record_key": "log_index, durable_time",
    "by_month": " PARTITION BY RANGE (durable_time)",
    "plain": "",
}
_LEADER, _MIGRATING = 0x5C4EE1, 0x5C4EE2
"""Advisory locks of the instance that integrates, and of one that migrates."""
_SERVER = {
    "statement_timeout": "60s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "30s",
    # what ends the session of a machine that is gone, and with it the lock of the one that integrates
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "client_connection_check_interval": "2s",
}
_CONNECTION = {
    "connect_timeout": "3",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "options": " ".join(f"-c {name}={value}" for name, value in _SERVER.items()),
}


class PostgresSession:
    """One connection; it is made anew after it was lost, but never inside a transaction."""

    def __init__(self, address: str, *, read_only: bool = False) -> None:
        self._address = make_conninfo(address, **_CONNECTION)
        self._read_only = read_only
        self._writing = False
        self.generation = 0
        """Counts connections, so that what belonged to a lost one is not thought to be held still."""
        self._connection = self._connect()

    def _connect(self) -> "psycopg.Connection[tuple[Any, ...]]":
        connection = psycopg.connect(self._address, autocommit=True)
        self.generation += 1
        if self._read_only:
            connection.execute("SET default_transaction_read_only = on")
        elif connection.execute("SHOW synchronous_commit").fetchone() in (("off",), ("local",)):
            connection.execute("SET synchronous_commit = on")
        return connection

    def _live(self) -> "psycopg.Connection[tuple[Any, ...]]":
        if self._connection.closed and not self._writing:
            self._connection = self._connect()
        return self._connection

    def execute(self, sql: str, values: Values = ()) -> Rows:
        """Run one statement; see Session. One that stands by itself is sent anew if the connection was found lost."""
        statement = sql.replace("?", "%s").encode()
        try:
            return self._live().execute(statement, tuple(values))
        except psycopg.OperationalError:
            if self._writing or not self._connection.closed:
                raise
        return self._live().execute(statement, tuple(values))

    def insert(self, table: str, rows: Sequence[Values]) -> None:
        """Add rows, in one round trip; see Session."""
        if rows:
            self.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)  # noqa: S608  # the names are ours

    def executemany(self, sql: str, rows: Sequence[Values]) -> None:
        """Run one statement for each row; see Session."""
        if rows:
            self._live().cursor().executemany(sql.replace("?", "%s").encode(), [tuple(row) for row in rows])

    def check(self) -> None:
        """Do nothing: a server that is gone fails each statement; see Session."""

    def begin(self) -> None:
        """Begin to write; see Session."""
        self.execute("BEGIN")
        self._writing = True

    def commit(self) -> None:
        """Return when everything is durable; see Session."""
        self._connection.execute("COMMIT")
        self._writing = False

    def rollback(self) -> None:
        """Undo; see Session."""
        self._writing = False
        with contextlib.suppress(psycopg.Error):
            if self._connection.info.transaction_status != TransactionStatus.IDLE:
                self._connection.rollback()

    def close(self) -> None:
        """Release the connection; see Session."""
        self._connection.close()


class PostgresDatabase:
    """The two databases."""

    failures: tuple[type[Exception], ...] = (psycopg.Error,)
    lock_row = " FOR UPDATE"

    def __init__(self, log: str, keys: str) -> None:
        """Take two addresses, as URLs or key words, and migrate both. Raises DataDirectoryError."""
        self._log, self._keys = log, keys
        self.repairs: list[str] = []
        self._led: tuple[Session, int] | None = None
        self._months: set[str] = set()
        for address, migrations, name in ((log, schema.LOG, "the log"), (keys, schema.KEYS, "the key store")):
            try:
                _prepare_database(address, migrations, name)
            except psycopg.Error as error:
                raise DataDirectoryError(f"the database of {name} cannot be used: {_words(error)}") from None

    def open_log(self) -> Session:
        """Connect to the log; see Database."""
        return PostgresSession(self._log)

    def open_keys(self) -> Session:
        """Connect to the key store; see Database."""
        return PostgresSession(self._keys)

    def lead(self, session: Session) -> bool:
        """Integrate if no other instance does; see Database."""
        assert isinstance(session, PostgresSession)
        if self._led == (session, session.generation):
            return True
        (got,) = session.execute("SELECT pg_try_advisory_lock(?)", (_LEADER,)).fetchone()
        self._led = (session, session.generation) if got else None
        return bool(got)

    def prepare(self, session: Session, micros: int) -> None:
        """Make this month's partition and the next one's, unless they are there; see Database."""
        month = _month(micros, 0)
        if month[0] in self._months:
            return
        (there,) = session.execute("SELECT to_regclass(?)", (month[0],)).fetchone()
        if there:
            self._months.add(month[0])
            return
        for name, start, end in (month, _month(micros, 1)):
            session.execute(
                f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF record FOR VALUES FROM ({start}) TO ({end})"
            )

    def scrub(self, session: Session, tables: Sequence[str]) -> bool:
        """Have the server reclaim deleted rows; its WAL and archives keep them until they are recycled."""
        for table in tables:
            session.execute(f"VACUUM {table}")
        return True

    def close(self) -> None:
        """Do nothing: locks end with their sessions."""


def _prepare_database(address: str, migrations: Sequence[str], name: str) -> None:
    session = PostgresSession(address)
    try:
        if session.execute("SHOW fsync").fetchone() != ("on",):
            raise DataDirectoryError(f"the database of {name} runs with fsync off: a commit would not be durable")
        session.execute("SELECT pg_advisory_lock(?)", (_MIGRATING,))
        _check_locks(address, name)
        schema.migrate(session, migrations, DIALECT, f"the database of {name}")
    finally:
        session.close()


def _check_locks(address: str, name: str) -> None:
    """Refuse a database that gives to two sessions a lock that one of them holds: two instances would sign two trees."""
    other = PostgresSession(address)
    try:
        (got,) = other.execute("SELECT pg_try_advisory_lock(?)", (_MIGRATING,)).fetchone()
    finally:
        other.close()
    if got:
        raise DataDirectoryError(
            f"the database of {name} has advisory locks that lock nothing; see deploy/POSTGRESQL.md"
        )


def _month(micros: int, ahead: int) -> tuple[str, int, int]:
    """Return the partition of a month: its name, its first microsecond, and the first after it."""
    moment = datetime.fromtimestamp(micros // 1_000_000, UTC)
    first = moment.year * 12 + moment.month - 1 + ahead
    start, end = (datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC) for number in (first, first + 1))
    return f"record_{start:%Y_%m}", int(start.timestamp()) * 1_000_000, int(end.timestamp()) * 1_000_000


def _words(error: psycopg.Error) -> str:
    """Return what the server said, in one line and without the address, which may hold a password."""
    return str(error.diag.message_primary or type(error).__name__).partition("\n")[0]
