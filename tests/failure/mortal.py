"""A process that writes a decision log and dies at a chosen write, or sees it fail: `python -m tests.failure.mortal`.

It prints the id of each record once the log has acknowledged it, and at the end how many writes it made. What was not
acknowledged is asked for anew, as a caller would: with the same request_id, and another record.
"""

import argparse
import asyncio
import contextlib
import functools
import itertools
import json
import os
import signal
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import structlog
from screening.bundle import pack, revision
from screening.config import Settings
from screening.decisionlog.port import Appended, Erasure
from screening.decisionlog.record import ERASURE, HOLD, RELEASE, make
from screening.errors import DataDirectoryError, LogUnavailable
from screening.recorded import open_checkpoints, open_log
from screening.storage import durable_file
from screening.storage.checkpoints import Checkpoints
from screening.storage.log import SqlLog
from screening.storage.postgres import PostgresSession
from screening.storage.sqlite import SqliteSession
from screening.storage.tile_files import TileFiles
from screening.transport.identity import new_id

from tests.logs import START, sealed_decision

BATCHES, RECORDS, TRIES = 3, 3, 20
NOT_STARTED = 2
DONE = "writes"
LAW = {"laws/a.yaml": "law"}
_Result = TypeVar("_Result")
_WRITES = ("execute", "insert", "executemany", "begin", "commit")


def main() -> None:
    """Write, and die if a point was given."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # standard output has ids alone
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--database", default="")
    parser.add_argument("--keys-database", default="")
    parser.add_argument("--point", type=int, default=0, help="which write to die at, from 1; 0: none")
    parser.add_argument("--after", action="store_true", help="die when the write was done, not before it")
    parser.add_argument("--fail", action="store_true", help="do not die: the write raises what its engine raises")
    given = parser.parse_args()
    settings = Settings(data=given.data, database=given.database, keys_database=given.keys_database)
    end = _fail if given.fail else _die
    writes = _make_mortal(given.point, end, after=given.after)
    asyncio.run(_write(settings))
    print(DONE, next(writes) - 1, flush=True)  # noqa: T201  # what the parent reads


def _die(_failure: type[Exception]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _fail(failure: type[Exception]) -> None:
    raise failure("this write fails")


def _make_mortal(point: int, end: Callable[[type[Exception]], None], *, after: bool) -> "itertools.count[int]":
    """Make every statement and every file written a point at which it may end; return their counter."""
    numbers = itertools.count(1)

    def mortal(write: Callable[..., Any], failure: type[Exception]) -> Callable[..., Any]:
        @functools.wraps(write)
        def wrapped(*given: Any, **named: Any) -> Any:
            now = next(numbers) == point
            if now and not after:
                end(failure)
            result = write(*given, **named)
            if now:
                end(failure)
            return result

        return wrapped

    for session, failure in ((SqliteSession, sqlite3.OperationalError), (PostgresSession, psycopg.OperationalError)):
        for name in _WRITES:
            setattr(session, name, mortal(getattr(session, name), failure))
    durable_file.write = mortal(durable_file.write, OSError)
    TileFiles._write = mortal(TileFiles._write, OSError)  # type: ignore[method-assign]
    return numbers


async def _write(settings: Settings) -> None:
    log, checkpoints = await _opened(settings)
    for batch in range(BATCHES):
        appended = await _insist(functools.partial(_append, log, settings, batch))
        await checkpoints.tick()
    last = appended[-1]
    stored = await _insist(lambda: log.read(last.index, 1))
    identity = json.loads(stored[0].canonical)["id"]
    for kind in (HOLD, RELEASE):
        await _insist(functools.partial(_annotate, log, kind, appended[0].index))
    await _insist(lambda: log.keep_bundle(revision(LAW, {}), pack(LAW, {})))
    await _insist(lambda: _erase(log, Erasure(identity, last.index, identity)))
    await checkpoints.tick(last=True)
    await log.close()


async def _opened(settings: Settings) -> tuple[SqlLog, Checkpoints]:
    """Open the log; where that fails the process ends, as a service that must not start does."""
    try:
        log = open_log(settings)
        return log, await open_checkpoints(settings, log)
    except (DataDirectoryError, OSError) as error:
        raise SystemExit(NOT_STARTED) from error


async def _insist(work: Callable[[], Awaitable[_Result]]) -> _Result:
    """Do something until the log takes it."""
    for _ in range(TRIES):
        with contextlib.suppress(LogUnavailable):
            return await work()
        await asyncio.sleep(0.05)
    raise AssertionError("the log did not recover")


async def _append(log: SqlLog, settings: Settings, batch: int) -> list[Appended]:
    records = [sealed_decision(settings, f"request-{batch}" if place == 0 else "") for place in range(RECORDS)]
    appended = await log.append(records)
    for record, outcome in zip(records, appended, strict=True):
        first = json.loads(outcome.earlier.canonical)["id"] if outcome.earlier else record.id
        print(first, flush=True)  # noqa: T201  # what the parent reads
    return appended


async def _annotate(log: SqlLog, kind: str, index: int) -> None:
    (stored,) = await log.read(index, 1)
    identity = json.loads(stored.canonical)["id"]
    record = make(kind, new_id(START), START, {"decisions": [identity]})
    await log.annotate(record, [identity])
    print(record.id, flush=True)  # noqa: T201


async def _erase(log: SqlLog, doomed: Erasure) -> None:
    record = make(ERASURE, new_id(START), START, {"decisions": [doomed.decision_id]})
    await log.erase(record, [doomed])
    print(record.id, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
