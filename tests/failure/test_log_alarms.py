"""What ops is told when the log contradicts itself or its checkpoints cannot leave the machine."""

import asyncio
import re
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from urllib.request import urlopen

import pytest
from screening.config import Settings
from screening.wiring import App, running
from screening_client import AsyncScreeningClient

from tests.factories import ICE_JOB, employment


@pytest.fixture
async def anchored(tmp_path: Path) -> AsyncIterator[App]:
    """A service that signs and anchors a checkpoint five times a second."""
    settings = Settings(
        listen="127.0.0.1:0", data=tmp_path / "data", metrics_listen="127.0.0.1:0", checkpoint_seconds=0.2
    )
    async with running(settings) as app:
        yield app


async def decide(app: App) -> None:
    """Have one decision made and recorded."""
    async with AsyncScreeningClient(f"127.0.0.1:{app.port}") as client:
        await client.screen_employment(employment(ICE_JOB))


async def metric(app: App, name: str) -> float:
    """Return a metric's value now."""

    def read() -> str:
        with urlopen(f"http://127.0.0.1:{app.metrics_port}/metrics", timeout=10) as reply:
            return str(reply.read().decode())

    found = re.search(rf"^{re.escape(name)} (\S+)$", await asyncio.to_thread(read), re.MULTILINE)
    assert found, name
    return float(found[1])


async def until(app: App, name: str, least: float) -> None:
    """Wait until a metric has a value."""
    while await metric(app, name) < least:
        await asyncio.sleep(0.05)


async def test_a_log_that_contradicts_what_was_signed_shows_in_metric_and_health(anchored: App) -> None:
    """Although it can be written: that nothing is signed any more must not wait for somebody to look."""
    await decide(anchored)
    while not await anchored.log.checkpoint():
        await asyncio.sleep(0.05)
    assert await metric(anchored, "screening_log_tampered") == 0
    with closing(sqlite3.connect(anchored.settings.data / "log.db")) as log:
        log.execute("UPDATE checkpoint SET note = 'what nobody signed'")
        log.commit()
    await until(anchored, "screening_log_tampered", 1)
    assert await metric(anchored, "screening_log_healthy") == 1
    anchored.health.look()
    assert anchored.health.failing == ["log"]
    assert await metric(anchored, 'screening_condition{condition="log"}') == 0


async def test_checkpoints_that_cannot_be_anchored_are_counted_until_they_can(anchored: App) -> None:
    """Decisions go on meanwhile, and the newest checkpoint covers all of them once the anchor is back."""
    anchor = anchored.settings.anchor_directory
    shutil.rmtree(anchor)
    anchor.write_text("not a directory")
    await decide(anchored)
    await until(anchored, "screening_checkpoints_unpublished_total", 2)
    anchored.health.look()
    assert not anchored.health.failing
    anchor.unlink()
    anchor.mkdir()
    while not (anchor / "checkpoint").exists():
        await asyncio.sleep(0.05)
    before = await metric(anchored, "screening_checkpoints_unpublished_total")
    await asyncio.sleep(0.5)
    assert await metric(anchored, "screening_checkpoints_unpublished_total") == before
