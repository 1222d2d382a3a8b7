"""Between records and rows."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from screening.decisionlog.columns import joined, micros
from screening.decisionlog.port import Filter, Stored
from screening.decisionlog.record import Idempotency, Record
from screening.decisionlog.tile import TileId
from screening.storage.database import Session, Values

COLUMNS = "log_index, id, kind, time, durable_time, outcome, city_unit, rule_ids, key_id, leaf_hash, canonical"
_STORED = "r.log_index, r.canonical, r.leaf_hash, r.durable_time, r.key_id"
_MOST_IN_A_LIST = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def time(value: int) -> datetime:
    """Return the UTC time of microseconds since 1970."""
    return _EPOCH + value * _MICROSECOND


def row(index: int, record: Record, durable: int) -> Values:
    """Return a record as its row."""
    listing = record.listing
    return (
        index,
        record.id,
        record.kind,
        micros(record.time),
        durable,
        listing.outcome if listing else None,
        listing.city_unit if listing else None,
        joined(listing.rule_ids) if listing else None,
        record.wrapped_key[0] if record.wrapped_key else None,
        record.leaf_hash,
        record.canonical,
    )


def select(log: Session, keys: Session, where: str, values: Values, limit: int) -> list[Stored]:
    """Return records, each with its wrapped key if that is still there."""
    found = log.execute(f"SELECT {_STORED} FROM record r WHERE {where} LIMIT ?", (*values, limit)).fetchall()  # noqa: S608  # `where` is ours
    there = wrapped(keys, [each[4] for each in found if each[4]])
    return [Stored(each[0], each[1], each[2], time(each[3]), there.get(each[4])) for each in found]


def earlier(log: Session, keys: Session, claim: Idempotency) -> tuple[Stored, bool] | None:
    """Return the record that answered a request_id, and whether its body was the same."""
    query = "SELECT log_index, body_key FROM request WHERE caller = ? AND request_key = ?"
    found = log.execute(query, (claim.caller, claim.request_key)).fetchone()
    if found is None:
        return None
    (stored,) = select(log, keys, "r.log_index = ?", (found[0],), 1)
    return stored, found[1] == claim.body_key


def chosen(wish: Filter) -> tuple[str, Values]:
    """Return the condition of a filter on decisions, newest first."""
    terms = {
        "r.time >= ?": None if wish.start_time is None else micros(wish.start_time),
        "r.time < ?": None if wish.end_time is None else micros(wish.end_time),
        "r.outcome = ?": wish.outcome,
        "r.city_unit = ?": wish.city_unit,
        "replace(r.rule_ids, ?, '') <> r.rule_ids": None if wish.rule_id is None else joined([wish.rule_id]),
        "r.log_index < ?": wish.before_index,
    }
    used = {term: value for term, value in terms.items() if value is not None}
    return f"{' AND '.join(['r.kind = ?', *used])} ORDER BY r.log_index DESC", ("decision", *used.values())


def wrapped(keys: Session, key_ids: Sequence[str]) -> dict[str, bytes]:
    """Return the wrapped keys that are there, by key id."""
    found: dict[str, bytes] = {}
    for some in _portions(key_ids):
        marks = ", ".join("?" * len(some))
        found |= keys.execute(f"SELECT key_id, wrapped FROM wrapped_key WHERE key_id IN ({marks})", some).fetchall()  # noqa: S608
    return found


def tile(log: Session, wanted: TileId) -> bytes:
    """Return a tile; empty if there is none, or what is there is no bytes."""
    query = "SELECT hashes FROM tile WHERE level = ? AND n = ?"
    row = log.execute(query, (wanted.level, wanted.n)).fetchone()
    return row[0] if row and isinstance(row[0], bytes) else b""


def _portions(values: Sequence[str]) -> Iterable[Sequence[str]]:
    return (values[start : start + _MOST_IN_A_LIST] for start in range(0, len(values), _MOST_IN_A_LIST))
