"""What is damaged, turned back or taken away under a log: a clear error or a recorded repair, never a silent loss."""

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from grpc_health.v1 import health_pb2
from screening import clock
from screening.cli.app import app as command
from screening.config import Settings
from screening.decisionlog.receipt import prove_inclusion
from screening.decisionlog.record import REPAIR
from screening.errors import DataDirectoryError
from screening.recorded import open_checkpoints, open_log
from screening.storage.sqlite import LOG
from screening.wiring import running
from screening_client import AsyncScreeningClient, NotDecided
from typer.testing import CliRunner

from tests.factories import ICE_JOB, employment
from tests.failure.test_log_faults import health_of, until_health
from tests.logs import alter, sealed_decision, settings_of, write_log


async def repairs(settings: Settings) -> list[str]:
    """Start the log, let it checkpoint, and return what it recorded as repaired."""
    log = open_log(settings)
    checkpoints = await open_checkpoints(settings, log)
    await checkpoints.tick(last=True)
    found = [json.loads(stored.canonical) for stored in await log.read(0, 10_000)]
    await log.close()
    return [fields["what"] for fields in found if fields["kind"] == REPAIR]


def verify(settings: Settings) -> int:
    """Return the exit code of `screening log verify`."""
    return CliRunner().invoke(command, ["log", "verify", "--data", str(settings.data)]).exit_code


async def test_a_half_written_tile_in_the_database_is_made_anew_and_recorded(tmp_path: Path) -> None:
    """From the records, and only if they have the root that was signed."""
    settings = settings_of(tmp_path)
    await write_log(settings, 300)
    with closing(sqlite3.connect(settings.data / "log.db")) as log:
        log.execute("UPDATE tile SET hashes = substr(hashes, 1, 100) WHERE level = 0 AND n = 1")
        log.commit()
    assert verify(settings) == 1
    assert await repairs(settings) == ["tiles_rebuilt"]
    assert verify(settings) == 0


@pytest.mark.parametrize("damage", ["DELETE FROM tile", "UPDATE tile SET hashes = zeroblob(8192)"])
@pytest.mark.parametrize(("level", "n"), [(0, 0), (0, 1), (1, 0)])
async def test_a_full_tile_is_made_anew_at_the_start_and_recorded(
    damage: str, level: int, n: int, tmp_path: Path
) -> None:
    """Also one below another: each is compared with the hash that stands above it, from the signed root down."""
    settings = settings_of(tmp_path)
    await write_log(settings, 600)
    with closing(sqlite3.connect(settings.data / "log.db")) as log:
        log.execute(f"{damage} WHERE level = {level} AND n = {n}")
        log.commit()
    assert verify(settings) == 1
    assert await repairs(settings) == ["tiles_rebuilt"]
    assert verify(settings) == 0


async def test_a_full_tile_that_is_damaged_under_a_running_log_is_made_anew_when_it_is_read(settings: Settings) -> None:
    """On each engine, by whoever asks first: a proof, or an export; and a log without readers looks for itself."""
    log = open_log(settings)
    checkpoints = await open_checkpoints(settings, log)
    appended = await log.append([sealed_decision(settings) for _ in range(700)])
    await checkpoints.tick()
    for damage in ("DELETE FROM tile WHERE n = 0", "UPDATE tile SET hashes = substr(hashes, 1, 64)"):
        alter(settings, LOG, f"{damage} AND level = 0" if "WHERE" in damage else damage)
        proof = await prove_inclusion(log, 3, appended[3].leaf_hash)
        assert proof is not None
    alter(settings, LOG, "DELETE FROM tile WHERE level = 0 AND n = 1")
    await checkpoints.tick(last=True)
    found = [json.loads(stored.canonical) for stored in await log.read(700, 100)]
    await log.close()
    assert [fields["what"] for fields in found] == ["tiles_rebuilt"] * len(found)
    assert found
    assert await repairs(settings) == [fields["what"] for fields in found]


async def test_records_that_cannot_mend_a_tile_stop_the_signing(tmp_path: Path) -> None:
    """A changed record below a damaged tile: nothing is made of it, and nothing is signed any more."""
    settings = settings_of(tmp_path)
    log = open_log(settings)
    checkpoints = await open_checkpoints(settings, log)
    await log.append([sealed_decision(settings) for _ in range(300)])
    await checkpoints.tick()
    alter(
        settings,
        LOG,
        "DELETE FROM tile WHERE level = 0 AND n = 0",
        "UPDATE record SET leaf_hash = zeroblob(32) WHERE log_index = 7",
    )
    await log.append([sealed_decision(settings)])
    await checkpoints.tick()
    signed = await log.checkpoint()
    await log.close()
    assert checkpoints.tampered
    with pytest.raises(DataDirectoryError, match="do not have the root"):
        await repairs(settings)
    assert signed is not None


async def test_a_half_written_exported_tile_is_found_and_exported_anew(tmp_path: Path) -> None:
    """A loss of power leaves one short; the next start sees its length, writes all of them again, and says so."""
    settings = settings_of(tmp_path)
    await write_log(settings, 300)
    tile = settings.tiles_directory / "tile/0/000"
    tile.write_bytes(tile.read_bytes()[:100])
    assert verify(settings) == 1
    assert await repairs(settings) == ["tiles_exported_anew"]
    assert verify(settings) == 0


async def test_a_clock_that_went_back_is_recorded_and_time_goes_on(tmp_path: Path) -> None:
    """Durable times never go back, whatever the clock does."""
    settings = settings_of(tmp_path)
    now = [clock.now() + timedelta(hours=1)]
    time = clock.Clock(lambda: now[0])
    log = open_log(settings, time)
    checkpoints = await open_checkpoints(settings, log, time)
    await log.append([sealed_decision(settings)])
    now[0] -= timedelta(minutes=30)
    await log.append([sealed_decision(settings)])
    await checkpoints.tick(last=True)
    found = await log.read(0, 10)
    await log.close()
    assert [json.loads(stored.canonical).get("what") for stored in found] == [None, None, "clock_went_back"]
    assert [stored.durable_time for stored in found] == sorted(stored.durable_time for stored in found)
    assert verify(settings) == 0


async def test_a_corrupt_write_ahead_log_stops_the_start(tmp_path: Path) -> None:
    """Acknowledged records stand behind the damage; SQLite alone would go on without them."""
    settings = settings_of(tmp_path)
    await write_log(settings, 3)
    log = open_log(settings)
    for _ in range(4):
        await log.append([sealed_decision(settings)])
    killed = tmp_path / "killed" / "data"
    killed.parent.mkdir()
    root("cp", "-r", settings.data, killed)
    await log.close()
    wal = bytearray((killed / "log.db-wal").read_bytes())
    wal[32 + 24 + 50] ^= 1
    (killed / "log.db-wal").write_bytes(bytes(wal))
    with pytest.raises(DataDirectoryError, match="is damaged at frame 1"):
        open_log(settings_of(killed.parent))
    assert verify(settings_of(killed.parent)) == 1


def root(*words: str | Path, codes: tuple[int, ...] = (0,)) -> None:
    """Run what only root may."""
    assert subprocess.run(words, check=False).returncode in codes, words


def image_of(disk: Path) -> Path:
    """Return the file that a disk is in."""
    return disk.with_name("image")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, which can be frozen and made read-only."""
    path = tmp_path / "disk"
    path.mkdir()
    with image_of(path).open("wb") as file:
        file.truncate(64 * 2**20)
    root("mkfs.ext4", "-q", image_of(path))
    root("mount", "-o", "loop", image_of(path), path)
    yield path
    root("umount", "-l", path)


async def test_a_disk_that_hangs_answers_nobody_and_then_resumes(disk: Path) -> None:
    """No answer without its record; readiness drops while a commit hangs; what was accepted is recorded once."""
    async with running(Settings(listen="127.0.0.1:0", data=disk / "data")) as app:
        async with AsyncScreeningClient(f"127.0.0.1:{app.port}", timeout=1) as client:
            kept = await client.screen_employment(employment(ICE_JOB))
            root("fsfreeze", "--freeze", disk)
            try:
                with pytest.raises(NotDecided):
                    await client.screen_employment(employment(request_id="while-it-hangs"))
                await until_health(app.port, health_pb2.HealthCheckResponse.NOT_SERVING)
            finally:
                root("fsfreeze", "--unfreeze", disk)
            await until_health(app.port, health_pb2.HealthCheckResponse.SERVING)
        async with AsyncScreeningClient(f"127.0.0.1:{app.port}", timeout=20) as client:
            later = await client.screen_employment(employment(request_id="while-it-hangs"))
            again = await client.screen_employment(employment(request_id="while-it-hangs"))
            assert (await client.get_decision(kept.decision_id)) == kept
        assert later.decision_id == again.decision_id
        assert await health_of(app.port) == health_pb2.HealthCheckResponse.SERVING


async def test_a_disk_that_turns_read_only_loses_nothing(disk: Path) -> None:
    """As ext4 does on an error: calls are UNAVAILABLE, readiness drops; mounted anew, everything answered is there."""
    settings = Settings(listen="127.0.0.1:0", data=disk / "data", anchor=disk.with_name("anchor"))
    async with running(settings) as app:
        async with AsyncScreeningClient(f"127.0.0.1:{app.port}", timeout=5) as client:
            kept = await client.screen_employment(employment(ICE_JOB))
            root("mount", "-o", "remount,abort", disk)
            with pytest.raises(NotDecided) as refused:
                for _ in range(20):
                    await client.screen_employment(employment())
            assert refused.value.reason in {"LOG_UNAVAILABLE", "NOT_READY"}
            await until_health(app.port, health_pb2.HealthCheckResponse.NOT_SERVING)
    root("umount", disk)
    root("fsck.ext4", "-p", image_of(disk), codes=(0, 1))
    root("mount", "-o", "loop", image_of(disk), disk)
    async with running(settings) as app, AsyncScreeningClient(f"127.0.0.1:{app.port}") as client:
        assert (await client.get_decision(kept.decision_id)) == kept
