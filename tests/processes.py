"""A service in a process of its own, as users start it."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

START_SECONDS = 30


class ServiceProcess:
    """`screening serve` on a free port. `stdout` and `stderr` are kept after the end."""

    def __init__(self, data: Path, *words: str, **environ: str) -> None:
        command = [sys.executable, "-m", "screening", "serve", "--listen", "127.0.0.1:0", "--data", str(data), *words]
        self._errors = (data.parent / "stderr.txt").open("w+")
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self._errors, text=True, env={**os.environ, **environ}
        )
        assert self.process.stdout is not None
        self.stdout = self.process.stdout.readline()
        found = re.search(r"serving on (\S+)", self.stdout)
        if not found:
            self.process.wait(START_SECONDS)
            raise RuntimeError(f"the service did not start: {self.stderr}")
        self.target = found[1]

    @property
    def stderr(self) -> str:
        """What was written to standard error so far."""
        self._errors.flush()
        return Path(self._errors.name).read_text()

    def stop(self) -> int:
        """Send SIGTERM and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(START_SECONDS)
        self._close()
        return code

    def kill(self) -> None:
        """Kill the process without warning."""
        self.process.kill()
        self.process.wait(START_SECONDS)
        self._close()

    def _close(self) -> None:
        if self.process.stdout is not None and not self.process.stdout.closed:
            self.stdout += self.process.stdout.read()
            self.process.stdout.close()

    def __enter__(self) -> Self:
        """Return the running service."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it if it still runs."""
        if self.process.poll() is None:
            self.kill()
        self._close()
        self._errors.close()
