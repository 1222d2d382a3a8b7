"""Re-verifies a whole log from its records alone.

Integrity: every stored record is what was appended - canonical bytes, leaf hash, columns, unbroken order, unique ids, time
that never goes back - and tiles, checkpoints and marks are those of these records. Completeness: nothing was cut off or replaced. Only a checkpoint that is kept
elsewhere can show that, and only for the records that it covers; for the rest it is unproven, never verified.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from screening.decisionlog.checkpoint import Checkpoint
from screening.decisionlog.columns import Columns, MarkRow, columns, marks
from screening.decisionlog.merkle import HASH_BYTES
from screening.decisionlog.record import ACTIVATION, ERASURE, VERSION, canonical_bytes, leaf_hash
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
    """One record as storage gives it. Whoever can write the storage may have put values of any type there."""

    index: int
    canonical: bytes
    leaf_hash: bytes
    durable_time: int
    """Microseconds since 1970."""
    columns: Columns


@dataclass
class Checked:
    """What the check of a run of records found; runs are checked apart and added up in order."""

    leaves: bytearray = field(default_factory=bytearray)
    """Leaf hashes, computed from the records."""
    digests: bytearray = field(default_factory=bytearray)
    """Sixteen bytes of a hash of each record's id."""
    kinds: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[int, str]] = field(default_factory=list)
    marks: list[MarkRow] = field(default_factory=list)
    """What the records here are about."""
    bundles: set[str] = field(default_factory=set)
    """Revisions of law that a record here says came into force."""
    durable: tuple[int, int] | None = None
    """First and last durable time."""
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
    cosigned: int | None = None
    """Records that a checkpoint kept elsewhere covers which every witness signed; None where no witness was asked for."""
    anchors: int = 0
    """Checkpoints kept elsewhere that were compared."""
    missing: list[str] = field(default_factory=list)
    """What shows that records are gone."""
    erased: int = 0
    keys_opened: bool = False
    """Whether every wrapped key was opened, because the key-encryption keys were at hand."""

    @property
    def integrity(self) -> bool:
        """Say whether everything that is there is what was appended."""
        return self.fault_count == 0

    @property
    def completeness(self) -> Completeness:
        """Say whether everything is there that ever was."""
        if self.missing:
            return Completeness.BROKEN
        covered = self.anchored if self.cosigned is None else min(self.anchored, self.cosigned)
        whole = self.anchors > 0 and covered == self.records
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
        canonical = _as_bytes(record.canonical)
        leaf = leaf_hash(canonical)
        checked.leaves += leaf
        checked.digests += hashlib.sha256(str(record.columns.id).encode()).digest()[:DIGEST_BYTES]
        if leaf != record.leaf_hash:
            checked.faults.append((record.index, "its bytes do not have the stored hash"))
        problems = (_check_fields(canonical, record, checked), _check_time(record.durable_time, checked))
        checked.faults += [(record.index, problem) for problem in problems if problem]
    return checked


def _as_bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""


def _check_fields(canonical: bytes, record: StoredRecord, checked: Checked) -> str:
    try:
        fields = json.loads(canonical)
        same = canonical_bytes(fields) == canonical
        expected, newer = columns(fields), fields["v"] > VERSION
        checked.kinds[expected.kind] += 1
        checked.marks += marks(fields, record.index)
        if expected.kind == ACTIVATION:
            checked.bundles.add(fields["bundle"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "its bytes are no record"
    if not same:
        return "its bytes are not in canonical form"
    if newer:
        return "it was written by a newer version"
    if expected == record.columns:
        return ""
    wrong = [name for name in Columns._fields if getattr(expected, name) != getattr(record.columns, name)]
    return f"what it is stored under is not what it says: {', '.join(wrong)}"


def _check_time(durable: object, checked: Checked) -> str:
    """See that the time of the commit, which stands in no record, does not go back."""
    if not isinstance(durable, int):
        return "its durable time is none"
    first, last = checked.durable or (durable, durable)
    checked.durable = first, max(last, durable)
    return "its durable time is before that of an earlier record" if durable < last else ""


class Verification:
    """Adds up checked runs in order, grows the tree from them, and compares it with every checkpoint that is passed."""

    def __init__(
        self,
        stored: Sequence[Checkpoint],
        anchored: Sequence[Checkpoint],
        cosigned: Sequence[Checkpoint] | None = None,
    ) -> None:
        """Take the checkpoints in the log, and those that are kept elsewhere, their signatures checked.

        `cosigned`: those of the latter that every witness signed; None: none was asked for.
        """
        self.report = Report(anchors=len(anchored), cosigned=None if cosigned is None else 0)
        self._cosigned = cosigned or ()
        self.full: list[tuple[TileId, bytes]] = []
        """Tiles that became full since this list was last emptied."""
        self.edge = Edge()
        self.marks: set[MarkRow] = set()
        """What the records so far are about."""
        self.bundles: set[str] = set()
        """Revisions of law that came into force."""
        self.durable = 0
        """Newest durable time so far."""
        self._due: dict[int, list[tuple[Checkpoint, bool]]] = {}
        for checkpoints, elsewhere in ((stored, False), (anchored, True)):
            for checkpoint in checkpoints:
                self._due.setdefault(checkpoint.head.size, []).append((checkpoint, elsewhere))
        self._digests = bytearray()
        self._keyless: list[tuple[int, str]] = []
        self._compare()

    def add(self, checked: Checked) -> None:
        """Add the next run."""
        for index, problem in checked.faults:
            self.report.fault(f"record {index}: {problem}")
        self.report.kinds += checked.kinds
        self._digests += checked.digests
        self.marks.update(checked.marks)
        self.bundles |= checked.bundles
        if checked.durable:
            first, last = checked.durable
            if first < self.durable:
                self.report.fault(f"record {self.edge.size}: its durable time is before that of an earlier record")
            self.durable = max(last, self.durable)
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
                if checkpoint in self._cosigned:
                    self.report.cosigned = max(self.report.cosigned or 0, size)
            else:
                self.report.signed = max(self.report.signed, size)

    def erased(self) -> set[str]:
        """Return the ids of the records whose keys were destroyed, as the records so far say."""
        return {mark.about for mark in self.marks if mark.kind == ERASURE}

    def finish(self, since: AbstractSet[str] = frozenset()) -> Report:
        """Return the report, once all runs were added; `since`: what was erased while they were checked."""
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
        erased = self.erased()
        report.erased = len(erased)
        for index, identity in self._keyless:
            if identity not in erased and identity not in since:
                report.fault(f"record {index}: its key is gone, and no record says that it was erased")
        return report
