"""Erasure, legal holds and other marks on decisions: each is a record, and what it does happens with that record.

The law that decisions rest on is kept here too, by its hash.

The record of an erasure commits together with the list of doomed keys; the keys are destroyed after it. A crash between
leaves the list, as does a reader who keeps the old pages from being overwritten; the next start, erasure or integration
works it off.
"""

import json
from collections.abc import Sequence

from screening.decisionlog.port import Appended, Erasure, Mark
from screening.decisionlog.record import ERASURE, HOLD, RELEASE, Record
from screening.errors import OnHold
from screening.storage import rows
from screening.storage.append import Appender
from screening.storage.database import Database, Session, writing

_LOOK_UPS = ("request", "reference")
_DOOM = "INSERT INTO doomed VALUES (?) ON CONFLICT DO NOTHING"
_MOST_IN_A_LIST = 500


class Custody:
    """Works through the writer's sessions, in the writer thread."""

    def __init__(self, database: Database, appender: Appender) -> None:
        self._database = database
        self._appender = appender

    def erase(self, record: Record, doomed: Sequence[Erasure]) -> Appended:
        """Append the record, then destroy keys and look-ups; see DecisionLog. Raises OnHold."""
        log = self._appender.log
        with writing(log):
            (appended,) = self._append(record)
            check_holds(log, doomed)
            log.executemany(_DOOM, [(each.key_id,) for each in doomed])
            for table in _LOOK_UPS:
                _forget(log, table, [each.index for each in doomed])
            self._mark(record, [each.decision_id for each in doomed], appended.index)
        self.finish()
        return appended

    def annotate(self, record: Record, decision_ids: Sequence[str]) -> Appended:
        """Append a record and mark decisions with it; see DecisionLog."""
        with writing(self._appender.log):
            (appended,) = self._append(record)
            self._mark(record, decision_ids, appended.index)
        return appended

    def keep_bundle(self, revision: str, packed: bytes) -> None:
        """Keep the law of decisions by its hash; what was altered under it meanwhile is mended."""
        query = "INSERT INTO bundle VALUES (?, ?) ON CONFLICT (revision) DO UPDATE SET packed = excluded.packed"
        with writing(self._appender.log):
            self._appender.log.execute(query, (revision, packed))

    def start(self) -> None:
        """Finish erasures that a crash cut short, and destroy again what a restored key store brought back.

        Only what the record of an erasure names is destroyed: a mark says where that record stands, and no more.
        """
        log = self._appender.log
        places = log.execute("SELECT DISTINCT log_index FROM mark WHERE kind = ?", (ERASURE,)).fetchall()
        erased = [key_id for (place,) in places for key_id in _erased_by(log, place)]
        if restored := rows.wrapped(self._appender.keys, erased):
            with writing(log):
                log.executemany(_DOOM, [(key_id,) for key_id in restored])
        self.finish()

    def finish(self) -> None:
        """Destroy the keys that are doomed and that the record of an erasure names.

        They stay doomed until no file holds them, as far as the engine can tell.
        """
        log, keys = self._appender.log, self._appender.keys
        doomed = _erased(log, [row[0] for row in log.execute("SELECT key_id FROM doomed").fetchall()])
        if not doomed:
            return
        with writing(keys):
            keys.executemany("DELETE FROM wrapped_key WHERE key_id = ?", doomed)
        if self._database.scrub(keys, ("wrapped_key",)) and self._database.scrub(log, _LOOK_UPS):
            with writing(log):
                log.executemany("DELETE FROM doomed WHERE key_id = ?", doomed)

    def _append(self, record: Record) -> list[Appended]:
        self._appender.store_keys([record])
        return self._appender.insert([record])

    def _mark(self, record: Record, decision_ids: Sequence[str], index: int) -> None:
        rows = [(decision_id, record.kind, index) for decision_id in decision_ids]
        self._appender.log.executemany("INSERT INTO mark VALUES (?, ?, ?)", rows)


def _forget(log: Session, table: str, indexes: Sequence[int]) -> None:
    """Delete the look-ups of records; many at once, because there is no order of them by record."""
    for start in range(0, len(indexes), _MOST_IN_A_LIST):
        some = indexes[start : start + _MOST_IN_A_LIST]
        log.execute(f"DELETE FROM {table} WHERE log_index IN ({', '.join('?' * len(some))})", some)  # noqa: S608


def _erased(log: Session, key_ids: Sequence[str]) -> list[tuple[str]]:
    """Return those of the keys that the record of an erasure names; a key has its record's id."""
    places: set[int] = set()
    for start in range(0, len(key_ids), _MOST_IN_A_LIST):
        some = key_ids[start : start + _MOST_IN_A_LIST]
        query = f"SELECT DISTINCT log_index FROM mark WHERE kind = ? AND decision_id IN ({', '.join('?' * len(some))})"  # noqa: S608
        places.update(row[0] for row in log.execute(query, (ERASURE, *some)).fetchall())
    named = {key_id for place in places for key_id in _erased_by(log, place)}
    return [(key_id,) for key_id in key_ids if key_id in named]


def _erased_by(log: Session, place: int) -> list[str]:
    """Return the ids that the record at a place says were erased; none if it is the record of no erasure."""
    row = log.execute("SELECT canonical FROM record WHERE log_index = ?", (place,)).fetchone()
    try:
        fields = json.loads(row[0]) if row else {}
        return list(fields["decisions"]) if fields["kind"] == ERASURE else []
    except (ValueError, KeyError, TypeError):
        return []


def marks(log: Session, decision_id: str) -> list[Mark]:
    """Return the later records about a decision, in order."""
    query = "SELECT kind, log_index FROM mark WHERE decision_id = ? ORDER BY log_index"
    return [Mark(*row) for row in log.execute(query, (decision_id,)).fetchall()]


def bundle(log: Session, revision: str) -> bytes | None:
    """Return the law that was kept under a hash."""
    row = log.execute("SELECT packed FROM bundle WHERE revision = ?", (revision,)).fetchone()
    return bytes(row[0]) if row else None


def check_holds(log: Session, doomed: Sequence[Erasure]) -> None:
    """Refuse if a legal hold stands on any of the decisions. Raises OnHold."""
    held = [each.decision_id for each in doomed if on_hold(log, each.decision_id)]
    if held:
        raise OnHold(held)


def on_hold(log: Session, decision_id: str) -> bool:
    """Say whether a legal hold stands on a decision: more were laid than released."""
    kinds = [mark.kind for mark in marks(log, decision_id)]
    return kinds.count(HOLD) > kinds.count(RELEASE)
