"""What the service needs of a decision log; `storage/` has the implementations."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from screening.decisionlog.record import Idempotency, Record


@dataclass(frozen=True)
class Stored:
    """A record as it stands in the log."""

    index: int
    """Its place, from 0."""
    canonical: bytes
    leaf_hash: bytes
    durable_time: datetime
    wrapped_key: bytes | None
    """None if the record has no sealed part, or if its key was erased."""


@dataclass(frozen=True)
class Appended:
    """The outcome of an append: the record's place, or the earlier record of the same request_id."""

    index: int
    leaf_hash: bytes
    durable_time: datetime
    earlier: Stored | None = None
    same_body: bool = True


@dataclass(frozen=True)
class Filter:
    """Which decisions to list. None means any; `before_index` is exclusive."""

    start_time: datetime | None = None
    end_time: datetime | None = None
    outcome: int | None = None
    rule_id: str | None = None
    city_unit: int | None = None
    before_index: int | None = None


class DecisionLog(Protocol):
    """An append-only log of records in one total order."""

    async def append(self, records: Sequence[Record]) -> list[Appended]:
        """Append records and return when each is durable: it survives the death of process and machine.

        A record whose request_id the caller used before is not appended; its outcome names the earlier record. If the
        caller of this method is cancelled, the append goes on. Raises LogUnavailable if nothing is known to be durable.
        """

    async def find_decision(self, decision_id: str) -> Stored | None:
        """Return a decision record by id. Raises LogUnavailable."""

    async def find_request(self, idempotency: Idempotency) -> tuple[Stored, bool] | None:
        """Return the record that answered a request_id, and whether the body is the same. Raises LogUnavailable."""

    async def list_decisions(self, chosen: Filter, limit: int) -> list[Stored]:
        """Return up to `limit` decision records, newest first. Raises LogUnavailable."""

    def writable(self) -> bool:
        """Say whether the last append succeeded."""

    async def close(self) -> None:
        """Finish what was accepted, then release everything."""
