"""The same request_id sent fifty times at once, through two instances of the service: one record, one decision."""

import asyncio
import json
from pathlib import Path

import pytest
from screening.cli.app import app as command
from screening.config import Settings
from screening.wiring import running
from screening_client import AsyncScreeningClient
from typer.testing import CliRunner

from tests.factories import ICE_JOB, employment
from tests.postgres import Postgres
from tests.processes import ServiceProcess

TIMES = 50


async def ask_at_once(targets: list[str]) -> set[str]:
    """Send one question fifty times at once, over a connection each, and return the decisions' ids."""

    async def ask(number: int) -> str:
        async with AsyncScreeningClient(targets[number % len(targets)], timeout=60) as client:
            return (await client.screen_employment(employment(ICE_JOB, request_id="the-same-one"))).decision_id

    return set(await asyncio.gather(*(ask(number) for number in range(TIMES))))


def decisions(data: Path, environ: dict[str, str]) -> int:
    """Verify the log and return how many decisions it holds."""
    done = CliRunner().invoke(command, ["log", "verify", "--data", str(data), "--json"], env=environ)
    assert done.exit_code in (0, 3), done.output
    return int(json.loads(done.stdout)["kinds"]["decision"])


async def test_through_two_instances_on_one_postgresql(tmp_path: Path, postgres: Postgres) -> None:
    """Each has a data directory of its own; keys and database are shared."""
    log, keys = postgres.fresh()
    shared = tmp_path / "keys"
    one, two = (
        Settings(
            listen="127.0.0.1:0",
            data=tmp_path / name / "data",
            database=log,
            keys_database=keys,
            keys=shared,
            anchor=tmp_path / "anchor",
        )
        for name in ("one", "two")
    )
    async with running(one) as first, running(two) as second:
        ids = await ask_at_once([f"127.0.0.1:{first.port}", f"127.0.0.1:{second.port}"])
    assert len(ids) == 1
    environ = {"SCREENING_DATABASE": log, "SCREENING_KEYS_DATABASE": keys, "SCREENING_ANCHOR": str(tmp_path / "anchor")}
    assert decisions(one.data, environ) == 1


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_through_two_workers(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Fifty connections, which the kernel shares out between the two."""
    environ = {"SCREENING_WORKERS": "2"}
    if engine == "postgres":
        log, keys = request.getfixturevalue("postgres").fresh()
        environ |= {"SCREENING_DATABASE": log, "SCREENING_KEYS_DATABASE": keys}
    data = tmp_path / "data"
    with ServiceProcess(data, **environ) as service:
        ids = asyncio.run(ask_at_once([service.target]))
        assert service.stop() == 0
    assert len(ids) == 1
    assert decisions(data, environ) == 1
