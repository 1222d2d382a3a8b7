import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from screening import clock
from screening.decisionlog.record import Idempotency, make
from screening.errors import DataDirectoryError
from screening.storage.append import REMEMBERED
from screening.transport.identity import new_id

from tests.logs import sqlite_log
from tests.unit.storage.test_decision_log import SIGNER, decision


async def test_the_log_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """A restart loses nothing and reuses no index."""
    first = sqlite_log(tmp_path, clock.now)
    await first.append([decision(1), decision(2, key="k", body="b")])
    await first.close()
    second = sqlite_log(tmp_path, clock.now)
    [outcome] = await second.append([decision(3)])
    assert outcome.index == 2
    assert await second.find_request(Idempotency("caller", b"k", b"b")) is not None
    await second.close()


async def test_a_second_process_is_refused(tmp_path: Path) -> None:
    """Two writers would fork the order."""
    log = sqlite_log(tmp_path, clock.now)
    with pytest.raises(DataDirectoryError, match="in use by another process"):
        sqlite_log(tmp_path, clock.now)
    await log.close()


async def test_request_ids_are_forgotten_after_their_time(tmp_path: Path) -> None:
    """Remembered for 72 hours, then free again."""
    now = datetime(2026, 11, 20, tzinfo=UTC)
    log = sqlite_log(tmp_path, lambda: now)
    await log.append([decision(1, key="k", body="b")])
    now += REMEMBERED + timedelta(minutes=2)
    await log.append([make("refusal", new_id(now), now, {})])
    assert await log.find_request(Idempotency("caller", b"k", b"b")) is None
    await log.close()


async def test_every_commit_is_synced(tmp_path: Path) -> None:
    """synchronous=FULL and WAL: a commit is on disk when it returns."""
    log = sqlite_log(tmp_path, clock.now)
    for connection in (log._appender.log, log._appender.keys):
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    await log.close()


async def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """An old service must not write into what it does not understand."""
    await sqlite_log(tmp_path).close()
    connection = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
    connection.execute("INSERT INTO migration VALUES (99, 'x')")
    connection.close()
    with pytest.raises(DataDirectoryError, match="newer version"):
        sqlite_log(tmp_path, clock.now)


def test_a_corrupt_database_is_refused(tmp_path: Path) -> None:
    """Never a silent restart from empty."""
    (tmp_path / "log.db").write_bytes(b"not a database" * 100)
    (tmp_path / "keys.db").touch()
    with pytest.raises(DataDirectoryError, match="cannot be opened"):
        sqlite_log(tmp_path, clock.now)


async def test_a_record_does_not_wait_until_the_tree_has_grown(tmp_path: Path) -> None:
    """The tree grows in pieces, and a commit goes between two of them."""
    log = sqlite_log(tmp_path, clock.now)
    await log.append([decision(n) for n in range(2_000)])
    integration = asyncio.ensure_future(log.integrate(SIGNER))
    await asyncio.sleep(0)  # its first piece is queued
    await log.append([decision(2_000)])
    assert not integration.done()
    await integration
    await log.close()
