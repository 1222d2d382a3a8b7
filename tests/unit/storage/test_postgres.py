"""What only PostgreSQL can show: several instances on one log, takeover, lost connections and migrations."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from screening import clock
from screening.decisionlog import merkle
from screening.decisionlog.checkpoint import Signer
from screening.errors import DataDirectoryError, LogUnavailable
from screening.storage.log import SqlLog
from screening.storage.postgres import PostgresDatabase

from tests.postgres import Postgres
from tests.unit.storage.test_decision_log import decision

Instances = tuple[SqlLog, SqlLog]


@pytest.fixture
def addresses(postgres: Postgres) -> tuple[str, str]:
    """Two new databases: log and keys."""
    return postgres.fresh()


@pytest.fixture
async def instances(addresses: tuple[str, str]) -> AsyncIterator[Instances]:
    """Two instances on one log."""
    first, second = (SqlLog(PostgresDatabase(*addresses), clock.now) for _ in range(2))
    yield first, second
    await first.close()
    await second.close()


async def test_a_request_id_sent_fifty_times_through_two_instances_gives_one_record(instances: Instances) -> None:
    """The fifty outcomes name one place, and the log holds one record."""
    sent = [instances[number % 2].append([decision(number, key="once")]) for number in range(50)]
    outcomes = [outcome for batch in await asyncio.gather(*sent) for outcome in batch]
    assert {outcome.index for outcome in outcomes} == {0}
    assert sum(outcome.earlier is None for outcome in outcomes) == 1
    assert len(await instances[0].read(0, 100)) == 1


async def test_two_instances_keep_one_order_without_a_gap(instances: Instances) -> None:
    """Appends at the same time take places of one sequence, and both instances read the same records."""
    sent = [instances[number % 2].append([decision(number), decision(number)]) for number in range(40)]
    taken = [outcome.index for batch in await asyncio.gather(*sent) for outcome in batch]
    assert sorted(taken) == list(range(80))
    assert await instances[0].read(0, 100) == await instances[1].read(0, 100)


async def test_one_instance_integrates_and_another_takes_over_when_it_ends(addresses: tuple[str, str]) -> None:
    """The second signs nothing while the first lives, then continues the same tree."""
    signer = Signer("example.test/log", bytes(32))
    first, second = (SqlLog(PostgresDatabase(*addresses), clock.now) for _ in range(2))
    appended = await first.append([decision(1)])
    assert await first.integrate(signer) is not None
    assert await second.integrate(signer) is None
    appended += await second.append([decision(2)])
    await first.close()
    taken_over = None
    for _ in range(100):  # the server frees the lock when it has noticed that the session ended
        taken_over = taken_over or await second.integrate(signer)
        await asyncio.sleep(0 if taken_over else 0.1)
    await second.close()
    assert taken_over is not None
    assert taken_over.head.size == 2
    assert taken_over.head.root == merkle.node_hash(*(each.leaf_hash for each in appended))


async def test_a_log_whose_server_dies_resumes_by_itself_with_all_that_it_acknowledged() -> None:
    """Appends fail while the server is gone; after its return they succeed, and nothing acknowledged is lost."""
    with Postgres() as server:
        log = SqlLog(PostgresDatabase(*server.fresh()), clock.now)
        before = await log.append([decision(1)])
        server.kill()
        with pytest.raises(LogUnavailable):
            await log.append([decision(2)])
        assert not log.writable()
        server.start()
        for _ in range(200):
            if log.writable():
                break
            await asyncio.sleep(0.1)
        after = await log.append([decision(3)])
        found = [stored.leaf_hash for stored in await log.read(0, 10)]
        await log.close()
    assert found == [each.leaf_hash for each in (*before, *after)]


@pytest.mark.parametrize("state", ["new", "used"])
@pytest.mark.parametrize("store", [0, 1])
def test_a_read_only_database_is_refused(store: int, state: str, addresses: tuple[str, str]) -> None:
    """As a standby is; also where the tables are there already."""
    if state == "used":
        PostgresDatabase(*addresses).close()
    with psycopg.connect(addresses[store], autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {connection.info.dbname} SET default_transaction_read_only = on".encode())
    with pytest.raises(DataDirectoryError, match="read-only"):
        PostgresDatabase(*addresses)


async def test_a_log_whose_server_turns_read_only_resumes_when_one_takes_writes(addresses: tuple[str, str]) -> None:
    """As in a failover: appends fail, and no connection to the standby is kept."""
    log = SqlLog(PostgresDatabase(*addresses), clock.now)
    before = await log.append([decision(1)])
    with psycopg.connect(addresses[1], autocommit=True) as beside:
        name = psycopg.conninfo.conninfo_to_dict(addresses[0])["dbname"]
        beside.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on".encode())
        beside.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        with pytest.raises(LogUnavailable):
            await log.append([decision(2)])
        assert not log.writable()
        beside.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only".encode())
    for _ in range(100):
        if log.writable():
            break
        await asyncio.sleep(0.1)
    after = await log.append([decision(3)])
    found = [stored.leaf_hash for stored in await log.read(0, 10)]
    await log.close()
    assert found == [each.leaf_hash for each in (*before, *after)]


def test_a_database_of_a_newer_version_is_refused(addresses: tuple[str, str]) -> None:
    """Nothing is changed in it."""
    PostgresDatabase(*addresses).close()
    with psycopg.connect(addresses[0], autocommit=True) as connection:
        connection.execute("INSERT INTO migration VALUES (99, 'later')")
    with pytest.raises(DataDirectoryError, match="newer version"):
        PostgresDatabase(*addresses)


def test_a_migration_that_is_known_by_other_text_is_refused(addresses: tuple[str, str]) -> None:
    """A released migration is never edited."""
    PostgresDatabase(*addresses).close()
    with psycopg.connect(addresses[0], autocommit=True) as connection:
        connection.execute("UPDATE migration SET checksum = 'other'")
    with pytest.raises(DataDirectoryError, match="another form"):
        PostgresDatabase(*addresses)


def test_a_database_whose_advisory_locks_lock_nothing_is_refused(addresses: tuple[str, str]) -> None:
    """As one that only speaks PostgreSQL's protocol may have them; two instances would both sign."""
    with psycopg.connect(addresses[0], autocommit=True) as connection:
        for kind in ("int", "bigint"):
            body = f"CREATE FUNCTION public.pg_try_advisory_lock({kind}) RETURNS boolean LANGUAGE sql AS 'SELECT true'"
            connection.execute(body.encode())
        connection.execute("ALTER ROLE screening SET search_path = public, pg_catalog")
    try:
        with pytest.raises(DataDirectoryError, match="lock nothing"):
            PostgresDatabase(*addresses)
    finally:
        with psycopg.connect(addresses[0], autocommit=True) as connection:
            connection.execute("ALTER ROLE screening RESET search_path")


def test_a_server_that_cannot_be_reached_is_refused_without_its_password() -> None:
    """The address may hold a secret, so the error does not repeat it."""
    with pytest.raises(DataDirectoryError) as raised:
        PostgresDatabase("postgresql://u:secret@127.0.0.1:1/log", "postgresql://u:secret@127.0.0.1:1/keys")
    assert "secret" not in str(raised.value)
