"""A decision log in memory that enforces what the real ones promise. For tests and for deciding without a service."""

from collections.abc import Callable, Sequence
from datetime import datetime

from screening.decisionlog.port import Appended, Filter, Stored
from screening.decisionlog.record import DECISION, Idempotency, Record, leaf_hash
from screening.errors import LogUnavailable


class MemoryLog:
    """A DecisionLog that forgets everything when it is dropped, and fails when `broken` is set."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._records: list[tuple[Record, Stored]] = []
        self._requests: dict[tuple[str, bytes], tuple[bytes, int]] = {}
        self.broken = False

    async def append(self, records: Sequence[Record]) -> list[Appended]:
        """Append records; see DecisionLog."""
        if self.broken:
            raise LogUnavailable
        return [self._append(record) for record in records]

    def _append(self, record: Record) -> Appended:
        if record.leaf_hash != leaf_hash(record.canonical):
            raise AssertionError("the leaf hash is not that of the canonical bytes")
        if any(record.id == known.id for known, _ in self._records):
            raise AssertionError("a record id stands twice")
        claim = record.idempotency
        if claim:
            body_key, index = self._requests.setdefault(
                (claim.caller, claim.request_key), (claim.body_key, len(self._records))
            )
            if index < len(self._records):
                stored = self._records[index][1]
                return Appended(index, stored.leaf_hash, stored.durable_time, stored, body_key == claim.body_key)
        wrapped = record.wrapped_key[1] if record.wrapped_key else None
        stored = Stored(len(self._records), record.canonical, record.leaf_hash, self._clock(), wrapped)
        self._records.append((record, stored))
        return Appended(stored.index, stored.leaf_hash, stored.durable_time)

    async def find_decision(self, decision_id: str) -> Stored | None:
        """Return a decision record by id; see DecisionLog."""
        found = (stored for record, stored in self._records if record.id == decision_id and record.kind == DECISION)
        return next(found, None)

    async def find_request(self, idempotency: Idempotency) -> tuple[Stored, bool] | None:
        """Return the record that answered a request_id; see DecisionLog."""
        found = self._requests.get((idempotency.caller, idempotency.request_key))
        return (self._records[found[1]][1], found[0] == idempotency.body_key) if found else None

    async def list_decisions(self, chosen: Filter, limit: int) -> list[Stored]:
        """Return decision records, newest first; see DecisionLog."""
        return [stored for record, stored in reversed(self._records) if _matches(record, stored, chosen)][:limit]

    def writable(self) -> bool:
        """Say whether appends succeed."""
        return not self.broken

    async def close(self) -> None:
        """Do nothing."""


def _matches(record: Record, stored: Stored, chosen: Filter) -> bool:
    listing = record.listing
    return (
        listing is not None
        and (chosen.start_time is None or record.time >= chosen.start_time)
        and (chosen.end_time is None or record.time < chosen.end_time)
        and (chosen.outcome is None or listing.outcome == chosen.outcome)
        and (chosen.city_unit is None or listing.city_unit == chosen.city_unit)
        and (chosen.rule_id is None or chosen.rule_id in listing.rule_ids)
        and (chosen.before_index is None or stored.index < chosen.before_index)
    )
