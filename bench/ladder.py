"""What one unary decision costs, step by step: servers that each do one thing more, driven in turn.

The rungs of `bench/rung.py`, then the service itself without and with traces. The next optimisation is chosen by the
differences between neighbours.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from bench import load, rung, service
from bench.duel import Leg, fight
from bench.questions import Question
from bench.receiver import Receiver


def climb(scratch: Path, questions: list[Question], rounds: int) -> list[Leg]:
    """Measure every rung `rounds` times and return the legs, from the bottom up."""
    bodies = [question.body for question in questions]
    with ExitStack() as stack:
        legs = []
        for name in rung.RUNGS:
            process, target = stack.enter_context(rung_server(name, scratch / f"rung-{name}"))
            legs.append(_leg(name, target, rung.METHOD, bodies, process))
        receiver = stack.enter_context(Receiver())
        for name, environ in (("service", {}), ("service, traced", {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint})):
            running = stack.enter_context(service.Service.start(scratch / f"ladder-{len(legs)}", **environ))
            legs.append(_leg(name, running.target, service.UNARY, bodies, psutil.Process(running.process.pid)))
        fight(legs, rounds)
        return legs


@contextmanager
def rung_server(name: str, data: Path) -> Iterator[tuple[psutil.Process, str]]:
    """Run one rung as a server; yield its process and address."""
    process = subprocess.Popen([sys.executable, "-m", "bench.rung", name, str(data)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield psutil.Process(process.pid), f"127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()


def _leg(name: str, target: str, method: str, bodies: list[bytes], process: psutil.Process) -> Leg:
    done = [0]

    def drive(seconds: int) -> load.Outcome:
        outcome = load.drive(target, method, bodies, seconds=seconds)
        done[0] += outcome.calls
        return outcome

    def cpu() -> float:
        times = process.cpu_times()
        return float(times.user + times.system)

    return Leg(name, drive, lambda: done[0], cpu)
