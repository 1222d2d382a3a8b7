"""How long one call takes on an idle service, the record on disk included, beside an echo server in the same run."""

import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc

from bench import rung, service
from bench.ladder import rung_server
from bench.questions import employment_questions

CALLS = 500


def measure(scratch: Path) -> list[str]:
    """Return a table of medians in milliseconds; calls are made one after another."""
    body = employment_questions()[0].body
    lines = ["| server | median, ms |", "| --- | ---: |"]
    with ExitStack() as stack:
        _, echo = stack.enter_context(rung_server("echo", scratch / "idle-echo"))
        running = stack.enter_context(service.Service.start(scratch / "idle"))
        for name, target, method in (("echo", echo, rung.METHOD), ("service", running.target, service.UNARY)):
            with grpc.insecure_channel(target) as channel:
                call: Any = channel.unary_unary(method)
                lines.append(f"| {name} | {_median_ms(lambda: call(body)):.2f} |")  # noqa: B023  # called at once
    return lines


def _median_ms(call: Callable[[], object]) -> float:
    times = []
    for _ in range(CALLS):
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)
