"""The matrix of ends: each write of a log's life, before it was done and after it, killed or failed, then a restart.

A run of CI takes a sample of the points and a few kills at random; `make log-kills` takes all points and 200 kills.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from screening.config import Settings
from screening.decisionlog.record import ERASURE
from screening.recorded import open_checkpoints, open_database, open_log
from screening.storage import anchor
from screening.storage.audit import Trust, audit
from screening.storage.readonly import SqliteFiles

from tests.failure.loaded import BEGUN
from tests.failure.mortal import DONE, NOT_STARTED
from tests.logs import sealed_decision
from tests.postgres import Postgres

EVERY = int(os.environ.get("LOG_KILLS_EVERY", "47"))
"""Each how many-th point is taken."""
KILLS = int(os.environ.get("LOG_RANDOM_KILLS", "2"))
"""Kills at random under load."""
KILLS_A_LOG = 20
"""After so many a new log is begun, so that verifying stays quick."""
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


async def _restart(settings: Settings) -> list[dict[str, Any]]:
    """Go on with the log as a service would, and return all its records, in order, and whether each has its key."""
    log = open_log(settings)
    checkpoints = await open_checkpoints(settings, log)
    await log.append([sealed_decision(settings)])
    await checkpoints.tick(last=True)
    records = [
        {**json.loads(stored.canonical), "has_key": stored.wrapped_key is not None}
        for stored in await log.read(0, 1_000_000)
    ]
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
@pytest.mark.parametrize("end", ["killed", "failed"])
async def test_at_any_write_the_log_keeps_what_it_acknowledged(
    engine: str, moment: str, end: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Every acknowledged record is there, once, also if it was asked for twice; what is recorded as erased has no key.

    The log verifies after a restart.
    """
    whole, code = _live(_settings(engine, tmp_path / "whole", request))
    assert code == 0
    word, writes = whole[-1].split()
    assert word == DONE
    how = [*(["--after"] if moment == "after" else []), *(["--fail"] if end == "failed" else [])]
    first = EVERY // 2 + 1 if EVERY > 1 else 1
    killed = 0
    for point in range(first, int(writes) + 1, EVERY):
        at = f"write {point} of {writes}"
        settings = _settings(engine, tmp_path / f"point-{point}", request)
        printed, code = _live(settings, "--point", str(point), *how)
        killed += code != 0
        assert end == "killed" or code in (0, NOT_STARTED), at
        acknowledged = {line for line in printed if not line.startswith(DONE)}
        found = await _restart(settings)
        assert set(Counter(record["id"] for record in found).values()) == {1}, at
        assert acknowledged <= {record["id"] for record in found}, at
        asked = Counter(record["request"] for record in found if record.get("request"))
        assert set(asked.values()) <= {1}, at
        erased = {decision for record in found if record["kind"] == ERASURE for decision in record["decisions"]}
        assert not [record for record in found if record["id"] in erased and record["has_key"]], at
        assert _verified(settings) == (True, "verified", []), at
    assert killed or end == "failed"


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_killed_at_random_under_load_the_log_keeps_what_it_acknowledged(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Again and again on the same log: each acknowledged record is there, once, and it verifies after each restart."""
    draw = random.Random(KILLS)
    acknowledged: set[str] = set()
    for kill in range(KILLS):
        if kill % KILLS_A_LOG == 0:
            settings = _settings(engine, tmp_path / f"log-{kill}", request)
            acknowledged = set()
        printed = _loaded(settings, draw.uniform(0.02, 0.6))
        acknowledged |= set(printed)
        found = Counter(record["id"] for record in await _restart(settings))
        assert set(found.values()) == {1}, f"kill {kill}"
        assert acknowledged <= set(found), f"kill {kill}"
        assert _verified(settings) == (True, "verified", []), f"kill {kill}"
    assert acknowledged


def _loaded(settings: Settings, seconds: float) -> list[str]:
    """Put load on the log, kill it after so many seconds, and return what was acknowledged."""
    command = [sys.executable, "-m", "tests.failure.loaded", str(settings.data)]
    if settings.database:
        command += ["--database", settings.database, "--keys-database", settings.keys_database]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == BEGUN
        time.sleep(seconds)
        process.kill()
        lines = process.stdout.read().split("\n")
    return [line for line in lines[:-1] if line]  # what stands after the last line break was cut short
