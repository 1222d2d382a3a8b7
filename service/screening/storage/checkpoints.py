"""Checkpoints at an interval and at the end: integrate, export, anchor; and record what the storage had to repair."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from screening.decisionlog.checkpoint import Checkpoint, Signer
from screening.decisionlog.port import DecisionLog
from screening.decisionlog.record import REPAIR, make
from screening.errors import DataDirectoryError, LogTampered, LogUnavailable
from screening.storage.anchor import Anchor
from screening.storage.tile_files import TileFiles
from screening.storage.timestamp import Authority


@dataclass(frozen=True)
class Places:
    """Where checkpoints go."""

    anchor: Anchor
    tiles: TileFiles
    authority: Authority | None = None


class Checkpoints:
    """Keeps the promise of every receipt. Owned by the event loop."""

    def __init__(
        self,
        log: DecisionLog,
        signer: Signer,
        places: Places,
        clock: Callable[[], datetime],
        new_id: Callable[[datetime], str],
    ) -> None:
        self._log = log
        self._signer = signer
        self._places = places
        self._clock = clock
        self._new_id = new_id
        self._events = structlog.get_logger()
        self._published = -1
        self._repairs: list[str] = []
        """Repairs that are not recorded yet, because the log could not be written."""
        self.tampered = False
        """Set when the log contradicts what was signed; nothing is signed any more, and readiness drops."""
        self.unpublished = 0
        """Times that a checkpoint could not be exported or anchored."""

    async def run_forever(self, seconds: float) -> None:
        """Checkpoint every so many seconds, until cancelled."""
        while True:
            await self.tick()
            await asyncio.sleep(seconds)

    async def tick(self, *, last: bool = False) -> None:
        """Record repairs, integrate what came, and publish the checkpoint; `last` keeps it for good."""
        if last:
            await self.tick()  # what this one finds to repair is recorded by the last one
        try:
            self._repairs += [*self._log.repairs(), *self._places.tiles.repairs()]
            await self._record(self._repairs)
            self._repairs = []
            checkpoint = None if self.tampered else await self._log.integrate(self._signer)
            if checkpoint and (last or checkpoint.head.size != self._published):
                await self._publish(checkpoint, last=last)
        except LogUnavailable:
            return
        except LogTampered as error:
            self.tampered = True
            self._events.error("log.tampered", problem=str(error))

    async def _publish(self, checkpoint: Checkpoint, *, last: bool) -> None:
        try:
            await self._places.tiles.publish(checkpoint, self._log)
            kept = await asyncio.to_thread(self._places.anchor.put, checkpoint, self._clock(), keep=last)
            self._published = checkpoint.head.size
            if kept and self._places.authority:
                await asyncio.to_thread(self._places.authority.stamp, checkpoint, kept)
        except (OSError, DataDirectoryError, LogUnavailable) as error:
            self.unpublished += 1
            self._events.error("log.checkpoint_not_published", size=checkpoint.head.size, error=type(error).__name__)

    async def _record(self, repairs: Sequence[str]) -> None:
        now = self._clock()
        records = [make(REPAIR, self._new_id(now), now, {"what": what}) for what in repairs]
        if records:
            await self._log.append(records)
