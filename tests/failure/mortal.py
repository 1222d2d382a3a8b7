"""A process that writes a decision log and dies at a chosen write: `python -m tests.failure.mortal`.

It prints the id of each record once the log has acknowledged it, and at the end how many writes it made.
"""

import argparse
import asyncio
import functools
import itertools
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from screening.config import Settings
from screening.decisionlog.port import Erasure
from screening.decisionlog.record import ERASURE, Idempotency, make
from screening.recorded import open_checkpoints, open_log
from screening.storage import durable_file
from screening.storage.postgres import PostgresSession
from screening.storage.sqlite import SqliteSession
from screening.transport.identity import new_id

from tests.logs import START, sealed_decision

BATCHES, RECORDS = 3, 3
DONE = "writes"
_WRITES = ("execute", "insert", "executemany", "begin", "commit")


def main() -> None:
    """Write, and die if a point was given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--database", default="")
    parser.add_argument("--keys-database", default="")
    parser.add_argument("--point", type=int, default=0, help="which write to die at, from 1; 0: none")
    parser.add_argument("--after", action="store_true", help="die when the write was done, not before it")
    given = parser.parse_args()
    settings = Settings(data=given.data, database=given.database, keys_database=given.keys_database)
    writes = _make_mortal(given.point, after=given.after)
    asyncio.run(_write(settings))
    print(DONE, next(writes) - 1, flush=True)  # noqa: T201  # what the parent reads


def _make_mortal(point: int, *, after: bool) -> "itertools.count[int]":
    """Make every statement and every file written a point at which this process may die; return their counter."""
    numbers = itertools.count(1)

    def mortal(write: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(write)
        def wrapped(*given: Any, **named: Any) -> Any:
            now = next(numbers) == point
            if now and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            result = write(*given, **named)
            if now:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return wrapped

    for session in (SqliteSession, PostgresSession):
        for name in _WRITES:
            setattr(session, name, mortal(getattr(session, name)))
    durable_file.write = mortal(durable_file.write)
    return numbers


async def _write(settings: Settings) -> None:
    log = open_log(settings)
    checkpoints = await open_checkpoints(settings, log)
    for batch in range(BATCHES):
        records = [sealed_decision(settings) for _ in range(RECORDS)]
        records[0] = replace(records[0], idempotency=Idempotency("caller", b"request-%d" % batch, b"body"))
        appended = await log.append(records)
        for record in records:
            print(record.id, flush=True)  # noqa: T201
        await checkpoints.tick()
    last = records[-1]
    assert last.wrapped_key is not None
    erasure = make(ERASURE, new_id(START), START, {"decisions": [last.id]})
    await log.erase(erasure, [Erasure(last.id, appended[-1].index, last.wrapped_key[0])])
    print(erasure.id, flush=True)  # noqa: T201
    await checkpoints.tick(last=True)
    await log.close()


if __name__ == "__main__":
    main()
