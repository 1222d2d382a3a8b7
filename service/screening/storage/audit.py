"""Verifies a log as it is stored: records, tiles, checkpoints, keys, exported files, and the anchor.

Nothing is written. The log may be in use meanwhile: what is kept elsewhere is read first, then the log's own checkpoints,
then the number of records, so that each is at most as long as the next. Runs of records are checked in processes of
their own where there are many.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from screening.decisionlog import tile
from screening.decisionlog.checkpoint import BadNote, Checkpoint, VerifierKey, open_note
from screening.decisionlog.merkle import HASH_BYTES
from screening.decisionlog.tile import TileId
from screening.decisionlog.verify import Checked, Report, StoredRecord, Verification, check
from screening.storage import rows
from screening.storage.database import Session
from screening.storage.readonly import Store

RUN = 16_384
"""Records in a run; a multiple of 256, so that runs end where tiles do."""
_ALONE = 2 * RUN
"""Up to so many records, processes of their own are not worth their start."""


@dataclass(frozen=True)
class Trust:
    """What a verification starts from: the log's public key, and checkpoints that are kept elsewhere."""

    key: VerifierKey
    notes: Sequence[tuple[str, str]] = ()
    """Name and text of each."""
    witnesses: Sequence[VerifierKey] = field(default_factory=tuple)


def audit(store: Store, trust: Trust, exported: Path | None, *, with_keys: bool) -> Report:
    """Verify a stored log against what is trusted. Raises what the store's engine raises, and OSError."""
    problems: list[str] = []
    anchored = list(_opened(trust.notes, trust.key, trust.witnesses, problems))
    log = store.open_log()
    notes = [(f"of size {size}", note) for size, note in log.execute("SELECT size, note FROM checkpoint ORDER BY size")]
    stored = list(_opened(notes, trust.key, (), problems))
    query = "SELECT next_index, (SELECT coalesce(max(log_index) + 1, 0) FROM record) FROM tail"
    following, size = log.execute(query).fetchone()
    verification = Verification(stored, anchored)
    for problem in problems:
        verification.report.fault(problem)
    if following > size:
        verification.report.missing.append(f"records {size} to {following - 1}, which the log has counted")
    signed = max((checkpoint.head.size for checkpoint in stored), default=0)
    for checked in _runs(store, size, with_keys=with_keys):
        verification.add(checked)
        _compare_tiles(log, verification.full, signed, verification.report)
        verification.full.clear()
    report = verification.finish()
    if report.signed == signed == verification.edge.size:
        _compare_tiles(log, verification.edge.partial(), signed, report)
    if signed < report.anchored:
        report.fault(f"the log's own checkpoints end at {signed} records, where one of {report.anchored} was anchored")
    log.close()
    if exported and exported.exists():
        _compare_files(store, exported, trust.key, report)
    return report


def _opened(
    notes: Iterable[tuple[str, str]], key: VerifierKey, witnesses: Sequence[VerifierKey], problems: list[str]
) -> Iterator[Checkpoint]:
    for name, text in notes:
        try:
            checkpoint = open_note(text, [key], witnesses)
        except BadNote as error:
            problems.append(f"the checkpoint {name}: {error}")
            continue
        if checkpoint.head.origin == key.name:
            yield checkpoint
        else:
            problems.append(f"the checkpoint {name} is that of another log")


def _runs(store: Store, size: int, *, with_keys: bool) -> Iterator[Checked]:
    starts = range(0, size, RUN)
    if size <= _ALONE:
        yield from (check_run(store, start, min(start + RUN, size), with_keys=with_keys) for start in starts)
        return
    workers = min(len(starts), os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        pending = []
        for start in starts:
            pending.append(pool.submit(check_run, store, start, min(start + RUN, size), with_keys=with_keys))
            if len(pending) > 2 * workers:
                yield pending.pop(0).result()
        for each in pending:
            yield each.result()


def check_run(store: Store, start: int, end: int, *, with_keys: bool) -> Checked:
    """Check the records from `start` to before `end`."""
    log = store.open_log()
    query = (
        "SELECT log_index, id, canonical, leaf_hash, key_id FROM record"
        " WHERE log_index >= ? AND log_index < ? ORDER BY log_index"
    )
    keyed: list[tuple[int, str, str]] = []

    def records() -> Iterator[StoredRecord]:
        for row in log.execute(query, (start, end)):
            record = StoredRecord(*row)
            if record.key_id:
                keyed.append((record.index, record.id, record.key_id))
            yield record

    checked = check(records(), start)
    log.close()
    if with_keys and keyed:
        keys = store.open_keys()
        there = rows.wrapped(keys, [key_id for *_, key_id in keyed])
        checked.keyless = [(index, identity) for index, identity, key_id in keyed if key_id not in there]
        keys.close()
    return checked


def _compare_tiles(log: Session, expected: Iterable[tuple[TileId, bytes]], signed: int, report: Report) -> None:
    """Compare tiles in the log with those that the records give, as far as the log's newest checkpoint goes."""
    for each, hashes in expected:
        start, end = each.span()
        if start >= signed:
            continue
        row = log.execute("SELECT hashes FROM tile WHERE level = ? AND n = ?", (each.level, each.n)).fetchone()
        held = min(len(hashes), (signed - start) // each.leaves() * HASH_BYTES)
        if row is None or bytes(row[0])[:held] != hashes[:held]:
            report.fault(f"the {each.path()} of the log is not that of records {start} to {min(end, signed) - 1}")


def _compare_files(store: Store, directory: Path, key: VerifierKey, report: Report) -> None:
    """Compare exported files with the tiles in the log, which were compared with the records."""
    problems: list[str] = []
    try:
        text = (directory / "checkpoint").read_text(encoding="utf-8")
    except (OSError, ValueError):
        report.fault("the exported checkpoint cannot be read")
        return
    for checkpoint in _opened([("exported", text)], key, (), problems):
        if checkpoint.head.size > report.records:
            report.missing.append(
                f"records {report.records} to {checkpoint.head.size - 1}, of which tiles are exported"
            )
            continue
        log = store.open_log()
        for each, width in tile.all_ids(checkpoint.head.size):
            row = log.execute("SELECT hashes FROM tile WHERE level = ? AND n = ?", (each.level, each.n)).fetchone()
            if row and _exported(directory, each, width) != bytes(row[0])[: width * HASH_BYTES]:
                report.fault(f"the exported {each.path(width)} is missing or altered")
        log.close()
    for problem in problems:
        report.fault(problem)


def _exported(directory: Path, each: TileId, width: int) -> bytes:
    """Return a tile's file, or that of the full tile which replaced it meanwhile; empty if there is none."""
    for path in (each.path(width), each.path()):
        try:
            return (directory / path).read_bytes()[: width * HASH_BYTES]
        except OSError:
            continue
    return b""
