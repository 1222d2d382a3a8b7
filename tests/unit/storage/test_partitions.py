"""The months of a PostgreSQL log: each record stands in the partition of its own, whoever comes to it first."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import psycopg
from screening.storage.log import SqlLog
from screening.storage.postgres import PostgresDatabase

from tests.postgres import Postgres
from tests.unit.storage.test_decision_log import decision

LAST_OF_NOVEMBER = datetime(2026, 11, 30, 23, 59, 59, 999_000, tzinfo=UTC)


def months(address: str) -> tuple[set[str], Counter[str]]:
    """Return the partitions that are there, and how many records each holds."""
    with psycopg.connect(address) as connection:
        there = connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'record'::regclass"
        )
        rows = connection.execute("SELECT tableoid::regclass::text, count(*) FROM record GROUP BY 1")
        return {name for (name,) in there if name.startswith("record_2")}, Counter(dict(rows.fetchall()))


async def test_records_go_into_the_month_of_their_commit(postgres: Postgres) -> None:
    """To the microsecond, over the turn of a month and of a year, in one order; months that nobody wrote in are not made."""
    addresses = postgres.fresh()
    now = [LAST_OF_NOVEMBER]
    log = SqlLog(PostgresDatabase(*addresses), lambda: now[0])
    turns = (
        LAST_OF_NOVEMBER,
        datetime(2026, 12, 1, tzinfo=UTC),
        datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2027, 1, 1, tzinfo=UTC),
        datetime(2027, 6, 15, tzinfo=UTC),
    )
    places = []
    for number, turn in enumerate(turns):
        now[0] = turn
        places += [each.index for each in await log.append([decision(number), decision(number)])]
    found = await log.read(0, 100)
    await log.close()
    there, held = months(addresses[0])
    assert places == list(range(10))
    assert [stored.index for stored in found] == places
    assert held == {"record_2026_11": 2, "record_2026_12": 4, "record_2027_01": 2, "record_2027_06": 2}
    assert there == {*held, "record_2027_02", "record_2027_07"}


async def test_two_instances_that_come_to_a_new_month_at_once_make_it_once(postgres: Postgres) -> None:
    """Neither fails, no record is lost or stands twice, and each stands in its month."""
    addresses = postgres.fresh()
    now = [LAST_OF_NOVEMBER]
    logs = [SqlLog(PostgresDatabase(*addresses), lambda: now[0]) for _ in range(2)]
    for log in logs:
        await log.append([decision(0)])
    taken = [0, 1]
    for month in range(1, 13):  # only every other month is made beforehand, with the one before it
        now[0] = LAST_OF_NOVEMBER + timedelta(days=31 * month)
        sent = await asyncio.gather(*(log.append([decision(month)]) for log in logs for _ in range(5)))
        taken += [each.index for batch in sent for each in batch]
    for log in logs:
        await log.close()
    _, held = months(addresses[0])
    assert sorted(taken) == list(range(122))
    assert sum(held.values()) == 122
    with psycopg.connect(addresses[0]) as connection:
        query = "SELECT count(*) FROM record WHERE tableoid::regclass::text <> to_char(to_timestamp(durable_time / 1e6) AT TIME ZONE 'UTC', '\"record_\"YYYY_MM')"
        assert connection.execute(query).fetchone() == (0,)
