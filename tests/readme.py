"""Runs the commands of the README as a reader would, except those that CI runs itself and those that do not end."""

import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from screening.cli.connection import DEFAULT_TARGET

ROOT = Path(__file__).parent.parent
RUN_BY_CI = ("make test",)
SERVE = "make run"
ACCEPTED = {".venv/bin/screening log verify --data data": (0, 3)}
SECONDS = 300


def commands(text: str) -> list[str]:
    """Return the commands of the README's plain code blocks."""
    return [line for block in re.findall(r"```\n(.*?)```", text, re.DOTALL) for line in block.strip().splitlines()]


def main() -> int:
    """Run them and return the exit code."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = commands(text)
    assert SERVE in found
    assert f"starts it on {DEFAULT_TARGET}" in text, "the verbs would not find the service that `make run` starts"
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "data"
        serve = [".venv/bin/screening", "serve", "--listen", "127.0.0.1:0", "--data", str(data)]
        service = subprocess.Popen(serve, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            assert service.stdout is not None
            target = listening_on(service.stdout.readline())
            failed = [c for c in found if c not in (*RUN_BY_CI, SERVE) and not run(c, data, target)]
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait(SECONDS)
    for command in failed:
        print(f"README: failed: {command}")
    print(f"README: {len(found)} commands, {len(failed)} failed")
    return 1 if failed else 0


def listening_on(line: str) -> str:
    """Return the HOST:PORT in the line with which the service says that it is serving."""
    serving = re.search(r"serving on (\S+:\d+)", line)
    assert serving, line
    return serving[1]


def run(command: str, data: Path, target: str) -> bool:
    """Run one command; the README's ./data is the scratch directory here, and its service that on `target`."""
    words = [str(data) if word == "data" else word for word in command.split()]
    if words[1:2] in (["employment"], ["request"]) and "--local" not in words:
        words += ["--target", target]
    if words[:2] == [".venv/bin/screening", "employment"]:
        words += ["--result", str(data.parent / "results.csv")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode not in ACCEPTED.get(command, (0,)):
        print(done.stdout, done.stderr)
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
