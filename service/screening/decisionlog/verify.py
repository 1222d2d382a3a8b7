"""Re-verifies a whole log, record by record.

Integrity: every stored record is what was appended - canonical bytes, leaf hash, unbroken order, unique ids.
Completeness: nothing was cut off or replaced. Without a checkpoint kept elsewhere that cannot be proven, and is reported
as unproven, never as verified.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from screening.decisionlog.record import VERSION, canonical_bytes, leaf_hash

MOST_FAULTS = 20


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


@dataclass
class Report:
    """What a verification found."""

    records: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    """What is wrong, at most MOST_FAULTS of them, each with the record's index."""
    fault_count: int = 0
    completeness: Completeness = Completeness.UNPROVEN

    @property
    def integrity(self) -> bool:
        """Say whether every record is what was appended."""
        return self.fault_count == 0

    def fault(self, index: int, text: str) -> None:
        """Note a fault."""
        self.fault_count += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(f"record {index}: {text}")


def verify(records: Iterable[StoredRecord]) -> Report:
    """Verify records given in the order of the log."""
    report = Report()
    ids: set[str] = set()
    for place, record in enumerate(records):
        if record.index != place:
            report.fault(record.index, f"stands where {place} should")
        _verify_record(record, report)
        if record.id in ids:
            report.fault(record.index, "its id stands twice")
        ids.add(record.id)
        report.records += 1
    return report


def _verify_record(record: StoredRecord, report: Report) -> None:
    if leaf_hash(record.canonical) != record.leaf_hash:
        report.fault(record.index, "its bytes do not have the stored hash")
    try:
        fields = json.loads(record.canonical)
        canonical = canonical_bytes(fields)
        kind, identity, version = fields["kind"], fields["id"], fields["v"]
    except (ValueError, KeyError, TypeError):
        report.fault(record.index, "its bytes are no record")
        return
    if canonical != record.canonical:
        report.fault(record.index, "its bytes are not in canonical form")
    if identity != record.id:
        report.fault(record.index, "its id is not the one that it is stored under")
    if version > VERSION:
        report.fault(record.index, "it was written by a newer version")
    report.kinds[kind] = report.kinds.get(kind, 0) + 1
