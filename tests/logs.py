"""Decision logs for tests."""

import itertools
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from screening import clock
from screening.config import Settings
from screening.decisionlog.record import Idempotency, Json, Listing, Record, make
from screening.recorded import open_checkpoints, open_log, open_sealer
from screening.storage.log import SqlLog
from screening.storage.sqlite import LOG, SqliteDatabase
from screening.transport.identity import new_id

START = datetime(2026, 11, 20, tzinfo=UTC)
_numbers = itertools.count()


def sqlite_log(directory: Path, now: Callable[[], datetime] = clock.now) -> SqlLog:
    """Return a log in SQLite files."""
    return SqlLog(SqliteDatabase(directory), now)


def settings_of(directory: Path) -> Settings:
    """Return settings with data and anchor below a directory."""
    return Settings(listen="127.0.0.1:0", data=directory / "data")


def sealed_decision(settings: Settings, request: str = "") -> Record:
    """Return a decision record with a sealed part of its own, and with a request_id if one is given."""
    number = next(_numbers)
    time = START + timedelta(seconds=number)
    identity = new_id(time)
    sealed = open_sealer(settings).seal(b"secret", identity)
    fields: dict[str, Json] = {
        "n": number,
        "outcome": "DENY",
        "rules": ["r.one"],
        "request": request,
        "sealed": sealed.fields(),
    }
    return make(
        "decision",
        identity,
        time,
        fields,
        listing=Listing("ScreenEmployment", 5, 0, ("r.one",), "la_city", "b"),
        wrapped_key=(sealed.key_id, sealed.wrapped_key),
        references=(identity.encode(),),
        idempotency=Idempotency("caller", request.encode(), b"body") if request else None,
    )


async def write_log(settings: Settings, records: int, *, publish: bool = True) -> list[Record]:
    """Append records to the log of settings, and publish a checkpoint at the end as a service does."""
    log = open_log(settings)
    checkpoints = await open_checkpoints(settings, log)
    made = [sealed_decision(settings) for _ in range(records)]
    await log.append(made)
    if publish:
        await checkpoints.tick(last=True)
    await log.close()
    return made


def alter(settings: Settings, store: str, *statements: str) -> None:
    """Run statements in a store, LOG or KEYS, as somebody beside the service may."""
    if settings.database:
        with psycopg.connect(settings.database if store == LOG else settings.keys_database) as connection:
            for statement in statements:
                connection.execute(statement.encode())
        return
    with closing(sqlite3.connect(settings.data / store, isolation_level=None)) as database:
        for statement in statements:
            database.execute(statement)
