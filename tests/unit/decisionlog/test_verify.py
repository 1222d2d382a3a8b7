from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from screening.decisionlog.checkpoint import Checkpoint, Signer
from screening.decisionlog.columns import Columns, MarkRow, micros
from screening.decisionlog.record import Record, leaf_hash, make
from screening.decisionlog.tile import Edge
from screening.decisionlog.verify import Completeness, Report, StoredRecord, Verification, check


def log(size: int = 5) -> list[StoredRecord]:
    """Return a good log."""
    made = [make("refusal", f"id-{n}", datetime(2026, 1, 1, tzinfo=UTC), {"n": n}) for n in range(size)]
    return [stored(n, record) for n, record in enumerate(made)]


def stored(place: int, record: Record) -> StoredRecord:
    """Return a record as storage gives it."""
    columns = Columns(record.id, record.kind, micros(record.time))
    return StoredRecord(place, record.canonical, record.leaf_hash, 1, columns)


def verify(records: list[StoredRecord], anchored: list[Checkpoint] | None = None, run: int = 2) -> Report:
    """Verify in runs of a few records."""
    verification = Verification([], anchored or [])
    for start in range(0, len(records), run):
        verification.add(check(records[start : start + run], start))
    return verification.finish()


def checkpoint(records: list[StoredRecord], size: int) -> Checkpoint:
    """Return the checkpoint of the first records of a good log."""
    edge = Edge()
    edge.extend(record.leaf_hash for record in records[:size])
    return Signer("a.log", b"k" * 32).sign(size, edge.root())


@pytest.mark.parametrize("size", range(6))
def test_what_an_anchor_covers_is_verified_and_the_rest_is_not(size: int) -> None:
    """Completeness holds only where the anchor reaches the end."""
    report = verify(log(), [checkpoint(log(), 0), checkpoint(log(), size)])
    assert report.anchored == size
    assert report.completeness == (Completeness.VERIFIED if size == 5 else Completeness.UNPROVEN)
    assert report.integrity


def test_an_anchor_beyond_the_log_says_what_is_missing() -> None:
    """A cut-off tail."""
    report = verify(log()[:3], [checkpoint(log(), 5)])
    assert report.completeness == Completeness.BROKEN
    assert report.missing == ["records 3 to 4, which a checkpoint kept elsewhere covers"]


def test_another_log_of_the_same_length_is_not_the_anchored_one() -> None:
    """A log that was written anew verifies by itself, but not against the anchor."""
    other = [stored(n, made) for n, made in enumerate(rewritten())]
    assert verify(other).integrity
    report = verify(other, [checkpoint(log(), 5)])
    assert (report.integrity, report.completeness) == (False, Completeness.BROKEN)


def rewritten() -> list[Record]:
    """Return records that never were in the log."""
    return [make("refusal", f"x-{n}", datetime(2026, 1, 1, tzinfo=UTC), {"n": n}) for n in range(5)]


def test_a_key_that_is_gone_needs_a_record_of_its_erasure() -> None:
    """Otherwise somebody destroyed it in secret."""
    made = [make("erasure", "e-0", datetime(2026, 1, 1, tzinfo=UTC), {"decisions": ["d-1"]})]
    run = check([stored(0, made[0])], 0)
    assert run.marks == [MarkRow(0, "erasure", "d-1")]
    run.keyless = [(1, "d-1"), (2, "d-2")]
    verification = Verification([], [])
    verification.add(run)
    report = verification.finish()
    assert report.faults == ["record 2: its key is gone, and no record says that it was erased"]


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
            records[1] = replace(second, canonical=changed)
        case "changed byte and hash in another form":
            records[1] = replace(second, canonical=loose, leaf_hash=leaf_hash(loose))
        case "removed record":
            del records[1]
        case "swapped pair":
            records[1], records[2] = records[2], records[1]
        case "doubled record":
            records.insert(1, second)
        case "foreign id":
            records[1] = replace(second, columns=second.columns._replace(id="other"))
        case "no record":
            records[1] = replace(second, canonical=b"noise", leaf_hash=leaf_hash(b"noise"))
        case "bytes that nest without end":
            deep = b"[" * 100_000
            records[1] = replace(second, canonical=deep, leaf_hash=leaf_hash(deep))
        case "text for bytes":
            text: Any = second.canonical.decode()
            records[1] = replace(second, canonical=text, leaf_hash=text)
        case "other kind" | "other time" | "other outcome" | "other unit" | "other rule" | "other key":
            wrong: dict[str, Any] = {
                "kind": "repair",
                "time": 1,
                "outcome": 1,
                "city_unit": 1,
                "rule_ids": "|r|",
                "key_id": "k",
            }
            name = next(each for each in wrong if name.removeprefix("other ") in each)
            records[1] = replace(second, columns=second.columns._replace(**{name: wrong[name]}))
        case "durable time that goes back":
            records[1] = replace(second, durable_time=0)
        case "durable time of no kind":
            text = "now"
            records[1] = replace(second, durable_time=text)
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
        "bytes that nest without end",
        "text for bytes",
        "other kind",
        "other time",
        "other outcome",
        "other unit",
        "other rule",
        "other key",
        "durable time that goes back",
        "durable time of no kind",
    ],
)
def test_damage_is_found_and_named(name: str) -> None:
    """Each kind of damage breaks integrity, with the record's index."""
    report = verify(damage(name, log()))
    assert not report.integrity
    assert report.faults[0].startswith("record ")
