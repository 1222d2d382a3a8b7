"""What it costs to decide, in one process and without network or log: law alone, cold and remembered."""

import statistics
import time
from collections.abc import Callable
from functools import partial

from city.screening.v1 import screening_service_pb2
from screening import clock, config, screen
from screening.wiring import read_bundle

from bench.questions import employment_questions, information_questions

_CALLS = 2_000
_pb = screening_service_pb2


def measure() -> list[str]:
    """Return a table of medians in microseconds."""
    bundle = read_bundle(config.from_environ({}))
    lines = ["| question | decide, us |", "| --- | ---: |"]
    for question in (*employment_questions(), *information_questions()):
        kind = _pb.ScreenEmploymentRequest if question.name.startswith("form") else _pb.ScreenInformationRequestRequest
        request = kind.FromString(question.body)
        request.policy_pack = "la_city"
        took = _median_us(partial(screen.decide, request, bundle, clock.today(), _untimed))
        lines.append(f"| {question.name} | {took:.1f} |")
    return lines


def _median_us(call: Callable[[], object]) -> float:
    times = []
    for _ in range(_CALLS):
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1e6)
    return statistics.median(times)


def _untimed(stage: str) -> None:
    """Take no time."""
