"""Runs the commands of the README as a reader would, except those that CI runs itself and those that do not end."""

import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

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
    found = commands((ROOT / "README.md").read_text(encoding="utf-8"))
    assert SERVE in found
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "data"
        serve = [".venv/bin/screening", "serve", "--listen", "127.0.0.1:50051", "--data", str(data)]
        service = subprocess.Popen(serve, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            assert service.stdout is not None
            assert "serving" in service.stdout.readline()
            failed = [command for command in found if command not in (*RUN_BY_CI, SERVE) and not run(command, data)]
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait(SECONDS)
    for command in failed:
        print(f"README: failed: {command}")
    print(f"README: {len(found)} commands, {len(failed)} failed")
    return 1 if failed else 0


def run(command: str, data: Path) -> bool:
    """Run one command; the README's ./data is the scratch directory here."""
    words = [str(data) if word == "data" else word for word in command.split()]
    if words[:2] == [".venv/bin/screening", "employment"]:
        words += ["--result", str(data.parent / "results.csv")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode not in ACCEPTED.get(command, (0,)):
        print(done.stdout, done.stderr)
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
