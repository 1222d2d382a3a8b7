"""Which law was in force when: each activation is a record of the decision log, and the law itself is kept beside it."""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from screening import release
from screening.bundle import Bundle
from screening.decisionlog.port import DecisionLog
from screening.decisionlog.record import ACTIVATION, LAW, make
from screening.errors import LogUnavailable
from screening.reload import Told

_WATCHED = "law"
"""What a change of law is told under."""
RETRY_SECONDS = 1.0


class Activations:
    """Records what came into force. One that cannot be recorded at once is tried again."""

    def __init__(
        self,
        log: DecisionLog,
        bundle: Callable[[], Bundle],
        clock: Callable[[], datetime],
        new_id: Callable[[datetime], str],
    ) -> None:
        self._log = log
        self._bundle = bundle
        self._clock = clock
        self._new_id = new_id
        self._came = asyncio.Event()
        self._recorded = ""
        """Revision of the bundle that was activated last."""

    async def begin(self) -> None:
        """Record the law that the service starts with, unless it was the last to be activated.

        Raises DataFileError if a later release was in force before, LogUnavailable.
        """
        before = await self._last()
        release.check_order(self._bundle().serial, before.get("serial", 0))
        self._recorded = before.get("bundle", "")
        await self._record()

    def told(self, tell: Told) -> Told:
        """Return `tell` with the recording of a new law added to it."""

        def both(name: str, problem: str) -> None:
            tell(name, problem)
            if name == _WATCHED and not problem:
                self._came.set()

        return both

    async def run(self) -> None:
        """Record each law that comes into force, until cancelled."""
        while True:
            await self._came.wait()
            self._came.clear()
            try:
                await self._record()
            except LogUnavailable:
                await asyncio.sleep(RETRY_SECONDS)
                self._came.set()

    async def _record(self) -> None:
        bundle = self._bundle()
        if await self._log.find_bundle(bundle.revision) != bundle.packed:
            await self._log.keep_bundle(bundle.revision, bundle.packed)
        if bundle.revision == self._recorded:
            return
        now = self._clock()
        record = make(ACTIVATION, self._new_id(now), now, {"bundle": bundle.revision, "serial": bundle.serial})
        await self._log.annotate(record, [LAW])
        self._recorded = bundle.revision

    async def _last(self) -> dict[str, Any]:
        marks = await self._log.marks(LAW)
        if not marks:
            return {}
        (stored,) = await self._log.read(marks[-1].index, 1)
        found: dict[str, Any] = json.loads(stored.canonical)
        return found
