"""What the service needs of a decision log; `storage/` has the implementations."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from screening.decisionlog.checkpoint import Checkpoint, Signer
from screening.decisionlog.record import Idempotency, Record
from screening.decisionlog.tile import TileId


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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True)
class Mark:
    """A later record about a decision: kind `hold`, `release`, `erasure`, `supersede` or `fulfilment`."""

    kind: str
    index: int
    """The later record's place."""


@dataclass(frozen=True)
class Erasure:
    """What to destroy of one record: its data key and its look-up rows."""

    decision_id: str
    """Id of the record; mostly a decision."""
    index: int
    key_id: str


class DecisionLog(Protocol):
    """An append-only log of records in one total order, with its Merkle tree.

    Every method raises LogUnavailable if the storage does not answer.
    """

    async def append(self, records: Sequence[Record]) -> list[Appended]:
        """Append records and return when each is durable: it survives the death of process and machine.

        A record whose request_id the caller used before is not appended; its outcome names the earlier record. If the
        caller of this method is cancelled, the append goes on. Raises LogUnavailable if nothing is known to be durable.
        """

    async def find_decision(self, decision_id: str) -> Stored | None:
        """Return a decision record by id."""

    async def find_request(self, idempotency: Idempotency) -> tuple[Stored, bool] | None:
        """Return the record that answered a request_id, and whether the body is the same."""

    async def find_references(self, references: Sequence[bytes]) -> list[int]:
        """Return the places of the records that carry any of these keyed hashes, in order."""

    async def list_decisions(self, chosen: Filter, limit: int) -> list[Stored]:
        """Return up to `limit` decision records, newest first."""

    async def read(self, start: int, limit: int) -> list[Stored]:
        """Return up to `limit` records of any kind from place `start` on, in order."""

    async def marks(self, decision_id: str) -> list[Mark]:
        """Return the later records about a decision, in order."""

    async def integrate(self, signer: Signer) -> Checkpoint | None:
        """Put all durable records into the tree and return the newest checkpoint.

        A new one is signed only if records came. None: another instance integrates. Raises LogTampered if what is
        stored does not agree with the last checkpoint; then nothing is signed.
        """

    async def checkpoint(self) -> Checkpoint | None:
        """Return the newest checkpoint; None before the first."""

    async def tiles(self, wanted: Iterable[TileId]) -> dict[TileId, bytes]:
        """Return the tiles that are there; one on the right edge may be longer than the newest checkpoint says.

        Raises LogTampered if they do not agree with that checkpoint and the records cannot mend them.
        """

    async def erase(self, record: Record, doomed: Sequence[Erasure]) -> Appended:
        """Append the record of an erasure, then destroy the keys and look-up rows; a crash between is made good.

        Raises OnHold if a legal hold stands on any of them; then nothing is done.
        """

    async def annotate(self, record: Record, decision_ids: Sequence[str]) -> Appended:
        """Append a record about decisions: a hold or its release, that they are superseded, or that a duty was done."""

    async def keep_bundle(self, revision: str, packed: bytes) -> None:
        """Keep the law of decisions durably by its hash, so that they can be decided again later."""

    async def find_bundle(self, revision: str) -> bytes | None:
        """Return what was kept under a hash; whoever uses it checks that hash. None: nothing."""

    def repairs(self) -> list[str]:
        """Return what the storage repaired since the last call, as tokens to record."""

    def writable(self) -> bool:
        """Say whether appends are expected to succeed: the last one did, or a probe since, and none hangs."""

    async def close(self) -> None:
        """Finish what was accepted, then release everything."""
