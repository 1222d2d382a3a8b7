"""Records what was refused: the first few calls of a caller and minute one by one, the rest as one counted record."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from screening.decisionlog.port import DecisionLog
from screening.decisionlog.record import REFUSAL, REFUSALS, Json, Record, make, timestamp
from screening.decisionlog.refusals import Counted, Refusals
from screening.errors import InvalidField, LogUnavailable

FLUSH_SECONDS = 10.0
_MOST_FIELDS = 8


class Refuser:
    """Appends records of refused calls to the decision log. A refusal that cannot be recorded is still answered."""

    def __init__(self, log: DecisionLog, clock: Callable[[], datetime], new_id: Callable[[datetime], str]) -> None:
        self._log = log
        self._clock = clock
        self._new_id = new_id
        self._refusals = Refusals()
        self.unrecorded = 0
        """Refusals that could not be recorded because the log was unavailable."""

    async def record(self, *, caller: str, rpc: str, reason: str, trace_id: str, error: Exception) -> None:
        """Record one refused call, by itself or in its minute's count."""
        now = self._clock()
        records = [self._counted(counted) for counted in self._refusals.close(now)]
        if self._refusals.admit(caller, rpc, reason, now):
            wrong = error.violations if isinstance(error, InvalidField) else ()
            fields = sorted({violation.field for violation in wrong})
            about: dict[str, Json] = {
                "caller": caller,
                "rpc": rpc,
                "reason": reason,
                "trace": trace_id,
                "fields": fields[:_MOST_FIELDS],
            }
            records.append(make(REFUSAL, self._new_id(now), now, about))
        await self._append(records)

    async def flush_forever(self) -> None:
        """Append the counts of minutes that are over, until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def flush(self, *, everything: bool = False) -> None:
        """Append the counts of minutes that are over, or of all."""
        now = self._clock()
        await self._append([self._counted(counted) for counted in self._refusals.close(now, everything=everything)])

    async def _append(self, records: Sequence[Record]) -> None:
        if not records:
            return
        try:
            await self._log.append(records)
        except LogUnavailable:
            self.unrecorded += len(records)

    def _counted(self, counted: Counted) -> Record:
        counts: list[Json] = [
            {"rpc": rpc, "reason": reason, "count": number} for (rpc, reason), number in sorted(counted.counts.items())
        ]
        now = self._clock()
        about: dict[str, Json] = {
            "caller": counted.caller,
            "from": timestamp(counted.start),
            "to": timestamp(counted.end),
            "counts": counts,
        }
        return make(REFUSALS, self._new_id(now), now, about)
