"""Fixture strategy: real parts.

One bundle is built for the whole run, because it is immutable; every test that needs a service gets its own, on a free port with a fresh log in a temporary directory. Nothing is mocked; a clock is injected.
"""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings
from screening.bundle import Bundle
from screening.config import Settings
from screening.wiring import App, read_bundle, running
from screening_client import AsyncScreeningClient

from tests.postgres import Postgres

settings.register_profile(
    "screening",
    deadline=None,
    derandomize="CI" in os.environ,  # the same questions in every run of CI; new ones at a desk
    suppress_health_check=[HealthCheck.too_slow],  # the first text that hypothesis draws builds its tables
)
settings.load_profile("screening")


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    """The bundle that the package ships."""
    return read_bundle(Settings())


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server for the whole run; each test makes databases of its own in it."""
    with Postgres() as server:
        yield server


@pytest.fixture(autouse=True)
def quiet_logs() -> Iterator[None]:
    """Keep log lines out of the test output; tests of logging configure their own."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    """A running service on a free port."""
    async with running(Settings(listen="127.0.0.1:0", data=tmp_path / "data")) as running_app:
        yield running_app


@pytest.fixture
async def client(app: App) -> AsyncIterator[AsyncScreeningClient]:
    """A client of the running service."""
    async with AsyncScreeningClient(f"127.0.0.1:{app.port}") as connected:
        yield connected
