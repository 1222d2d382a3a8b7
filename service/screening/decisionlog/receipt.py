"""Receipts: what a caller gets at once, the proof that completes it, and the check of both with nothing but a key."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from city.screening.v1 import decision_pb2

from screening.decisionlog import merkle, tile
from screening.decisionlog.checkpoint import BadNote, Checkpoint, VerifierKey, open_note
from screening.decisionlog.port import Appended, DecisionLog, Stored
from screening.decisionlog.record import leaf_hash


class NotIntegrated(LookupError):
    """No checkpoint covers the record yet."""


class ProofBroken(ValueError):
    """A proof does not hold; the text says where it breaks."""


@dataclass(frozen=True)
class Receipts:
    """What every receipt of one log says."""

    origin: str
    integration_seconds: int
    """Within how many seconds a checkpoint will cover a record."""

    def serialized(self, appended: Appended | Stored) -> bytes:
        """Return the receipt of a record as it goes over the wire."""
        own = decision_pb2.Receipt(log_index=appended.index, leaf_hash=appended.leaf_hash)
        return own.SerializeToString() + self._shared(appended.durable_time)

    def add(self, decision: decision_pb2.Decision, appended: Appended | Stored) -> None:
        """Add the receipt of its record to a decision."""
        decision.receipt.CopyFrom(self.of(appended))

    def of(self, appended: Appended | Stored) -> decision_pb2.Receipt:
        """Return the receipt of a record."""
        return decision_pb2.Receipt.FromString(self.serialized(appended))

    @lru_cache(maxsize=16)  # noqa: B019  # there is one instance, which lives as long as the service
    def _shared(self, durable_time: datetime) -> bytes:
        """Return what the receipts of one commit have in common."""
        common = decision_pb2.Receipt(log_origin=self.origin, integration_seconds=self.integration_seconds)
        common.durable_time.FromDatetime(durable_time)
        return common.SerializeToString()


@dataclass(frozen=True)
class InclusionProof:
    """That a record is in the log, under one checkpoint."""

    index: int
    record: bytes
    hashes: Sequence[bytes]
    checkpoint: str


async def prove_inclusion(log: DecisionLog, index: int, leaf: bytes) -> InclusionProof | None:
    """Return the proof of the record at a place; None if no record with that leaf hash stands there.

    Raises NotIntegrated, ProofBroken if the tree does not bear its own checkpoint out, LogUnavailable.
    """
    stored = await log.read(index, 1)
    if not stored or stored[0].index != index or stored[0].leaf_hash != leaf:
        return None
    checkpoint = await log.checkpoint()
    if checkpoint is None or checkpoint.head.size <= index:
        raise NotIntegrated
    size = checkpoint.head.size
    tiles = await log.tiles(tile.wanted(lambda nodes: merkle.inclusion_proof(index, size, nodes)))
    try:
        hashes = merkle.inclusion_proof(index, size, tile.nodes_of(tiles))
    except ValueError:
        raise ProofBroken("tiles are missing") from None
    if not merkle.verify_inclusion(index, size, leaf, hashes, checkpoint.head.root):
        raise ProofBroken("the tiles do not bear the checkpoint out")
    return InclusionProof(index, stored[0].canonical, hashes, checkpoint.note)


async def prove_consistency(log: DecisionLog, first: int) -> tuple[list[bytes], Checkpoint]:
    """Return the proof that the log of `first` records is a beginning of the newest checkpoint's, and that checkpoint.

    Raises NotIntegrated if the log was never that large, ProofBroken, LogUnavailable.
    """
    checkpoint = await log.checkpoint()
    if checkpoint is None or not 0 < first <= checkpoint.head.size:
        raise NotIntegrated
    size = checkpoint.head.size

    def walk(nodes: merkle.Nodes) -> list[bytes]:
        return [merkle.root(first, nodes), *merkle.consistency_proof(first, size, nodes)]

    try:
        root, *hashes = walk(tile.nodes_of(await log.tiles(tile.wanted(walk))))
    except ValueError:
        raise ProofBroken("tiles are missing") from None
    if not merkle.verify_consistency(first, size, root, checkpoint.head.root, hashes):
        raise ProofBroken("the tiles do not bear the checkpoint out")
    return hashes, checkpoint


def verify(
    proof: InclusionProof,
    keys: Sequence[VerifierKey],
    witnesses: Sequence[VerifierKey] = (),
    held: decision_pb2.Receipt | None = None,
) -> dict[str, str]:
    """Return the open fields of the record that a proof shows to be in the log. Raises ProofBroken.

    `held`: the receipt that came with the answer, of whose record the proof must be. Without it, the proof shows only that
    some record is in the log: a service that wrote an answer's record anew could prove that one.
    """
    try:
        head = open_note(proof.checkpoint, keys, witnesses).head
    except BadNote as error:
        raise ProofBroken(str(error)) from None
    if head.origin not in {key.name for key in keys}:
        raise ProofBroken("the checkpoint is that of another log")
    leaf = leaf_hash(proof.record)
    if held is not None and (held.log_origin, held.log_index, held.leaf_hash) != (head.origin, proof.index, leaf):
        raise ProofBroken("the record is not the one of the receipt")
    if not merkle.verify_inclusion(proof.index, head.size, leaf, proof.hashes, head.root):
        raise ProofBroken("the record is not in the tree of the checkpoint")
    try:
        fields = json.loads(proof.record)
        shown = ("kind", "id", "time", "rpc", "caller", "outcome", "unit", "pack", "bundle", "as_of", "basis")
        return {name: str(fields[name]) for name in shown if fields.get(name)}
    except (ValueError, AttributeError, RecursionError):
        raise ProofBroken("the record cannot be read") from None
