"""Whether the stores and the keys at hand are those of the log that was begun: a part that was lost is never made anew.

A log has begun with the row of its table `begun`, which is written before the first key and the first record. It holds a
check value of the reference key, so that another one is noticed, also by a second instance.
"""

from screening.decisionlog.record import ERASURE
from screening.errors import DataDirectoryError
from screening.storage.database import Session, writing

RESTORE = "restore it before starting (deploy/RUNBOOK.md)"
_SPREAD = 256
"""Records, spread over the whole log, whose keys are looked for; more would make the start of a large log slow."""
_NEWEST_AMONG = 10_000
_KEPT = f"""
SELECT r.log_index, r.key_id FROM record r WHERE r.key_id IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM mark m WHERE m.decision_id = r.id AND m.kind = '{ERASURE}')
"""  # noqa: S608  # the word is ours


def has_keys(keys: Session) -> bool:
    """Say whether a key store holds any data key."""
    return keys.execute("SELECT 1 FROM wrapped_key WHERE key_id <> 'probe' LIMIT 1").fetchone() is not None


def has_begun(log: Session) -> bool:
    """Say whether a log has begun; one of an earlier version has if there is anything in it."""
    query = "SELECT 1 FROM begun UNION ALL SELECT 1 FROM tail WHERE next_index > 0 UNION ALL SELECT 1 FROM checkpoint"
    return log.execute(f"{query} LIMIT 1").fetchone() is not None


def begin(log: Session, reference_check: bytes) -> None:
    """Have the log begin with a reference key, unless it has. Raises DataDirectoryError if it began with another."""
    with writing(log):
        log.execute("INSERT INTO begun VALUES (1, ?) ON CONFLICT DO NOTHING", (reference_check,))
    (held,) = log.execute("SELECT reference_check FROM begun").fetchone()
    if bytes(held) != reference_check:
        raise DataDirectoryError(f"the reference key is not that of this log; {RESTORE}")


def check_keys(log: Session, keys: Session) -> None:
    """Refuse a key store that lost keys which no record says were erased: the newest, or any of a few hundred.

    Raises DataDirectoryError. That every single key is there is for `screening log verify` to say.
    """
    (size,) = log.execute("SELECT next_index FROM tail").fetchone()
    spread = sorted({size * number // _SPREAD for number in range(_SPREAD)})
    marks = ", ".join("?" * len(spread))
    wanted = log.execute(f"{_KEPT} AND r.log_index IN ({marks})", spread).fetchall()
    newest = f"{_KEPT} AND r.log_index >= ? ORDER BY r.log_index DESC LIMIT 1"
    wanted += log.execute(newest, (size - _NEWEST_AMONG,)).fetchall()
    for index, key_id in wanted:
        if not _is_there(keys, key_id) and log.execute(f"{_KEPT} AND r.log_index = ?", (index,)).fetchone():
            raise DataDirectoryError(
                f"the key store lacks the key of record {index}, which no record says was erased; {RESTORE}"
            )


def _is_there(keys: Session, key_id: str) -> bool:
    return keys.execute("SELECT 1 FROM wrapped_key WHERE key_id = ?", (key_id,)).fetchone() is not None
