"""An instance that integrates is killed beside another on the same PostgreSQL, which goes on with the same tree."""

import asyncio
import subprocess
import sys
from pathlib import Path

from screening.cli.app import app as command
from screening.config import Settings
from screening.recorded import open_checkpoints, open_log, open_signer
from screening.storage.postgres import PostgresSession
from typer.testing import CliRunner

from tests.failure.loaded import BEGUN
from tests.logs import sealed_decision
from tests.postgres import Postgres

_WAITS = 300


async def test_a_killed_leader_is_followed_by_the_instance_beside_it(tmp_path: Path, postgres: Postgres) -> None:
    """Kill -9 under load: the other signs nothing before and everything after, and what was acknowledged is there, once."""
    log, keys = postgres.fresh()
    leader = Settings(data=tmp_path / "leader", database=log, keys_database=keys)
    follower = Settings(
        data=tmp_path / "follower",
        database=log,
        keys_database=keys,
        keys=leader.keys_directory,
        anchor=leader.anchor_directory,
    )
    words = [str(leader.data), "--database", log, "--keys-database", keys]
    with subprocess.Popen(  # noqa: ASYNC220  # another process is what the test is about
        [sys.executable, "-m", "tests.failure.loaded", *words], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == BEGUN
        acknowledged = [process.stdout.readline().strip() for _ in range(20)]
        beside = open_log(follower)
        checkpoints = await open_checkpoints(follower, beside)
        signer = open_signer(follower)
        for _ in range(5):
            await beside.append([sealed_decision(follower)])
            assert await beside.integrate(signer) is None
        process.kill()
        acknowledged += process.stdout.read().split("\n")[:-1]
    before = await beside.checkpoint()
    for _ in range(_WAITS):
        if await beside.integrate(signer) is not None:
            break
        await asyncio.sleep(0.1)
    (appended,) = await beside.append([sealed_decision(follower)])
    await checkpoints.tick(last=True)
    after = await beside.checkpoint()
    ids = [record for row in await beside.read(0, 100_000) if (record := row.canonical)]
    await beside.close()
    assert before is not None
    assert after is not None
    assert after.head.size == appended.index + 1 == len(ids) > before.head.size
    whole = b"".join(ids).decode()
    assert all(whole.count(f'"id":"{each}"') == 1 for each in acknowledged)
    verified = CliRunner().invoke(
        command,
        ["log", "verify", "--data", str(follower.data), "--anchor", str(follower.anchor_directory)],
        env={
            "SCREENING_DATABASE": log,
            "SCREENING_KEYS_DATABASE": keys,
            "SCREENING_KEYS": str(leader.keys_directory),
        },
    )
    assert verified.exit_code == 0, verified.output


def test_the_server_is_told_to_end_the_session_of_a_machine_that_is_gone(postgres: Postgres) -> None:
    """Its lock ends with it; by themselves servers wait for hours."""
    session = PostgresSession(postgres.fresh()[0])
    told = {
        name: session.execute(f"SHOW {name}").fetchone()[0]
        for name in ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout")
    }
    session.close()
    assert told == {
        "tcp_keepalives_idle": "5",
        "tcp_keepalives_interval": "2",
        "tcp_keepalives_count": "3",
        "tcp_user_timeout": "10000",
    }
