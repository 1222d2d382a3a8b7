"""The matrix of kills: each write of a log's life, before it was done and after it, then a restart.

A run of CI takes a sample of the points; `make log-kills` takes all of them.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from screening.config import Settings
from screening.recorded import open_checkpoints, open_database, open_log
from screening.storage import anchor
from screening.storage.audit import Trust, audit
from screening.storage.readonly import SqliteFiles

from tests.failure.mortal import DONE
from tests.logs import sealed_decision
from tests.postgres import Postgres

EVERY = int(os.environ.get("LOG_KILLS_EVERY", "23"))
"""Each how many-th point is taken."""
_SECONDS = 60


def _live(settings: Settings, *words: str) -> tuple[list[str], int]:
    """Run the mortal process; return what it printed, and its exit code."""
    command = [sys.executable, "-m", "tests.failure.mortal", str(settings.data), *words]
    if settings.database:
        command += ["--database", settings.database, "--keys-database", settings.keys_database]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    return done.stdout.splitlines(), done.returncode


def _settings(engine: str, home: Path, request: pytest.FixtureRequest) -> Settings:
    if engine == "sqlite":
        return Settings(data=home / "data")
    server: Postgres = request.getfixturevalue("postgres")
    log, keys = server.fresh()
    return Settings(data=home / "data", database=log, keys_database=keys)


async def _restart(settings: Settings) -> list[str]:
    """Go on with the log as a service would, and return the ids of all its records, in order."""
    log = open_log(settings)
    checkpoints = await open_checkpoints(settings, log)
    await log.append([sealed_decision(settings)])
    await checkpoints.tick(last=True)
    records = [json.loads(stored.canonical)["id"] for stored in await log.read(0, 1_000)]
    await log.close()
    return records


def _verified(settings: Settings) -> tuple[bool, str, list[str]]:
    place = settings.anchor_directory
    notes = [(str(path), path.read_text(encoding="utf-8")) for path in anchor.notes(place)]
    trust = Trust(anchor.read_key(place / anchor.KEY), notes)
    store = open_database(settings) if settings.database else SqliteFiles(settings.data)
    report = audit(store, trust, settings.tiles_directory, with_keys=True)
    return report.integrity, str(report.completeness), report.faults


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
@pytest.mark.parametrize("moment", ["before", "after"])
async def test_killed_at_any_write_the_log_keeps_what_it_acknowledged(
    engine: str, moment: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Every acknowledged record is there, once, and the log verifies after the restart."""
    whole, code = _live(_settings(engine, tmp_path / "whole", request))
    assert code == 0
    word, writes = whole[-1].split()
    assert word == DONE
    first = EVERY // 2 + 1 if EVERY > 1 else 1
    killed = 0
    for point in range(first, int(writes) + 1, EVERY):
        settings = _settings(engine, tmp_path / f"point-{point}", request)
        acknowledged, code = _live(settings, "--point", str(point), *(["--after"] if moment == "after" else []))
        killed += code != 0
        found = Counter(await _restart(settings))
        assert set(found.values()) == {1}, f"write {point} of {writes}"
        assert set(acknowledged) - {f"{DONE} {writes}"} <= set(found), f"write {point} of {writes}"
        assert _verified(settings) == (True, "verified", []), f"write {point} of {writes}"
    assert killed
