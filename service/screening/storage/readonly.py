"""Stores opened to be read only, by auditors and in processes of their own; so they are plain values."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

import psycopg

from screening.storage.database import Session
from screening.storage.postgres import PostgresSession
from screening.storage.sqlite import KEYS, LOG, SqliteSession


class Store(Protocol):
    """Where a log can be read."""

    def open_log(self) -> Session:
        """Connect to the log."""

    def open_keys(self) -> Session:
        """Connect to the key store."""


@dataclass(frozen=True)
class SqliteFiles:
    """The files of a data directory, or of a copy of one."""

    directory: Path
    failures: ClassVar[tuple[type[Exception], ...]] = (sqlite3.Error,)

    def open_log(self) -> Session:
        """Connect to the log; see Store."""
        return _ReadOnly(self.directory / LOG)

    def open_keys(self) -> Session:
        """Connect to the key store; see Store."""
        return _ReadOnly(self.directory / KEYS)


@dataclass(frozen=True)
class PostgresServers:
    """The two databases, by their addresses."""

    log: str
    keys: str
    failures: ClassVar[tuple[type[Exception], ...]] = (psycopg.Error,)

    def open_log(self) -> Session:
        """Connect to the log; see Store."""
        return PostgresSession(self.log, read_only=True)

    def open_keys(self) -> Session:
        """Connect to the key store; see Store."""
        return PostgresSession(self.keys, read_only=True)


class _ReadOnly(SqliteSession):
    """A session whose file is opened for reading; a statement that writes fails in SQLite."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
