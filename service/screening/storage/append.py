"""The writing of records: keys first, then records with their look-ups in one transaction and one total order.

The place of a record is given inside the transaction that writes it, from the row `tail`, which every instance locks;
so several instances on one database keep one order without a gap.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from screening.decisionlog import columns
from screening.decisionlog.port import Appended
from screening.decisionlog.record import Record
from screening.storage import rows
from screening.storage.database import Database, writing

REMEMBERED = timedelta(hours=72)
"""How long a request_id is remembered after its first answer."""

CLOCK_BACK = "clock_went_back"
_TOLERATED = 1_000_000
"""Microseconds by which clocks of instances may differ before it is noted."""
_FORGET_EVERY = 60_000_000
"""Microseconds between two sweeps of old request_ids."""
_RECORD = f"record ({rows.COLUMNS})"
_BALLAST = bytes(65_536)


class Appender:
    """Writes through two sessions that only the writer thread uses."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._forgotten = 0
        self._behind = False
        """The clock stands before the time of the last commit, which was noted."""
        self.log = database.open_log()
        self.keys = database.open_keys()
        self.repairs: list[str] = [*database.repairs]

    def commit(self, records: Sequence[Record]) -> list[Appended]:
        """Make records durable, or raise and leave none."""
        try:
            self.store_keys(records)
            self.log.begin()
            appended = self.insert(records)
            self.log.commit()
        except BaseException:
            self.log.rollback()
            raise
        return appended

    def store_keys(self, records: Sequence[Record]) -> None:
        """Make the wrapped keys of records durable."""
        keys = [record.wrapped_key for record in records if record.wrapped_key]
        if keys:
            with writing(self.keys):
                self.keys.insert("wrapped_key", keys)

    def insert(self, records: Sequence[Record]) -> list[Appended]:
        """Write records inside the transaction that the caller began and will commit."""
        query = f"SELECT next_index, durable_time FROM tail WHERE one = 1{self._database.lock_row}"  # noqa: S608
        first, last = self.log.execute(query).fetchone()
        micros = self._durable(last)
        self._database.prepare(self.log, micros)
        self._forget(micros)
        appended: list[Appended] = []
        fresh: list[tuple[int, Record]] = []
        index, durable_time = first, rows.time(micros)
        for record in records:
            if self._claim(record, index, micros):
                fresh.append((index, record))
                appended.append(Appended(index, record.leaf_hash, durable_time))
                index += 1
            else:
                self._insert(fresh, micros)  # the earlier record may be one of this very commit
                fresh.clear()
                appended.append(self._earlier_of(record))
        self._insert(fresh, micros)
        self.log.execute("UPDATE tail SET next_index = ?, durable_time = ? WHERE one = 1", (index, micros))
        return appended

    def _durable(self, last: int) -> int:
        """Return the time of this commit; it never goes back, whatever the clock does."""
        now = columns.micros(self._clock())
        behind = now < last - _TOLERATED
        if behind and not self._behind:
            self.repairs.append(CLOCK_BACK)
        self._behind = behind
        return max(now, last)

    def _insert(self, fresh: Sequence[tuple[int, Record]], micros: int) -> None:
        if not fresh:
            return
        self.log.insert(_RECORD, [rows.row(index, record, micros) for index, record in fresh])
        references = {(reference, index) for index, record in fresh for reference in record.references}
        if references:
            self.log.insert("reference", sorted(references))

    def _claim(self, record: Record, index: int, micros: int) -> bool:
        """Take the record's request_id for its index; False if an earlier record has it."""
        claim = record.idempotency
        if claim is None:
            return True
        row = (claim.caller, claim.request_key, claim.body_key, index, micros)
        done = self.log.execute("INSERT INTO request VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", row)
        return done.rowcount == 1

    def _earlier_of(self, record: Record) -> Appended:
        assert record.idempotency is not None
        found = rows.earlier(self.log, self.keys, record.idempotency)
        assert found is not None
        stored, same_body = found
        return Appended(stored.index, stored.leaf_hash, stored.durable_time, stored, same_body)

    def _forget(self, now: int) -> None:
        """Forget request_ids after their time, at most once a minute."""
        if now - self._forgotten > _FORGET_EVERY:
            self._forgotten = now
            remembered = now - REMEMBERED // timedelta(microseconds=1)
            self.log.execute("DELETE FROM request WHERE time < ?", (remembered,))

    def check(self) -> None:
        """Raise if what is written would be lost, as far as that can be told without writing."""
        for session in (self.log, self.keys):
            session.check()
            session.execute("SELECT 1").fetchone()

    def probe(self) -> None:
        """Write, sync and delete 64 KiB in the log, and a row in the key store. Raises if that fails."""
        for session in (self.keys, self.log):
            session.rollback()
        self.keys.begin()
        self.keys.execute("INSERT INTO wrapped_key VALUES ('probe', ?) ON CONFLICT DO NOTHING", (b"",))
        self.keys.commit()
        self.keys.execute("DELETE FROM wrapped_key WHERE key_id = 'probe'")
        self.log.begin()
        self.log.execute("DELETE FROM probe")
        self.log.execute("INSERT INTO probe VALUES (1, ?)", (_BALLAST,))
        self.log.commit()
        self.log.execute("DELETE FROM probe")
        self.check()

    def close(self) -> None:
        """Release both sessions."""
        self.log.close()
        self.keys.close()
