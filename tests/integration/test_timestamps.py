"""RFC 3161 time stamps on anchored checkpoints, from an authority on this machine."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from screening import clock
from screening.cli.app import app
from screening.config import Settings
from screening.recorded import open_checkpoints, open_log
from typer.testing import CliRunner

from tests.logs import sealed_decision, settings_of, write_log
from tests.tsa import Tsa


@pytest.fixture
def tsa(tmp_path: Path) -> Iterator[Tsa]:
    """An authority that answers."""
    with Tsa(tmp_path / "tsa") as authority:
        yield authority


@pytest.fixture
def settings(tmp_path: Path, tsa: Tsa) -> Settings:
    """A log whose checkpoints are stamped."""
    return replace(settings_of(tmp_path), tsa_url=tsa.url)


def verify(settings: Settings, roots: Path) -> tuple[int, dict[str, Any]]:
    """Run `screening log verify --tsa-roots`."""
    words = ["log", "verify", "--data", str(settings.data), "--tsa-roots", str(roots), "--json"]
    done = CliRunner().invoke(app, words)
    return done.exit_code, json.loads(done.output)


def stamp_of(settings: Settings, size: int) -> Path:
    """Return the file of a time stamp."""
    return settings.anchor_directory / "checkpoints" / f"{size}.tsr"


async def test_a_kept_checkpoint_is_stamped_and_its_stamp_holds(settings: Settings, tsa: Tsa) -> None:
    """Under the authority's root, and under no other."""
    await write_log(settings, 3)
    code, report = verify(settings, tsa.roots)
    assert (code, report["stamped"], report["unstamped"]) == (0, 1, 0)
    text = CliRunner().invoke(app, ["log", "verify", "--data", str(settings.data), "--tsa-roots", str(tsa.roots)])
    assert "time stamps: 1 hold; 0 kept checkpoints have none" in text.output


async def test_a_stamp_under_another_root_is_a_fault(settings: Settings, tmp_path: Path) -> None:
    """Whoever verifies says whom to trust."""
    await write_log(settings, 3)
    with Tsa(tmp_path / "other") as other:
        code, report = verify(settings, other.roots)
    assert (code, report["stamped"], report["fault_count"]) == (1, 0, 1)
    assert report["faults"][0].startswith("the time stamp 3.tsr")


@pytest.mark.parametrize("change", ["another's", "noise"])
async def test_a_wrong_stamp_is_a_fault(settings: Settings, tsa: Tsa, change: str) -> None:
    """One of another checkpoint, or what is no stamp at all."""
    await write_log(settings, 3)
    await write_log(settings, 3)
    if change == "noise":
        stamp_of(settings, 6).write_bytes(b"noise")
    else:
        shutil.copy(stamp_of(settings, 3), stamp_of(settings, 6))
    code, report = verify(settings, tsa.roots)
    assert (code, report["stamped"], report["fault_count"]) == (1, 1, 1)


async def test_a_missing_stamp_is_said(settings: Settings, tsa: Tsa) -> None:
    """It may never have been given, so it is no fault."""
    await write_log(settings, 3)
    stamp_of(settings, 3).unlink()
    code, report = verify(settings, tsa.roots)
    assert (code, report["stamped"], report["unstamped"]) == (0, 0, 1)


@pytest.mark.parametrize("mode", ["refuse", "fail", "babble"])
async def test_what_was_not_stamped_is_stamped_later(settings: Settings, tsa: Tsa, mode: str) -> None:
    """The checkpoint is anchored at once; the authority is asked again after a while, and not before."""
    now = [clock.now()]
    time = clock.Clock(lambda: now[0])
    log = open_log(settings, time)
    checkpoints = await open_checkpoints(settings, log, time)
    await log.append([sealed_decision(settings)])
    tsa.mode = mode
    await checkpoints.tick()
    await checkpoints.tick()
    assert (tsa.asked, checkpoints.unpublished) == (1, 1)
    assert (settings.anchor_directory / "checkpoints" / "1").exists()
    assert not stamp_of(settings, 1).exists()
    tsa.mode = "grant"
    now[0] += timedelta(minutes=2)
    await checkpoints.tick()
    await log.close()
    code, report = verify(settings, tsa.roots)
    assert (code, report["stamped"], report["unstamped"]) == (0, 1, 0)
