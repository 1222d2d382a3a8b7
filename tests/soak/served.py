"""The service as `screening serve` runs it, but with a wall clock that can be put forward and back.

SIGUSR1 makes it read the file SOAK_CLOCK anew: seconds by which the clock is off.
"""

import asyncio
import gc
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvloop
from screening import config
from screening.cli.serve import COLLECT_AFTER, SWITCH_INTERVAL_SECONDS
from screening.telemetry import logs
from screening.wiring import running


class HandClock:
    """A wall clock that is moved by hand."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._shift = timedelta()

    def move(self) -> None:
        """Read anew how far it is off."""
        self._shift = timedelta(seconds=float(self._file.read_text(encoding="ascii")))

    def __call__(self) -> datetime:
        """Return the time of now."""
        return datetime.now(UTC) + self._shift


async def main() -> None:
    """Serve until SIGTERM."""
    hand = HandClock(Path(os.environ["SOAK_CLOCK"]))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, hand.move)
    async with running(config.from_environ(os.environ), hand) as app:
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECT_AFTER)
        sys.stdout.write(f"{app.port}\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    logs.configure()
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    uvloop.run(main())
