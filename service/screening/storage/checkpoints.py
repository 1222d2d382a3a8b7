"""Checkpoints at an interval and at the end: integrate, export, anchor; and record what the storage had to repair."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from screening.decisionlog.checkpoint import Checkpoint, Signer
from screening.decisionlog.port import DecisionLog
from screening.decisionlog.record import REPAIR, make
from screening.errors import LogTampered, LogUnavailable
from screening.storage import timestamp
from screening.storage.anchor import Anchor
from screening.storage.tile_files import TileFiles
from screening.storage.timestamp import Authority

_STAMP_AGAIN = timedelta(minutes=1)


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
        """Times that a checkpoint could not be made, exported, anchored or stamped, for whatever reason."""
        self._stamp_again = datetime.min.replace(tzinfo=UTC)
        """Before this time no authority is asked again that did not stamp."""

    async def run_forever(self, seconds: float) -> None:
        """Checkpoint every so many seconds, until cancelled."""
        while True:
            await self.tick()
            await asyncio.sleep(seconds)

    async def tick(self, *, last: bool = False) -> None:
        """Record repairs, integrate what came, and publish the checkpoint; `last` keeps it for good. Never raises.

        What fails is counted and logged, and tried again at the next tick.
        """
        if last:
            await self.tick()  # what this one finds to repair is recorded by the last one
        try:
            self._repairs += [*self._log.repairs(), *self._places.tiles.repairs()]
            await self._record(self._repairs)
            self._repairs = []
            checkpoint = None if self.tampered else await self._log.integrate(self._signer)
        except LogUnavailable:
            return
        except LogTampered as error:
            self.tampered = True
            self._events.error("log.tampered", problem=str(error))
            return
        except Exception as error:  # noqa: BLE001  # whatever it is, receipts promise further checkpoints
            self._failed("make", error)
            return
        if checkpoint and (last or checkpoint.head.size != self._published):
            await self._publish(checkpoint, last=last)
        await self._stamp()

    async def _publish(self, checkpoint: Checkpoint, *, last: bool) -> None:
        """Export and anchor; an export that fails keeps nothing from being anchored."""
        exported = await self._done("export", self._places.tiles.publish(checkpoint, self._log))
        put = asyncio.to_thread(self._places.anchor.put, checkpoint, self._clock(), keep=last)
        if await self._done("anchor", put) and exported:
            self._published = checkpoint.head.size

    async def _stamp(self) -> None:
        """Have the newest kept checkpoint stamped that has no time stamp yet; after a failure, only after a while."""
        authority = self._places.authority
        if authority is None or self._clock() < self._stamp_again:
            return
        if not await self._done("stamp", asyncio.to_thread(_stamp_newest, authority, self._places.anchor)):
            self._stamp_again = self._clock() + _STAMP_AGAIN

    async def _done(self, step: str, work: Awaitable[object]) -> bool:
        """Say whether a step succeeded; a failure is counted and logged by its class alone."""
        try:
            await work
        except Exception as error:  # noqa: BLE001  # as above
            self.tampered = self.tampered or isinstance(error, LogTampered)
            self._failed(step, error)
            return False
        return True

    def _failed(self, step: str, error: Exception) -> None:
        self.unpublished += 1
        self._events.error("log.checkpoint_not_published", step=step, error=type(error).__name__)

    async def _record(self, repairs: Sequence[str]) -> None:
        now = self._clock()
        records = [make(REPAIR, self._new_id(now), now, {"what": what}) for what in repairs]
        if records:
            await self._log.append(records)


def _stamp_newest(authority: Authority, anchor: Anchor) -> None:
    if unstamped := anchor.unstamped(timestamp.SUFFIX):
        authority.stamp(unstamped[-1])
