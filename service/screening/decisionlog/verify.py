"""Re-verifies a whole log from its records alone.

Integrity: every stored record is what was appended - canonical bytes, leaf hash, unbroken order, unique ids - and tiles
and checkpoints are those of these records. Completeness: nothing was cut off or replaced. Only a checkpoint that is kept
elsewhere can show that, and only for the records that it covers; for the rest it is unproven, never verified.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from screening.decisionlog.checkpoint import Checkpoint
from screening.decisionlog.merkle import HASH_BYTES
from screening.decisionlog.record import ERASURE, VERSION, canonical_bytes, leaf_hash
from screening.decisionlog.tile import Edge, TileId

MOST_FAULTS = 20
DIGEST_BYTES = 16


class Completeness(StrEnum):
    """Whether the log holds everything that it ever held."""

    VERIFIED = "verified"
    UNPROVEN = "unproven"
    BROKEN = "broken"


@dataclass(frozen=True)
class StoredRecord:
    """One record as storage gives it."""

    index: int
    id: str
    canonical: bytes
    leaf_hash: bytes
    key_id: str | None = None


@dataclass
class Checked:
    """What the check of a run of records found; runs are checked apart and added up in order."""

    leaves: bytearray = field(default_factory=bytearray)
    """Leaf hashes, computed from the records."""
    digests: bytearray = field(default_factory=bytearray)
    """Sixteen bytes of a hash of each record's id."""
    kinds: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[int, str]] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)
    """Ids of decisions that a record here says were erased."""
    keyless: list[tuple[int, str]] = field(default_factory=list)
    """Place and id of records whose key is not in the key store."""


@dataclass
class Report:
    """What a verification found."""

    records: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    """What is wrong, at most MOST_FAULTS of them."""
    fault_count: int = 0
    signed: int = 0
    """Records that the log's own newest checkpoint covers."""
    anchored: int = 0
    """Records that a checkpoint kept elsewhere covers."""
    anchors: int = 0
    """Checkpoints kept elsewhere that were compared."""
    missing: list[str] = field(default_factory=list)
    """What shows that records are gone."""
    erased: int = 0

    @property
    def integrity(self) -> bool:
        """Say whether everything that is there is what was appended."""
        return self.fault_count == 0

    @property
    def completeness(self) -> Completeness:
        """Say whether everything is there that ever was."""
        if self.missing:
            return Completeness.BROKEN
        whole = self.anchors > 0 and self.anchored == self.records
        return Completeness.VERIFIED if whole else Completeness.UNPROVEN

    def fault(self, text: str) -> None:
        """Note a fault."""
        self.fault_count += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(text)


def check(records: Iterable[StoredRecord], start: int) -> Checked:
    """Check a run of records that should begin at place `start`."""
    checked = Checked()
    for place, record in enumerate(records, start):
        if record.index != place:
            checked.faults.append((record.index, f"stands where {place} should"))
        leaf = leaf_hash(record.canonical)
        checked.leaves += leaf
        checked.digests += hashlib.sha256(record.id.encode()).digest()[:DIGEST_BYTES]
        if leaf != record.leaf_hash:
            checked.faults.append((record.index, "its bytes do not have the stored hash"))
        problem = _check_fields(record, checked)
        if problem:
            checked.faults.append((record.index, problem))
    return checked


def _check_fields(record: StoredRecord, checked: Checked) -> str:
    try:
        fields = json.loads(record.canonical)
        canonical = canonical_bytes(fields)
        kind, identity, version = fields["kind"], fields["id"], fields["v"]
        sealed = fields.get("sealed", {}).get("key")
        erased = fields["decisions"] if kind == ERASURE else ()
    except (ValueError, KeyError, TypeError, AttributeError):
        return "its bytes are no record"
    checked.kinds[kind] += 1
    checked.erased += erased
    if canonical != record.canonical:
        return "its bytes are not in canonical form"
    if identity != record.id:
        return "its id is not the one that it is stored under"
    if sealed != record.key_id:
        return "its key is not the one that it is stored under"
    return "it was written by a newer version" if version > VERSION else ""


class Verification:
    """Adds up checked runs in order, grows the tree from them, and compares it with every checkpoint that is passed."""

    def __init__(self, stored: Sequence[Checkpoint], anchored: Sequence[Checkpoint]) -> None:
        """Take the checkpoints in the log, and those that are kept elsewhere, their signatures checked."""
        self.report = Report(anchors=len(anchored))
        self.full: list[tuple[TileId, bytes]] = []
        """Tiles that became full since this list was last emptied."""
        self.edge = Edge()
        self._due: dict[int, list[tuple[Checkpoint, bool]]] = {}
        for checkpoints, elsewhere in ((stored, False), (anchored, True)):
            for checkpoint in checkpoints:
                self._due.setdefault(checkpoint.head.size, []).append((checkpoint, elsewhere))
        self._digests = bytearray()
        self._erased: set[str] = set()
        self._keyless: list[tuple[int, str]] = []
        self._compare()

    def add(self, checked: Checked) -> None:
        """Add the next run."""
        for index, problem in checked.faults:
            self.report.fault(f"record {index}: {problem}")
        self.report.kinds += checked.kinds
        self._digests += checked.digests
        self._erased.update(checked.erased)
        self._keyless += checked.keyless
        leaves = [bytes(checked.leaves[at : at + HASH_BYTES]) for at in range(0, len(checked.leaves), HASH_BYTES)]
        self._grow(leaves)

    def _grow(self, leaves: Sequence[bytes]) -> None:
        """Add leaf hashes, stopping at each size of which there is a checkpoint."""
        start, first = 0, self.edge.size
        for size in sorted(size for size in self._due if first < size <= first + len(leaves)):
            self.full += self.edge.extend(leaves[start : size - first])
            start = size - first
            self._compare()
        self.full += self.edge.extend(leaves[start:])

    def _compare(self) -> None:
        size = self.edge.size
        due = self._due.pop(size, ())
        if not due:
            return
        root = self.edge.root()
        for checkpoint, elsewhere in due:
            if checkpoint.head.root != root:
                where = "kept elsewhere" if elsewhere else "in the log"
                self.report.fault(f"the first {size} records are not those of the checkpoint {where}")
                if elsewhere:
                    self.report.missing.append(f"what a checkpoint kept elsewhere says of the first {size} records")
            elif elsewhere:
                self.report.anchored = max(self.report.anchored, size)
            else:
                self.report.signed = max(self.report.signed, size)

    def finish(self) -> Report:
        """Return the report, once all runs were added."""
        report = self.report
        report.records = self.edge.size
        for size, due in sorted(self._due.items()):
            if any(elsewhere for _, elsewhere in due):
                report.missing.append(
                    f"records {self.edge.size} to {size - 1}, which a checkpoint kept elsewhere covers"
                )
            if not all(elsewhere for _, elsewhere in due):
                report.missing.append(f"records {self.edge.size} to {size - 1}, which the log's own checkpoint covers")
        digests = sorted(
            bytes(self._digests[at : at + DIGEST_BYTES]) for at in range(0, len(self._digests), DIGEST_BYTES)
        )
        for one, another in pairwise(digests):
            if one == another:
                report.fault("a record's id stands twice")
        report.erased = len(self._erased)
        for index, identity in self._keyless:
            if identity not in self._erased:
                report.fault(f"record {index}: its key is gone, and no record says that it was erased")
        return report
