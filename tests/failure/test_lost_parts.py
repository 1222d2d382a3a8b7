"""A part of a log that was lost, or that is another log's, stops the start and is never made anew in silence.

On each engine: the log, the key store, some of its keys, and the key files.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from screening.config import Settings
from screening.decisionlog.port import Erasure
from screening.decisionlog.record import ERASURE, Record, make
from screening.errors import DataDirectoryError
from screening.recorded import open_checkpoints, open_database, open_log
from screening.storage.sqlite import KEYS, LOG
from screening.transport.identity import new_id

from tests.failure.test_start import refused
from tests.logs import START, alter, sealed_decision, settings_of, write_log
from tests.postgres import Postgres

Change = Callable[[Settings], None]


def lose(settings: Settings, store: str) -> None:
    """Delete a store's files, or put an empty database in its place."""
    if settings.database:
        alter(settings, store, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    for file in settings.data.glob(f"{store}*"):
        file.unlink()


def lose_both(settings: Settings) -> None:
    """Delete both stores."""
    lose(settings, LOG)
    lose(settings, KEYS)


def files(settings: Settings) -> dict[str, bytes]:
    """Return every file below data, keys and anchor."""
    folders = (settings.data, settings.anchor_directory)
    return {str(path): path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}


async def start(settings: Settings) -> list[str]:
    """Start a log as a service does, end it, and return what it repaired."""
    log = open_log(settings)
    try:
        await open_checkpoints(settings, log)
        return log.repairs()
    finally:
        await log.close()


LOST: dict[str, tuple[Change, str]] = {
    "the log": (lambda settings: lose(settings, LOG), "restore"),
    "the key store": (lambda settings: lose(settings, KEYS), "restore"),
    "the log and the key store": (lose_both, "decision log is gone"),
    "the newest keys": (
        lambda settings: alter(
            settings, KEYS, "DELETE FROM wrapped_key WHERE key_id >= (SELECT max(key_id) FROM wrapped_key)"
        ),
        "lacks the key of record 39",
    ),
    "keys in the middle": (
        lambda settings: alter(
            settings,
            KEYS,
            "DELETE FROM wrapped_key WHERE key_id IN (SELECT key_id FROM wrapped_key ORDER BY key_id LIMIT 5 OFFSET 10)",
        ),
        "lacks the key of record 1",
    ),
    "the reference key": (lambda settings: (settings.keys_directory / "reference.key").unlink(), "not its keys"),
    "the sealing key": (lambda settings: (settings.keys_directory / "wrapping.key").unlink(), "not its keys"),
    "the signing key": (lambda settings: (settings.keys_directory / "checkpoint.key").unlink(), "not its keys"),
    "all keys": (lambda settings: shutil.rmtree(settings.keys_directory), "not its keys"),
}


@pytest.mark.parametrize("lost", LOST)
async def test_a_lost_part_stops_the_start_and_nothing_is_made_anew(lost: str, settings: Settings) -> None:
    """The error says what to restore; the files are left as they were, so that a second start is refused as well."""
    await write_log(settings, 40)
    change, words = LOST[lost]
    change(settings)
    left = files(settings)
    for _ in range(2):
        with pytest.raises(DataDirectoryError, match=words) as told:
            await start(settings)
        assert "restore" in str(told.value)
        assert files(settings) == left


@pytest.mark.parametrize("kept", ["keys.db", "log.vkey", "the anchor"])
async def test_any_one_thing_that_is_left_shows_that_a_log_was_there(kept: str, tmp_path: Path) -> None:
    """Whoever lost the log and most of the rest learns of it from what is left."""
    settings = settings_of(tmp_path)
    await write_log(settings, 3)
    lose(settings, LOG)
    if kept != "keys.db":
        lose(settings, KEYS)
    if kept != "log.vkey":
        (settings.data / "log.vkey").unlink()
    if kept != "the anchor":
        shutil.rmtree(settings.anchor_directory)
    left = files(settings)
    with pytest.raises(DataDirectoryError, match="restore"):
        await start(settings)
    assert files(settings) == left


async def test_what_was_lost_is_restored_and_the_log_goes_on(settings: Settings) -> None:
    """A refused start holds nothing, so that the next one in the same process may follow at once."""
    await write_log(settings, 3)
    path = settings.keys_directory / "reference.key"
    held = path.read_text()
    path.unlink()
    with pytest.raises(DataDirectoryError):
        await start(settings)
    path.write_text(held)
    assert await start(settings) == []


async def test_another_reference_key_stops_the_start(settings: Settings) -> None:
    """Under it no request_id and no reference would be found again."""
    await write_log(settings, 1)
    (settings.keys_directory / "reference.key").write_text("11" * 32)
    with pytest.raises(DataDirectoryError, match="reference key is not that of this log"):
        await start(settings)


async def test_a_second_instance_with_another_reference_key_is_refused(tmp_path: Path, postgres: Postgres) -> None:
    """The same request_id would give two decisions."""
    log, keys = postgres.fresh()
    one, two = (
        Settings(data=tmp_path / name / "data", database=log, keys_database=keys, keys=tmp_path / name / "keys")
        for name in ("one", "two")
    )
    running = open_log(one)
    await running.append([sealed_decision(one)])
    with pytest.raises(DataDirectoryError, match="not its keys"):
        open_log(two)
    shutil.copytree(one.keys_directory, two.keys_directory)
    (two.keys_directory / "reference.key").write_text("22" * 32)
    with pytest.raises(DataDirectoryError, match="reference key is not that of this log"):
        open_log(two)
    (two.keys_directory / "reference.key").write_text((one.keys_directory / "reference.key").read_text())
    await open_log(two).close()
    await running.close()


async def test_erased_keys_are_not_missed(settings: Settings) -> None:
    """Their record says that they were destroyed, however many they are."""
    records = await write_log(settings, 20)
    log = open_log(settings)
    for place, record in enumerate(records):
        await log.erase(
            make(ERASURE, new_id(START), START, {"decisions": [record.id]}), [Erasure(record.id, place, record.id)]
        )
    await log.close()
    assert await start(settings) == []


async def test_a_log_of_an_earlier_version_goes_on_under_its_keys(settings: Settings) -> None:
    """It has no check value yet; it gets one, and from then on another key is refused."""
    await write_log(settings, 2)
    alter(settings, LOG, "DROP TABLE begun", "DELETE FROM migration WHERE version = 3")
    assert await start(settings) == []
    (settings.keys_directory / "reference.key").write_text("11" * 32)
    with pytest.raises(DataDirectoryError, match="reference key"):
        await start(settings)


async def test_keys_that_were_put_in_place_beforehand_begin_a_log(settings: Settings, tmp_path: Path) -> None:
    """As a secret of a cluster is; and so does what is left of a first start that was cut short."""
    other = settings_of(tmp_path / "other")
    records: Sequence[Record] = await write_log(other, 1)
    assert records
    settings.data.mkdir()
    shutil.copytree(other.keys_directory, settings.keys_directory)
    open_database(settings).close()
    assert await start(settings) == []


def test_the_operator_is_told_in_one_line(tmp_path: Path) -> None:
    """`screening serve` says what is gone and where to read on."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "log.db").write_bytes(b"")
    line = refused("--data", str(data))
    assert "keys.db is missing" in line
    assert "RUNBOOK" in line
