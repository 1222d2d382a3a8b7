"""The making of checkpoints goes on, whatever goes wrong."""

import asyncio
import os
from pathlib import Path

import pytest
from screening import clock
from screening.decisionlog.checkpoint import Checkpoint, Signer
from screening.decisionlog.record import make
from screening.storage.anchor import Anchor
from screening.storage.checkpoints import Checkpoints, Places
from screening.storage.memory import MemoryLog
from screening.storage.tile_files import TileFiles
from screening.transport.identity import new_id

SIGNER = Signer("example.test/log", b"k" * 32)


class Stumbling(MemoryLog):
    """A log that fails once in a way that nobody foresaw."""

    stumbles = 1

    async def integrate(self, signer: Signer) -> Checkpoint | None:
        """Fail the first time."""
        if self.stumbles:
            self.stumbles -= 1
            raise ZeroDivisionError
        return await super().integrate(signer)


async def log_with_a_record(log: MemoryLog) -> MemoryLog:
    """Append one record."""
    now = clock.now()
    await log.append([make("refusal", new_id(now), now, {})])
    return log


def checkpoints_of(log: MemoryLog, home: Path) -> Checkpoints:
    """Return what checkpoints a log into a directory."""
    tiles = TileFiles(home / "tiles", SIGNER.key, entries=True)
    return Checkpoints(log, SIGNER, Places(Anchor(home / "anchor", SIGNER.key), tiles), clock.now, new_id)


async def test_an_error_that_nobody_foresaw_is_counted_and_the_next_tick_goes_on(tmp_path: Path) -> None:
    """The promise of every receipt hangs on it."""
    checkpoints = checkpoints_of(await log_with_a_record(Stumbling(clock.now)), tmp_path)
    await checkpoints.tick()
    assert checkpoints.unpublished == 1
    assert not (tmp_path / "anchor" / "checkpoint").exists()
    await checkpoints.tick()
    assert checkpoints.unpublished == 1
    assert (tmp_path / "anchor" / "checkpoint").exists()


async def test_an_export_that_fails_keeps_nothing_from_being_anchored(tmp_path: Path) -> None:
    """It is counted, and made good when it can be."""
    (tmp_path / "tiles").write_text("a file where a directory should be")
    checkpoints = checkpoints_of(await log_with_a_record(MemoryLog(clock.now)), tmp_path)
    await checkpoints.tick()
    assert checkpoints.unpublished == 1
    assert (tmp_path / "anchor" / "checkpoint").exists()
    (tmp_path / "tiles").unlink()
    await checkpoints.tick()
    assert checkpoints.unpublished == 1
    assert (tmp_path / "tiles" / "checkpoint").read_text() == (tmp_path / "anchor" / "checkpoint").read_text()
    record = (await checkpoints._log.read(0, 1))[0].canonical
    assert (tmp_path / "tiles" / "tile/entries/000.p/1").read_bytes() == len(record).to_bytes(2, "big") + record


async def test_entries_that_were_not_exported_before_are_exported_with_the_next(tmp_path: Path) -> None:
    """When they are switched on for a log that has tiles already."""
    log = await log_with_a_record(MemoryLog(clock.now))
    checkpoint = await log.integrate(SIGNER)
    assert checkpoint is not None
    await TileFiles(tmp_path, SIGNER.key, entries=False).publish(checkpoint, log)
    assert not (tmp_path / "tile/entries").exists()
    await TileFiles(tmp_path, SIGNER.key, entries=True).publish(checkpoint, log)
    assert (tmp_path / "tile/entries/000.p/1").exists()


async def test_an_export_that_hangs_leaves_the_event_loop_free(tmp_path: Path) -> None:
    """Which must go on to say that the service is not ready; a pipe that nobody reads stands for a disk that hangs."""
    log = await log_with_a_record(MemoryLog(clock.now))
    checkpoint = await log.integrate(SIGNER)
    assert checkpoint is not None
    pipe = tmp_path / f"checkpoint.{os.getpid()}.new"
    os.mkfifo(pipe)
    export = asyncio.ensure_future(TileFiles(tmp_path, SIGNER.key, entries=False).publish(checkpoint, log))
    while not (tmp_path / "tile/0/000.p/1").exists():
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    assert not export.done()
    assert await asyncio.to_thread(pipe.read_bytes) == checkpoint.note.encode()
    await export


async def test_an_export_makes_no_directory_anew_that_it_stands_in(tmp_path: Path) -> None:
    """A data directory that was taken away could not be put back where another one stands."""
    log = await log_with_a_record(MemoryLog(clock.now))
    checkpoint = await log.integrate(SIGNER)
    assert checkpoint is not None
    with pytest.raises(FileNotFoundError):
        await TileFiles(tmp_path / "data/tiles", SIGNER.key, entries=False).publish(checkpoint, log)
    assert not (tmp_path / "data").exists()
