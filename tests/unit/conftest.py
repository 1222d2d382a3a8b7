"""The implementations of DecisionLog, for whatever must hold over each of them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from screening import clock
from screening.decisionlog.port import DecisionLog
from screening.storage.log import SqlLog
from screening.storage.memory import MemoryLog
from screening.storage.postgres import PostgresDatabase

from tests.logs import sqlite_log


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[DecisionLog]:
    """Each implementation in turn."""
    made: DecisionLog
    if request.param == "memory":
        made = MemoryLog(clock.now)
    elif request.param == "sqlite":
        made = sqlite_log(tmp_path / "data", clock.now)
    else:
        made = SqlLog(PostgresDatabase(*request.getfixturevalue("postgres").fresh()), clock.now)
    yield made
    await made.close()
