"""What happens to callers and to the record when the disk or the process fails."""

import asyncio
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from screening.cli.app import app as command
from screening.config import Settings
from screening.wiring import running
from screening_client import AsyncScreeningClient, NotDecided, ScreeningClient
from typer.testing import CliRunner

from tests.factories import ICE_JOB, employment
from tests.processes import ServiceProcess


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MiB."""
    path = tmp_path / "disk"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(path)], check=True)
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def fill(path: Path) -> None:
    """Write until the disk is full."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT)
    with pytest.raises(OSError, match="No space"):
        while True:
            os.write(handle, b"0" * 4096)
    os.close(handle)


async def health_of(port: int) -> int:
    """Return what the health service says."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        return int((await stub.Check(health_pb2.HealthCheckRequest())).status)


async def until_health(port: int, status: int) -> None:
    """Wait until the health service says so."""
    for _ in range(100):
        if await health_of(port) == status:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the health status did not come")


async def test_a_full_disk_answers_unavailable_and_recovers_by_itself(small_disk: Path) -> None:
    """No decision without its record; readiness drops; room on the disk brings everything back."""
    data = small_disk / "data"
    async with running(Settings(listen="127.0.0.1:0", data=data)) as app:
        async with AsyncScreeningClient(f"127.0.0.1:{app.port}", timeout=2) as client:
            kept = await client.screen_employment(employment(ICE_JOB))
            ballast = small_disk / "ballast"
            fill(ballast)
            with pytest.raises(NotDecided) as raised:
                for _ in range(300):
                    await client.screen_employment(employment())
            assert raised.value.reason == "LOG_UNAVAILABLE"
            await until_health(app.port, health_pb2.HealthCheckResponse.NOT_SERVING)
            ballast.unlink()
            for _ in range(50):
                try:
                    later = await client.screen_employment(employment())
                    break
                except NotDecided:
                    await asyncio.sleep(0.1)
            await until_health(app.port, health_pb2.HealthCheckResponse.SERVING)
            assert (await client.get_decision(kept.decision_id)) == kept
            assert (await client.get_decision(later.decision_id)) == later


def test_killed_under_load_every_acknowledged_decision_is_there(tmp_path: Path) -> None:
    """Kill -9 in the middle; after a restart each answered decision is found and the log verifies."""
    data = tmp_path / "data"
    acknowledged: list[str] = []
    with ServiceProcess(data) as service:
        stop = threading.Event()

        def load() -> None:
            with ScreeningClient(service.target, timeout=2) as client:
                while not stop.is_set():
                    try:
                        acknowledged.append(client.screen_employment(employment(ICE_JOB)).decision_id)
                    except NotDecided:
                        return

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(2)
        service.kill()
        stop.set()
        for thread in threads:
            thread.join()
    assert len(acknowledged) > 50
    with ServiceProcess(data) as again:
        with ScreeningClient(again.target) as client:
            found = [client.get_decision(decision_id).decision_id for decision_id in acknowledged]
        assert again.stop() == 0
    assert found == acknowledged
    verified = CliRunner().invoke(command, ["log", "verify", "--data", str(data)])
    assert verified.exit_code == 0, verified.output
    assert "integrity: verified" in verified.output


def test_a_service_that_is_told_to_stop_finishes_what_it_accepted(tmp_path: Path) -> None:
    """SIGTERM under load: exit code 0, calls either answered or failed as undecided, and every answer recorded."""
    data = tmp_path / "data"
    answered: list[str] = []
    reasons: set[str] = set()
    with ServiceProcess(data) as service:

        def load() -> None:
            with ScreeningClient(service.target, timeout=1) as client:
                while True:
                    try:
                        answered.append(client.screen_employment(employment()).decision_id)
                    except NotDecided as error:
                        reasons.add(error.reason)
                        return

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        assert service.stop() == 0
        for thread in threads:
            thread.join()
    assert reasons <= {"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"}
    with ServiceProcess(data) as again:
        with ScreeningClient(again.target) as client:
            assert all(client.get_decision(decision_id) for decision_id in answered)
        assert again.stop() == 0


@pytest.mark.parametrize("taken", ["log.db", "log.db-wal", "keys.db", "keys.db-wal", "."])
async def test_files_that_are_taken_from_under_the_service_are_missed_at_once(taken: str, tmp_path: Path) -> None:
    """SQLite would go on writing into them: nobody is answered, readiness drops without a call; put back, it resumes."""
    data = tmp_path / "data"
    async with running(Settings(listen="127.0.0.1:0", data=data)) as app:
        async with AsyncScreeningClient(f"127.0.0.1:{app.port}", timeout=5) as client:
            kept = await client.screen_employment(employment(ICE_JOB))
            (data / taken).rename(tmp_path / "taken")
            with pytest.raises(NotDecided) as refused:
                await client.screen_employment(employment(ICE_JOB))
            assert refused.value.reason in {"LOG_UNAVAILABLE", "NOT_READY"}
            await until_health(app.port, health_pb2.HealthCheckResponse.NOT_SERVING)
            (tmp_path / "taken").rename(data / taken)
            await until_health(app.port, health_pb2.HealthCheckResponse.SERVING)
            later = await client.screen_employment(employment(ICE_JOB))
            assert [await client.get_decision(each.decision_id) for each in (kept, later)] == [kept, later]


async def test_files_that_are_removed_are_missed_by_a_service_that_nobody_asks(tmp_path: Path) -> None:
    """And a copy in their place is not written to: only a start compares it with the anchor."""
    data = tmp_path / "data"
    async with running(Settings(listen="127.0.0.1:0", data=data)) as app:
        shutil.copytree(data, tmp_path / "copy")
        shutil.rmtree(data)
        await until_health(app.port, health_pb2.HealthCheckResponse.NOT_SERVING)
        shutil.copytree(tmp_path / "copy", data, dirs_exist_ok=True)
        await asyncio.sleep(2)
        assert await health_of(app.port) == health_pb2.HealthCheckResponse.NOT_SERVING
