"""A decision log in memory that enforces what the real ones promise. For tests and for deciding without a service."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from screening.decisionlog.checkpoint import Checkpoint, Signer
from screening.decisionlog.port import Appended, Erasure, Filter, Mark, Stored
from screening.decisionlog.record import DECISION, HOLD, RELEASE, Idempotency, Record, leaf_hash
from screening.decisionlog.tile import Edge, TileId
from screening.errors import LogUnavailable, OnHold


class MemoryLog:
    """A DecisionLog that forgets everything when it is dropped, and fails when `broken` is set."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._records: list[tuple[Record, Stored]] = []
        self._requests: dict[tuple[str, bytes], tuple[bytes, int]] = {}
        self._references: set[tuple[bytes, int]] = set()
        self._marks: dict[str, list[Mark]] = {}
        self._bundles: dict[str, bytes] = {}
        self._edge = Edge()
        self._tiles: dict[TileId, bytes] = {}
        self._checkpoint: Checkpoint | None = None
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
            place = (claim.caller, claim.request_key)
            body_key, index = self._requests.setdefault(place, (claim.body_key, len(self._records)))
            if index < len(self._records):
                stored = self._records[index][1]
                return Appended(index, stored.leaf_hash, stored.durable_time, stored, body_key == claim.body_key)
        wrapped = record.wrapped_key[1] if record.wrapped_key else None
        time = max([self._clock(), *(stored.durable_time for _, stored in self._records[-1:])])
        stored = Stored(len(self._records), record.canonical, record.leaf_hash, time, wrapped)
        self._records.append((record, stored))
        self._references |= {(reference, stored.index) for reference in record.references}
        return Appended(stored.index, stored.leaf_hash, stored.durable_time)

    async def find_decision(self, decision_id: str) -> Stored | None:
        """Return a decision record by id; see DecisionLog."""
        found = (stored for record, stored in self._records if record.id == decision_id and record.kind == DECISION)
        return next(found, None)

    async def find_request(self, idempotency: Idempotency) -> tuple[Stored, bool] | None:
        """Return the record that answered a request_id; see DecisionLog."""
        found = self._requests.get((idempotency.caller, idempotency.request_key))
        return (self._records[found[1]][1], found[0] == idempotency.body_key) if found else None

    async def find_references(self, references: Sequence[bytes]) -> list[int]:
        """Return the places of the records that carry any of these keyed hashes; see DecisionLog."""
        return sorted({index for reference, index in self._references if reference in references})

    async def list_decisions(self, chosen: Filter, limit: int) -> list[Stored]:
        """Return decision records, newest first; see DecisionLog."""
        return [stored for record, stored in reversed(self._records) if _matches(record, stored, chosen)][:limit]

    async def read(self, start: int, limit: int) -> list[Stored]:
        """Return records in order; see DecisionLog."""
        return [stored for _, stored in self._records[start : start + limit]]

    async def marks(self, decision_id: str) -> list[Mark]:
        """Return the later records about a decision; see DecisionLog."""
        return list(self._marks.get(decision_id, []))

    async def integrate(self, signer: Signer) -> Checkpoint | None:
        """Put all records into the tree; see DecisionLog."""
        fresh = [stored.leaf_hash for _, stored in self._records[self._edge.size :]]
        if fresh or self._checkpoint is None:
            self._tiles |= dict(self._edge.extend(fresh))
            self._tiles |= dict(self._edge.partial())
            self._checkpoint = signer.sign(self._edge.size, self._edge.root())
        return self._checkpoint

    async def checkpoint(self) -> Checkpoint | None:
        """Return the newest checkpoint; see DecisionLog."""
        return self._checkpoint

    async def tiles(self, wanted: Iterable[TileId]) -> dict[TileId, bytes]:
        """Return the tiles that are there; see DecisionLog."""
        return {each: self._tiles[each] for each in wanted if each in self._tiles}

    async def erase(self, record: Record, doomed: Sequence[Erasure]) -> Appended:
        """Append the record of an erasure and forget keys and look-ups; see DecisionLog."""
        held = [each.decision_id for each in doomed if self._on_hold(each.decision_id)]
        if held:
            raise OnHold(held)
        appended = await self.annotate(record, [each.decision_id for each in doomed])
        for each in doomed:
            old, stored = self._records[each.index]
            self._records[each.index] = (old, replace(stored, wrapped_key=None))
        gone = {each.index for each in doomed}
        self._references = {pair for pair in self._references if pair[1] not in gone}
        self._requests = {key: value for key, value in self._requests.items() if value[1] not in gone}
        return appended

    async def annotate(self, record: Record, decision_ids: Sequence[str]) -> Appended:
        """Append a record about decisions; see DecisionLog."""
        (appended,) = await self.append([record])
        for decision_id in decision_ids:
            self._marks.setdefault(decision_id, []).append(Mark(record.kind, appended.index))
        return appended

    def _on_hold(self, decision_id: str) -> bool:
        kinds = [mark.kind for mark in self._marks.get(decision_id, [])]
        return kinds.count(HOLD) > kinds.count(RELEASE)

    async def keep_bundle(self, revision: str, packed: bytes) -> None:
        """Keep the law of decisions by its hash; see DecisionLog."""
        self._bundles[revision] = packed

    async def find_bundle(self, revision: str) -> bytes | None:
        """Return what was kept under a hash; see DecisionLog."""
        return self._bundles.get(revision)

    def repairs(self) -> list[str]:
        """Return nothing: memory needs no repair; see DecisionLog."""
        return []

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
