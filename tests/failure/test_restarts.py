"""A log that is opened, written, closed and verified again and again never raises a false alarm.

The tests take a sample; `make log-restarts` does it a thousand times on each engine.
"""

import os
from pathlib import Path

import pytest
from screening.config import Settings
from screening.recorded import open_checkpoints, open_log
from screening.storage import anchor
from screening.storage.audit import Trust, audit
from screening.storage.readonly import PostgresServers, SqliteFiles

from tests.logs import sealed_decision, settings_of
from tests.postgres import Postgres

RESTARTS = int(os.environ.get("LOG_RESTARTS", "10"))
_VERIFY_EVERY = max(1, RESTARTS // 100)
"""A log of a thousand restarts is verified a hundred times, because each time all of it is read."""


def _settings(engine: str, home: Path, request: pytest.FixtureRequest) -> Settings:
    if engine == "sqlite":
        return settings_of(home)
    server: Postgres = request.getfixturevalue("postgres")
    log, keys = server.fresh()
    return Settings(data=home / "data", database=log, keys_database=keys)


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_clean_restarts_raise_no_false_alarm(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Each start finds the log as the last one left it: nothing is repaired, nothing refused, all of it verifies."""
    settings = _settings(engine, tmp_path, request)
    alarms: list[object] = []
    for restart in range(RESTARTS):
        log = open_log(settings)
        checkpoints = await open_checkpoints(settings, log)
        await log.append([sealed_decision(settings) for _ in range(restart % 4)])
        alarms += log.repairs()
        await checkpoints.tick(last=True)
        await log.close()
        if restart % _VERIFY_EVERY == 0:
            alarms += _alarms(settings)
    assert alarms == []


def _alarms(settings: Settings) -> list[str]:
    place = settings.anchor_directory
    notes = [(str(path), path.read_text(encoding="utf-8")) for path in anchor.notes(place)]
    store = (
        PostgresServers(settings.database, settings.keys_database) if settings.database else SqliteFiles(settings.data)
    )
    report = audit(store, Trust(anchor.read_key(place / anchor.KEY), notes), settings.tiles_directory, with_keys=True)
    unanchored = [f"{report.records - report.anchored} unanchored"] if report.anchored < report.records else []
    return [*report.faults, *report.missing, *unanchored]
