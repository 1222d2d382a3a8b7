"""What the log needs of a database engine, so that one set of statements serves SQLite and PostgreSQL.

Statements write values as `?`, times as whole microseconds since 1970, and use only what both engines understand.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

Values = Sequence[object]


class Rows(Protocol):
    """The result of a statement."""

    @property
    def rowcount(self) -> int:
        """Number of rows that were changed."""

    def fetchone(self) -> Any:
        """Return the next row or None."""

    def fetchall(self) -> list[Any]:
        """Return all rows."""

    def __iter__(self) -> Iterator[Any]:
        """Yield the rows."""


class Session(Protocol):
    """One connection, used by one thread at a time. Outside `begin` and `commit` each statement stands by itself."""

    def execute(self, sql: str, values: Values = ()) -> Rows:
        """Run one statement."""

    def executemany(self, sql: str, rows: Sequence[Values]) -> None:
        """Run one statement for each row."""

    def insert(self, table: str, rows: Sequence[Values]) -> None:
        """Add rows to a table that may be followed by its columns, such as `tail (one, next_index)`."""

    def check(self) -> None:
        """Raise if files are no longer where they were opened, so that what is in them will not be found again."""

    def begin(self) -> None:
        """Begin to write; reconnects if the connection was lost."""

    def commit(self) -> None:
        """Return when everything since `begin` is durable, where it will be found again."""

    def rollback(self) -> None:
        """Undo everything since `begin`, or do nothing; never raises."""

    def close(self) -> None:
        """Release the connection."""


@contextlib.contextmanager
def writing(session: Session) -> Iterator[None]:
    """Write in one transaction: all of the block is durable at its end, or nothing of it."""
    try:
        session.begin()
        yield
        session.commit()
    except BaseException:
        session.rollback()
        raise


class Database(Protocol):
    """An engine with two stores: the log, and the wrapped keys apart from it."""

    failures: tuple[type[Exception], ...]
    """What its statements raise."""
    lock_row: str
    """What makes a SELECT inside a transaction hold its row against other instances."""

    repairs: list[str]
    """What was mended when it was opened, as tokens to record."""

    def open_log(self) -> Session:
        """Connect to the log."""

    def open_keys(self) -> Session:
        """Connect to the key store."""

    def lead(self, session: Session) -> bool:
        """Become, or stay, the one instance that integrates, for as long as the session lives."""

    def prepare(self, session: Session, micros: int) -> None:
        """Make room for records of a time, inside the transaction that will write them."""

    def scrub(self, session: Session, tables: Sequence[str]) -> bool:
        """Leave no trace in the files of what was deleted from tables, as far as the engine can; say whether that was done."""

    def close(self) -> None:
        """Release what is held beside sessions."""
