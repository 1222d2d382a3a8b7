"""The service as users start it, `screening serve` on embedded defaults, and the receiver that it exports traces to."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil
from city.screening.v1 import screening_service_pb2
from screening_client.together import MOST

_pb = screening_service_pb2
UNARY = "/city.screening.v1.ScreeningService/ScreenEmployment"
UNARY_INFORMATION = "/city.screening.v1.ScreeningService/ScreenInformationRequest"
BATCH = "/city.screening.v1.ScreeningService/BatchScreenEmployment"
STREAM = "/city.screening.v1.ScreeningService/StreamScreenEmployment"
_STOP_SECONDS = 60


def batch(body: bytes, items: int) -> bytes:
    """Return a batch as bytes: one question `items` times, each with a key of its own."""
    question = _pb.ScreenEmploymentRequest.FromString(body)
    call = _pb.BatchScreenEmploymentRequest()
    for number in range(items):
        call.items.add(key=f"k{number}", request=question)
    return call.SerializeToString()


def streamed(body: bytes) -> bytes:
    """Return one message of a stream as bytes: one question as often as the client takes questions together."""
    question = _pb.ScreenEmploymentRequest.FromString(body)
    message = _pb.StreamScreenEmploymentRequest()
    for number in range(MOST):
        message.items.add(key=f"k{number}", request=question)
    return message.SerializeToString()


def fresh(body: bytes, messages: int) -> list[bytes]:
    """Return messages of a stream in which no two questions have the same employer or the same words."""
    made = []
    for first in range(0, messages * MOST, MOST):
        message = _pb.StreamScreenEmploymentRequest()
        for number in range(first, first + MOST):
            item = message.items.add(key=f"k{number}")
            item.request.ParseFromString(body)
            item.request.facts.employer_name += f" {_word(number)}"
            item.request.facts.role += f" {_word(number)}"
        made.append(message.SerializeToString())
    return made


def _word(number: int) -> str:
    """Return a word of letters for each number."""
    return "".join(chr(ord("a") + int(digit)) for digit in f"{number:06}")


@dataclass
class Service:
    """A running service. Use it as a context manager."""

    process: subprocess.Popen[str]
    target: str
    data: Path

    @classmethod
    def start(cls, data: Path, options: Sequence[str] = (), **environ: str) -> Self:
        """Start the service on a free port with its data in `data`, and wait until it serves."""
        command = [sys.executable, "-m", "screening", "serve", "--listen", "127.0.0.1:0", "--data", str(data), *options]
        errors = data.with_suffix(".log").open("w")
        environment = {**os.environ, **environ}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)
        assert process.stdout is not None
        found = re.search(r"serving on (\S+)", process.stdout.readline())
        if not found:
            raise RuntimeError(f"the service did not start: {data.with_suffix('.log').read_text()}")
        return cls(process, found[1], data)

    def decisions(self) -> int:
        """Return how many decisions its log holds."""
        with sqlite3.connect(f"file:{self.data}/log.db?mode=ro", uri=True) as log:
            return int(log.execute("SELECT count(*) FROM record WHERE kind = 'decision'").fetchone()[0])

    def traces(self) -> set[str]:
        """Return the trace ids of the calls whose decisions its log holds."""
        with sqlite3.connect(f"file:{self.data}/log.db?mode=ro", uri=True) as log:
            query = (
                "SELECT DISTINCT json_extract(CAST(canonical AS TEXT), '$.trace') FROM record WHERE kind = 'decision'"
            )
            return {row[0] for row in log.execute(query)}

    def cpu_seconds(self) -> float:
        """Return the processor time that its processes have used."""
        times = [process.cpu_times() for process in self._processes()]
        return float(sum(used.user + used.system for used in times))

    def memory_bytes(self) -> int:
        """Return the resident memory of its processes now."""
        return int(sum(process.memory_info().rss for process in self._processes()))

    def _processes(self) -> list[psutil.Process]:
        first = psutil.Process(self.process.pid)
        return [first, *first.children(recursive=True)]

    def __enter__(self) -> Self:
        """Return the running service."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it as ops would."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(_STOP_SECONDS)


def verify(data: Path) -> str:
    """Verify the log of a stopped service; return the verifier's words and its exit code, on one line."""
    command = [sys.executable, "-m", "screening", "log", "verify", "--data", str(data)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return f"{'; '.join(done.stdout.split(chr(10))).strip('; ')} (exit {done.returncode})"
