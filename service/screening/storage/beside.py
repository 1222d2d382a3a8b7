"""Compares the tables that stand beside the records with what the records say.

`mark` and `doomed` decide over keys and legal holds, `bundle` over what a decision is replayed under; all of them follow
from records. `request` and `reference` cannot be made anew without keys, but none may lead where no record stands.
"""

from screening import bundle
from screening.decisionlog.columns import MarkRow
from screening.decisionlog.record import ERASURE
from screening.decisionlog.verify import Verification
from screening.storage.database import Session

_MARKS = "SELECT log_index, kind, decision_id FROM mark"
_REQUESTS = """
SELECT count(*) FROM request q LEFT JOIN record r ON r.log_index = q.log_index
WHERE r.log_index IS NULL OR r.durable_time <> q.time
"""
_REFERENCES = """
SELECT count(*) FROM reference q LEFT JOIN record r ON r.log_index = q.log_index WHERE r.log_index IS NULL
"""


def compare(log: Session, verification: Verification, size: int) -> set[str]:
    """Report what differs from the first `size` records; return ids that were erased since those were counted."""
    report = verification.report
    doomed = [row[0] for row in log.execute("SELECT key_id FROM doomed").fetchall()]
    since = _compare_marks(log, verification, size)
    erased = verification.erased() | since
    for key_id in doomed:
        if key_id not in erased:
            report.fault(f"the key {key_id} is to be destroyed, and no record says that it was erased")
    _compare_bundles(log, verification)
    for query, table in ((_REQUESTS, "request"), (_REFERENCES, "reference")):
        (count,) = log.execute(query).fetchone()
        if count:
            report.fault(f"{count} rows of the table {table} lead to no record of theirs")
    return since


def _compare_marks(log: Session, verification: Verification, size: int) -> set[str]:
    """Compare the marks with those that the records leave; marks of records that came since are no fault."""
    missing = set(verification.marks)
    unknown = []
    for row in log.execute(_MARKS):
        mark = MarkRow(*row)
        if mark in missing:
            missing.discard(mark)
        else:
            unknown.append(row)
    (now,) = log.execute("SELECT coalesce(max(log_index) + 1, 0) FROM record").fetchone()
    erased: set[str] = set()
    for place, kind, about in unknown:
        if not isinstance(place, int) or not size <= place < now:
            verification.report.fault(f"{about} is marked with {kind} by record {place}, which does not say so")
        elif kind == ERASURE:
            erased.add(about)
    for mark in missing:
        verification.report.fault(f"record {mark.place}: the mark of its {mark.kind} on {mark.about} is gone")
    return erased


def _compare_bundles(log: Session, verification: Verification) -> None:
    """See that the law is what its hash says, and that what came into force is there."""
    kept = set()
    for revision, packed in log.execute("SELECT revision, packed FROM bundle"):
        kept.add(revision)
        try:
            bundle.unpack(packed, revision)
        except (ValueError, RecursionError) as error:
            verification.report.fault(f"the law {revision} was altered: {error}")
    for revision in sorted(verification.bundles - kept):
        verification.report.fault(f"the law {revision}, which came into force, is gone")
