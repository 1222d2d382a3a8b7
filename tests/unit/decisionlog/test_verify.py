from datetime import UTC, datetime

import pytest
from screening.decisionlog.record import leaf_hash, make
from screening.decisionlog.verify import Completeness, StoredRecord, verify


def log(size: int = 5) -> list[StoredRecord]:
    """Return a good log."""
    made = [make("refusal", f"id-{n}", datetime(2026, 1, 1, tzinfo=UTC), {"n": n}) for n in range(size)]
    return [StoredRecord(n, record.id, record.canonical, record.leaf_hash) for n, record in enumerate(made)]


def test_a_good_log_has_integrity_and_unproven_completeness() -> None:
    """Without a checkpoint kept elsewhere, a cut-off tail cannot be seen; the report says so."""
    report = verify(log())
    assert (report.integrity, report.completeness, report.records) == (True, Completeness.UNPROVEN, 5)


def damage(name: str, records: list[StoredRecord]) -> list[StoredRecord]:
    """Return the log with one thing wrong."""
    second = records[1]
    changed = second.canonical.replace(b'"n":1', b'"n":9')
    loose = second.canonical.replace(b'"n":1', b'"n": 1')
    match name:
        case "changed byte":
            records[1] = StoredRecord(1, second.id, changed, second.leaf_hash)
        case "changed byte and hash in another form":
            records[1] = StoredRecord(1, second.id, loose, leaf_hash(loose))
        case "removed record":
            del records[1]
        case "swapped pair":
            records[1], records[2] = records[2], records[1]
        case "doubled record":
            records.insert(1, StoredRecord(1, second.id, second.canonical, second.leaf_hash))
        case "foreign id":
            records[1] = StoredRecord(1, "other", second.canonical, second.leaf_hash)
        case "no record":
            records[1] = StoredRecord(1, second.id, b"noise", leaf_hash(b"noise"))
    return records


@pytest.mark.parametrize(
    "name",
    [
        "changed byte",
        "changed byte and hash in another form",
        "removed record",
        "swapped pair",
        "doubled record",
        "foreign id",
        "no record",
    ],
)
def test_damage_is_found_and_named(name: str) -> None:
    """Each kind of damage breaks integrity, with the record's index."""
    report = verify(damage(name, log()))
    assert not report.integrity
    assert report.faults[0].startswith("record ")
