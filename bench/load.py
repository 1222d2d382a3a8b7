"""Drives one address with load and says how it went. Loopback only, bounded, stops by itself.

Unary calls and batches come from several h2load processes, each with a body of its own (h2load is in Debian's package
nghttp2-client); streams from client processes of our own, `bench/stream_client.py`. h2load takes a refused call for a
success, so callers compare the numbers with the decision log.
"""

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from screening_client.together import MOST

from bench import stream_client
from bench.cerbos import framed

CONNECTIONS = 4
"""Connections of one h2load process, if not told otherwise."""
IN_FLIGHT = 8
"""Calls in flight on one connection, if not told otherwise."""
_WINDOW_BITS = 24
_DONE = re.compile(r"requests: (\d+) total, .* (\d+) succeeded")


class Missing(RuntimeError):
    """The load generator cannot be had; the text says why."""


def install() -> None:
    """See that h2load is there, and install Debian's package if it may be. Raises Missing."""
    if shutil.which("h2load"):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-qq"], check=False, capture_output=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "nghttp2-client"], check=False, capture_output=True)
    if not shutil.which("h2load"):
        raise Missing("h2load is not installed (Debian: nghttp2-client), so nothing can be driven with it")


@dataclass(frozen=True)
class Outcome:
    """How one load went: calls answered, over how many seconds."""

    calls: int
    seconds: float


@dataclass(frozen=True)
class Crowd:
    """How many calls one h2load process has in flight: on so many connections, so many on each."""

    connections: int = CONNECTIONS
    in_flight: int = IN_FLIGHT

    @property
    def options(self) -> list[str]:
        """Return h2load's options for it."""
        return ["-c", str(self.connections), "-m", str(self.in_flight)]


def drive(target: str, method: str, bodies: Sequence[bytes], *, seconds: int, crowd: Crowd = Crowd()) -> Outcome:
    """Send calls for so many seconds, from one process a body, as fast as they are answered."""
    outputs = _run(target, method, bodies, [*crowd.options, "-D", str(seconds)])
    return Outcome(sum(_succeeded(output) for output in outputs), seconds)


def latencies(target: str, method: str, bodies: Sequence[bytes], *, rate: float, seconds: int) -> list[float]:
    """Send calls at a fixed rate a second in all, and return the time of each in milliseconds, sorted."""
    a_connection = max(1, round(rate / len(bodies) / CONNECTIONS))
    with tempfile.TemporaryDirectory() as scratch:
        logs = [Path(scratch) / f"{number}.log" for number in range(len(bodies))]
        each = [["--log-file", str(log)] for log in logs]
        _run(target, method, bodies, [*Crowd().options, "-D", str(seconds), "--rps", str(a_connection)], each)
        rows = [line.split("\t") for log in logs for line in log.read_text().splitlines()]
    return sorted(int(row[2]) / 1000 for row in rows)


def percentiles(times: Sequence[float]) -> tuple[float, float, float]:
    """Return p50, p99 and p99.9 of sorted times."""
    cuts = statistics.quantiles(times, n=1000, method="inclusive")
    return cuts[499], cuts[989], cuts[998]


def _run(
    target: str, method: str, bodies: Sequence[bytes], options: Sequence[str], each: Sequence[Sequence[str]] = ()
) -> list[str]:
    with tempfile.TemporaryDirectory() as scratch:
        processes = []
        for number, body in enumerate(bodies):
            file = Path(scratch) / f"{number}.bin"
            file.write_bytes(framed(body))
            command = ["h2load", "-t", "1", "-d", str(file)]
            command += ["-w", str(_WINDOW_BITS), "-W", str(_WINDOW_BITS)]
            command += ["-H", "content-type: application/grpc", "-H", "te: trailers", *options]
            command += [*(each[number] if each else ()), f"http://{target}{method}"]
            processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
        return [process.communicate()[0] for process in processes]


def _succeeded(output: str) -> int:
    found = _DONE.search(output)
    return int(found[2]) if found else 0


def drive_streams(target: str, method: str, sent: Sequence[Sequence[bytes]], *, seconds: int) -> Outcome:
    """Send items for so many seconds, from one process for each list of messages, and wait for as many answers."""
    with tempfile.TemporaryDirectory() as scratch:
        processes = []
        for number, messages in enumerate(sent):
            file = Path(scratch) / f"{number}.bin"
            file.write_bytes(stream_client.framed(messages))
            command = [sys.executable, "-m", "bench.stream_client", target, method, str(file), str(seconds)]
            processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        spans = [process.communicate()[0].split() for process in processes]
    began = min(float(span[1]) for span in spans)
    ended = max(float(span[2]) for span in spans)
    return Outcome(sum(int(span[0]) for span in spans) * MOST, ended - began)
