"""Verifies a log as it is stored: records, tiles, checkpoints, keys, what stands beside them, exports, and the anchor.

Nothing is written. The log may be in use meanwhile: what is kept elsewhere is read first, then the log's own checkpoints,
then the number of records, so that each is at most as long as the next. Whatever stands in the log may have been put
there by somebody else, in any type and size: it is compared, never relied on. Runs of records are checked in processes of
their own where there are many.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from screening.decisionlog.checkpoint import BadNote, Checkpoint, NotCosigned, VerifierKey, open_note
from screening.decisionlog.columns import Columns
from screening.decisionlog.keyring import SealBroken
from screening.decisionlog.merkle import HASH_BYTES
from screening.decisionlog.tile import TileId
from screening.decisionlog.verify import Checked, Report, StoredRecord, Verification, check
from screening.storage import beside, exported, rows
from screening.storage.database import Session
from screening.storage.keys import KeyFile
from screening.storage.readonly import Store

RUN = 16_384
"""Records in a run; a multiple of 256, so that runs end where tiles do."""
_ALONE = 2 * RUN
"""Up to so many records, processes of their own are not worth their start."""
_COUNTED = """
SELECT count(*), (SELECT next_index FROM tail WHERE one = 1), (SELECT durable_time FROM tail WHERE one = 1) FROM record
"""  # in one statement, because records may come meanwhile


@dataclass(frozen=True)
class Trust:
    """What a verification starts from: the log's public key, and checkpoints that are kept elsewhere."""

    key: VerifierKey
    notes: Sequence[tuple[str, str]] = ()
    """Name and text of each."""
    witnesses: Sequence[VerifierKey] = field(default_factory=tuple)


def audit(
    store: Store,
    trust: Trust,
    export: Path | None,
    *,
    with_keys: bool,
    key_file: KeyFile | None = None,
    entries: bool = False,
) -> Report:
    """Verify a stored log against what is trusted. Raises what the store's engine raises, OSError, DataDirectoryError.

    `export`: where tiles are exported, and with `entries` the records too; None: they are not looked for.
    `with_keys`: whether the key store is there.
    `key_file`: the key-encryption keys, which must open every wrapped key; None: they are not at hand.
    """
    problems: list[str] = []
    anchored = list(_opened(trust.notes, trust.key, problems))
    cosigned = [each for each in anchored if _is_cosigned(each, trust, problems)] if trust.witnesses else None
    head = exported.head_of(export, trust.key) if export else ""
    with closing(store.open_log()) as log:
        stored = list(_own(log, trust.key, problems))
        size, following, newest = log.execute(_COUNTED).fetchone()
        verification = Verification(stored, anchored, cosigned)
        report = verification.report
        report.keys_opened = with_keys and key_file is not None
        for problem in problems:
            report.fault(problem)
        signed = max((checkpoint.head.size for checkpoint in stored), default=0)
        for checked in _runs(store, size, with_keys=with_keys, key_file=key_file):
            verification.add(checked)
            _compare_tiles(log, verification.full, signed, report)
            verification.full.clear()
        _check_tail(verification, size, following, newest)
        verification.finish(beside.compare(log, verification, size))
        if report.signed == signed == verification.edge.size:
            _compare_tiles(log, verification.edge.partial(), signed, report)
        if signed < report.anchored:
            report.fault(
                f"the log's own checkpoints end at {signed} records, where one of {report.anchored} was anchored"
            )
        if export:
            exported.compare(log, export, head, report, entries=entries)
    return report


def _opened(notes: Iterable[tuple[str, str]], key: VerifierKey, problems: list[str]) -> Iterator[Checkpoint]:
    for name, text in notes:
        try:
            checkpoint = open_note(text, [key])
        except BadNote as error:
            problems.append(f"the checkpoint {name}: {error}")
            continue
        if checkpoint.head.origin == key.name:
            yield checkpoint
        else:
            problems.append(f"the checkpoint {name} is that of another log")


def _is_cosigned(checkpoint: Checkpoint, trust: Trust, problems: list[str]) -> bool:
    """Say whether every witness signed a checkpoint. The newest is never at once, so that one missing is no fault."""
    try:
        open_note(checkpoint.note, [trust.key], trust.witnesses)
    except NotCosigned:
        return False
    except BadNote as error:
        problems.append(f"a cosignature on the checkpoint of size {checkpoint.head.size}: {error}")
        return False
    return True


def _own(log: Session, key: VerifierKey, problems: list[str]) -> Iterator[Checkpoint]:
    """Yield the log's own checkpoints, each of which must stand under its size."""
    for size, note in log.execute("SELECT size, note FROM checkpoint ORDER BY size").fetchall():
        text = note if isinstance(note, str) else ""
        for checkpoint in _opened([(f"of size {size}", text)], key, problems):
            if checkpoint.head.size != size:
                problems.append(f"the checkpoint of size {size} is one of size {checkpoint.head.size}")
            yield checkpoint


def _runs(store: Store, size: int, *, with_keys: bool, key_file: KeyFile | None) -> Iterator[Checked]:
    """Check as many places as there are records; what stands beyond them is found by its absence here."""
    starts = range(0, size, RUN)
    if size <= _ALONE:
        for start in starts:
            yield check_run(store, start, min(start + RUN, size), with_keys=with_keys, key_file=key_file)
        return
    workers = min(len(starts), os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        pending = []
        for start in starts:
            end = min(start + RUN, size)
            pending.append(pool.submit(check_run, store, start, end, with_keys=with_keys, key_file=key_file))
            if len(pending) > 2 * workers:
                yield pending.pop(0).result()
        for each in pending:
            yield each.result()


def check_run(store: Store, start: int, end: int, *, with_keys: bool, key_file: KeyFile | None) -> Checked:
    """Check the records from `start` to before `end`."""
    query = f"SELECT {rows.COLUMNS} FROM record WHERE log_index >= ? AND log_index < ? ORDER BY log_index"  # noqa: S608  # the names are ours
    keyed: list[tuple[int, str, str]] = []

    def records(log: Session) -> Iterator[StoredRecord]:
        for row in log.execute(query, (start, end)):
            index, identity, kind, time, durable, outcome, unit, rule_ids, key_id, leaf, canonical = row
            if key_id:
                keyed.append((index, identity, key_id))
            yield StoredRecord(
                index, canonical, leaf, durable, Columns(identity, kind, time, outcome, unit, rule_ids, key_id)
            )

    with closing(store.open_log()) as log:
        checked = check(records(log), start)
    if with_keys and keyed:
        _check_keys(store, key_file, keyed, checked)
    return checked


def _check_keys(
    store: Store, key_file: KeyFile | None, keyed: Sequence[tuple[int, str, str]], checked: Checked
) -> None:
    """See that the key of each record is there, and that it can be opened.

    The key-encryption keys are read after what they wrapped, so that a rotation meanwhile is no fault.
    """
    with closing(store.open_keys()) as session:
        there = rows.wrapped(session, [key_id for *_, key_id in keyed])
    checked.keyless = [(index, identity) for index, identity, key_id in keyed if key_id not in there]
    if key_file is None:
        return
    ring = key_file.ring()
    for index, _, key_id in keyed:
        try:
            if key_id in there:
                ring.unwrap(there[key_id], key_id)
        except (SealBroken, TypeError):
            checked.faults.append((index, "its key cannot be opened: it was overwritten, or wrapped under another"))


def _check_tail(verification: Verification, size: int, following: object, newest: object) -> None:
    """Compare what the log has counted with what is there, now that every place below `size` was looked at."""
    report, found = verification.report, verification.edge.size
    if found < size:
        report.fault(f"{size - found} records stand at places that the log never gave, below 0 or from {size} on")
    if not isinstance(following, int) or not isinstance(newest, int):
        report.fault("the log's count of its records is gone")
        return
    if following > found:
        report.missing.append(f"records {found} to {following - 1}, which the log has counted")
    if following < found:
        report.fault(f"the log has counted {following} records, where {found} stand")
    if newest < verification.durable:
        report.fault("a record's durable time is after that of the log's last commit")


def _compare_tiles(log: Session, expected: Iterable[tuple[TileId, bytes]], signed: int, report: Report) -> None:
    """Compare tiles in the log with those that the records give, as far as the log's newest checkpoint goes."""
    for each, hashes in expected:
        start, end = each.span()
        if start >= signed:
            continue
        held = min(len(hashes), (signed - start) // each.leaves() * HASH_BYTES)
        if rows.tile(log, each)[:held] != hashes[:held]:
            report.fault(f"the {each.path()} of the log is not that of records {start} to {min(end, signed) - 1}")
