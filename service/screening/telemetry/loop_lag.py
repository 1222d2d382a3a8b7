"""How late the event loop wakes: what every call waits on top of its own work."""

import asyncio
import time

from screening.telemetry.distribution import Distribution

EVERY_SECONDS = 0.1
_BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class LoopLag:
    """Sleeps again and again, and counts by how much too long."""

    def __init__(self) -> None:
        self.seconds = Distribution(_BOUNDS)

    async def watch(self) -> None:
        """Measure until cancelled."""
        while True:
            due = time.perf_counter() + EVERY_SECONDS
            await asyncio.sleep(EVERY_SECONDS)
            self.seconds.observe(max(0.0, time.perf_counter() - due))
