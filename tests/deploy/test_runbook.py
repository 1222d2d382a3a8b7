"""Every command of the runbook, run as the person who was woken would run it."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.deploy.conftest import DEPLOY, Watched

BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)


def test_every_command_of_the_runbook_works(watched: Watched) -> None:
    """In order, each with exit code 0; those that show something show something."""
    runbook = (DEPLOY / "RUNBOOK.md").read_text(encoding="utf-8")
    environ = os.environ | {
        "METRICS": watched.metrics,
        "DATA": str(watched.data),
        "LINES": str(watched.lines),
        "PROMETHEUS": watched.prometheus.address,
        "ANCHOR": str(watched.data.with_name("data-anchor")),
        "BACKUP": str(watched.scratch / "backup"),
        "PID": str(watched.pid),
        "TARGET": watched.target,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    blocks = BLOCK.findall(runbook)
    assert blocks
    for block in blocks:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, (block, done.stdout, done.stderr)
