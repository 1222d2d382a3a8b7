"""Logs on each engine, for what must hold on both."""

from pathlib import Path

import pytest
from screening.config import Settings

from tests.logs import settings_of
from tests.postgres import Postgres


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of a new log on each engine in turn."""
    if request.param == "sqlite":
        return settings_of(tmp_path)
    server: Postgres = request.getfixturevalue("postgres")
    log, keys = server.fresh()
    return Settings(data=tmp_path / "data", database=log, keys_database=keys)
