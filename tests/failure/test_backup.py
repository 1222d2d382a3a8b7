"""A backup is taken while the log is written, and restored in another place."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from screening.cli.app import app as command
from screening.config import Settings
from screening.decisionlog.port import Erasure
from screening.decisionlog.record import ERASURE, make
from screening.errors import DataDirectoryError
from screening.recorded import open_checkpoints, open_log
from screening.storage import sqlite
from screening.storage.log import SqlLog
from screening.storage.sqlite import KEYS, LOG
from screening.transport.identity import new_id
from typer.testing import CliRunner

from tests.logs import START, sealed_decision, settings_of, write_log
from tests.postgres import Postgres


def _back_up(data: Path, to: Path, *names: str) -> None:
    """Copy databases with SQLite's own online backup, and the key files."""
    to.mkdir(parents=True)
    for name in names:
        with closing(sqlite3.connect(data / name)) as source, closing(sqlite3.connect(to / name)) as target:
            source.backup(target)
    shutil.copytree(data / "keys", to / "keys")


def _holding(settings: Settings, key: bytes) -> list[str]:
    """Return the names of the key store's files in which the bytes of a wrapped key stand."""
    return [file.name for file in settings.data.glob(f"{KEYS}*") if key in file.read_bytes()]


async def test_a_key_that_somebody_reads_while_it_is_erased_is_gone_once_they_are_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader keeps the old pages; what could not be overwritten is tried again with the next checkpoint."""
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.1)
    settings = settings_of(tmp_path)
    log = open_log(settings)
    checkpoints = await open_checkpoints(settings, log)
    record = sealed_decision(settings)
    assert record.wrapped_key is not None
    key_id, key = record.wrapped_key
    await log.append([record])
    with closing(sqlite3.connect(settings.data / KEYS)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT wrapped FROM wrapped_key").fetchall()
        await log.erase(
            make(ERASURE, new_id(START), START, {"decisions": [record.id]}), [Erasure(record.id, 0, key_id)]
        )
        assert _holding(settings, key)
    await checkpoints.tick()
    assert not _holding(settings, key)
    await log.close()


def _settings(data: Path, addresses: tuple[str, str]) -> Settings:
    return Settings(data=data, database=addresses[0], keys_database=addresses[1])


async def _write_on(log: SqlLog, settings: Settings) -> None:
    while True:
        await log.append([sealed_decision(settings)])


def _verified(settings: Settings) -> int:
    """Return the exit code of `screening log verify`."""
    environ = {"SCREENING_DATABASE": settings.database, "SCREENING_KEYS_DATABASE": settings.keys_database}
    return CliRunner().invoke(command, ["log", "verify", "--data", str(settings.data)], env=environ).exit_code


async def test_a_backup_of_an_open_log_is_continued_with_all_that_it_had(tmp_path: Path) -> None:
    """Records that were durable before the copy are there, under their keys, and new ones follow them."""
    settings = settings_of(tmp_path / "first")
    log = open_log(settings)
    checkpoints = await open_checkpoints(settings, log)
    records = [sealed_decision(settings) for _ in range(10)]
    await log.append(records)
    await checkpoints.tick()
    restored = Settings(data=tmp_path / "second" / "data")
    _back_up(settings.data, restored.data, LOG, KEYS)
    await log.close()
    shutil.copytree(settings.anchor_directory, restored.anchor_directory)
    again = open_log(restored)
    await open_checkpoints(restored, again)
    found = await again.read(0, 100)
    (next_one,) = await again.append([sealed_decision(restored)])
    await again.close()
    assert [stored.leaf_hash for stored in found] == [record.leaf_hash for record in records]
    assert all(stored.wrapped_key for stored in found)
    assert next_one.index == 10


async def test_a_backup_of_two_postgresql_databases_of_an_open_log_is_continued(
    tmp_path: Path, postgres: Postgres
) -> None:
    """The log is dumped before the keys while records come in; restored in new databases, all of it verifies and goes on."""
    settings = _settings(tmp_path / "first" / "data", postgres.fresh())
    log = open_log(settings)
    checkpoints = await open_checkpoints(settings, log)
    records = [sealed_decision(settings) for _ in range(300)]
    await log.append(records)
    await checkpoints.tick()
    writing = asyncio.create_task(_write_on(log, settings))
    copied = await asyncio.to_thread(postgres.copy, (settings.database, settings.keys_database))
    restored = _settings(tmp_path / "second" / "data", copied)
    writing.cancel()
    await log.close()
    shutil.copytree(settings.keys_directory, restored.keys_directory)
    shutil.copytree(settings.anchor_directory, restored.anchor_directory)
    again = open_log(restored)
    checkpoints = await open_checkpoints(restored, again)
    found = await again.read(0, 100_000)
    (next_one,) = await again.append([sealed_decision(restored)])
    await checkpoints.tick(last=True)
    await again.close()
    assert [stored.leaf_hash for stored in found[:300]] == [record.leaf_hash for record in records]
    assert all(stored.wrapped_key for stored in found)
    assert next_one.index == len(found)
    assert _verified(restored) == 0


async def test_a_backup_of_postgresql_that_is_older_than_the_anchor_is_not_continued(
    tmp_path: Path, postgres: Postgres
) -> None:
    """Nor is one whose keys are older than its records."""
    settings = _settings(tmp_path / "data", postgres.fresh())
    await write_log(settings, 10)
    copied = postgres.copy((settings.database, settings.keys_database))
    await write_log(settings, 10)
    older = replace(settings, database=copied[0])
    log = open_log(older)
    with pytest.raises(DataDirectoryError, match="rolled back"):
        await open_checkpoints(older, log)
    await log.close()
    with pytest.raises(DataDirectoryError, match="lacks the key"):
        open_log(replace(settings, keys_database=copied[1]))


async def test_a_backup_that_is_older_than_the_anchor_is_not_continued(tmp_path: Path) -> None:
    """Records that were anchored after the copy would be missing without a word."""
    settings = settings_of(tmp_path)
    await write_log(settings, 10)
    copy = tmp_path / "copy"
    _back_up(settings.data, copy, LOG, KEYS)
    await write_log(settings, 10)
    shutil.rmtree(settings.data)
    shutil.copytree(copy, settings.data)
    log = open_log(settings)
    with pytest.raises(DataDirectoryError, match="rolled back"):
        await open_checkpoints(settings, log)
    await log.close()


async def test_a_restored_key_store_does_not_bring_back_an_erased_key(tmp_path: Path) -> None:
    """A key store from before the erasure is cleaned at the next start."""
    settings = settings_of(tmp_path)
    (record,) = await write_log(settings, 1)
    _back_up(settings.data, tmp_path / "copy", KEYS)
    log = open_log(settings)
    assert record.wrapped_key is not None
    erasure = make(ERASURE, new_id(START), START, {"decisions": [record.id]})
    await log.erase(erasure, [Erasure(record.id, 0, record.wrapped_key[0])])
    await log.close()
    for file in settings.data.glob(f"{KEYS}*"):
        file.unlink()
    shutil.copy(tmp_path / "copy" / KEYS, settings.data / KEYS)
    assert _holding(settings, record.wrapped_key[1])
    again = open_log(settings)
    assert not _holding(settings, record.wrapped_key[1])
    (first, _) = await again.read(0, 10)
    await again.close()
    assert first.wrapped_key is None
