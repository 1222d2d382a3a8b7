"""A process that appends to a decision log as fast as it is let, until it is killed: `python -m tests.failure.loaded`.

It prints the ids of records once the log has acknowledged them; the first line says that it has begun.
"""

import argparse
import asyncio
import sys
from pathlib import Path

import structlog
from screening.config import Settings
from screening.recorded import open_checkpoints, open_log

from tests.logs import sealed_decision

WRITERS, RECORDS = 8, 3
BEGUN = "begun"


def main() -> None:
    """Write until the end."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # standard output has ids alone
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--database", default="")
    parser.add_argument("--keys-database", default="")
    given = parser.parse_args()
    asyncio.run(_write(Settings(data=given.data, database=given.database, keys_database=given.keys_database)))


async def _write(settings: Settings) -> None:
    log = open_log(settings)
    checkpoints = await open_checkpoints(settings, log)
    print(BEGUN, flush=True)  # noqa: T201  # what the parent reads

    async def writer() -> None:
        while True:
            records = [sealed_decision(settings) for _ in range(RECORDS)]
            await log.append(records)
            sys.stdout.write("".join(f"{record.id}\n" for record in records))
            sys.stdout.flush()
            await asyncio.sleep(0.01)

    await asyncio.gather(checkpoints.run_forever(0.05), *(writer() for _ in range(WRITERS)))


if __name__ == "__main__":
    main()
