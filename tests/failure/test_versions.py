"""Migrations over tables that hold records and keys, on each engine and for both stores."""

import pytest
from screening.config import Settings
from screening.errors import DataDirectoryError
from screening.recorded import open_checkpoints, open_database, open_log
from screening.storage import schema
from screening.storage.database import Session
from screening.storage.postgres import DIALECT as OF_POSTGRES
from screening.storage.sqlite import DIALECT as OF_SQLITE
from screening.storage.sqlite import KEYS, LOG

from tests.logs import alter, sealed_decision, write_log

LATER = {2: "bundle", 3: "begun"}
"""The tables of the log that each version after the first brought."""
STORES = {LOG: schema.LOG, KEYS: schema.KEYS}


def session_of(settings: Settings, store: str) -> Session:
    """Connect to a store as the service does."""
    database = open_database(settings)
    session = database.open_log() if store == LOG else database.open_keys()
    database.close()
    return session


def versions(settings: Settings, store: str) -> list[int]:
    """Return the versions that a store was brought through."""
    session = session_of(settings, store)
    found = [version for (version,) in session.execute("SELECT version FROM migration ORDER BY version").fetchall()]
    session.close()
    return found


def test_every_version_is_known_here() -> None:
    """Whoever adds a version to the log adds what it brought."""
    assert [1, *LATER] == list(range(1, len(schema.LOG) + 1))


@pytest.mark.parametrize("version", [1, *LATER][:-1])
async def test_a_log_of_an_earlier_version_is_brought_forward_with_its_records(
    version: int, settings: Settings
) -> None:
    """Every record and key is there, new ones follow, and the reference key is known from then on."""
    records = await write_log(settings, 300)
    dropped = [f"DROP TABLE {table}" for since, table in LATER.items() if since > version]
    alter(settings, LOG, *dropped, f"DELETE FROM migration WHERE version > {version}")
    log = open_log(settings)
    checkpoints = await open_checkpoints(settings, log)
    (appended,) = await log.append([sealed_decision(settings)])
    await log.keep_bundle("revision", b"law")
    await checkpoints.tick(last=True)
    found = await log.read(0, 1_000)
    await log.close()
    assert [stored.leaf_hash for stored in found[:300]] == [record.leaf_hash for record in records]
    assert all(stored.wrapped_key for stored in found)
    assert (appended.index, len(found)) == (300, 301)
    assert versions(settings, LOG) == [1, *LATER]
    (settings.keys_directory / "reference.key").write_text("11" * 32)
    with pytest.raises(DataDirectoryError, match="reference key"):
        open_log(settings)


@pytest.mark.parametrize("store", STORES)
async def test_a_store_is_brought_to_a_version_that_is_yet_to_come_and_keeps_what_it_holds(
    store: str, settings: Settings
) -> None:
    """Step by step, once; this service then refuses it, because it would not understand what it holds."""
    await write_log(settings, 3)
    later = (
        *STORES[store],
        "CREATE TABLE later (one {int} PRIMARY KEY, two {blob}); INSERT INTO later VALUES (1, NULL)",
    )
    session = session_of(settings, store)
    for _ in range(2):
        schema.migrate(session, later, OF_POSTGRES if settings.database else OF_SQLITE, store)
    held = "record" if store == LOG else "wrapped_key"
    assert session.execute(f"SELECT count(*) FROM {held}").fetchone() == (3,)
    assert session.execute("SELECT count(*) FROM later").fetchone() == (1,)
    session.close()
    with pytest.raises(DataDirectoryError, match="newer version"):
        open_log(settings)


@pytest.mark.parametrize("store", STORES)
async def test_a_version_that_is_known_by_other_text_stops_the_start(store: str, settings: Settings) -> None:
    """A released migration is never edited."""
    await write_log(settings, 1)
    alter(settings, store, "UPDATE migration SET checksum = 'other' WHERE version = 1")
    with pytest.raises(DataDirectoryError, match="another form"):
        open_log(settings)


async def test_a_step_that_fails_leaves_the_version_before_it(settings: Settings) -> None:
    """Each step is one transaction; the next start tries it again."""
    await write_log(settings, 3)
    broken = (*schema.LOG, "CREATE TABLE later (one {int} PRIMARY KEY); CREATE TABLE record (one {int})")
    session = session_of(settings, LOG)
    database = open_database(settings)
    with pytest.raises(database.failures):
        schema.migrate(session, broken, OF_POSTGRES if settings.database else OF_SQLITE, LOG)
    database.close()
    session.close()
    assert versions(settings, LOG) == [1, *LATER]
    await write_log(settings, 1)
