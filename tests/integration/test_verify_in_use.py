"""A log is verified while it is written, as a monitor does: there is nothing to find."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from screening.cli.app import app
from typer.testing import CliRunner

from tests.failure.loaded import BEGUN

ROUNDS = 4


def verify(data: Path, addresses: list[str]) -> dict[str, Any]:
    """Run `screening log verify`."""
    done = CliRunner().invoke(app, ["log", "verify", "--data", str(data), *addresses, "--json"])
    report: dict[str, Any] = json.loads(done.output)
    return report


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_a_log_in_use_verifies(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """What is exported, anchored, marked or appended meanwhile is neither a fault nor missing."""
    data = tmp_path / "data"
    addresses: list[str] = []
    if engine == "postgres":
        log, keys = request.getfixturevalue("postgres").fresh()
        addresses = ["--database", log, "--keys-database", keys]
    command = [sys.executable, "-m", "tests.failure.loaded", str(data), *addresses]
    words = tmp_path / "acknowledged"
    with words.open("w") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL) as writer:
        while len(words.read_text().splitlines()) <= len([BEGUN]):
            assert writer.poll() is None
            time.sleep(0.05)
        try:
            found = [verify(data, addresses) for _ in range(ROUNDS)]
        finally:
            writer.kill()
    assert [(report["faults"], report["missing"]) for report in found] == [([], [])] * ROUNDS
    assert found[-1]["records"] > found[0]["records"]
