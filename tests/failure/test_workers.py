import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from screening_client import ScreeningClient

from tests.factories import employment
from tests.processes import START_SECONDS, ServiceProcess

ROUNDS, ITEMS = 12, 40


@pytest.fixture
def two(tmp_path: Path) -> ServiceProcess:
    """A service of two worker processes."""
    return ServiceProcess(tmp_path / "data", SCREENING_WORKERS="2")


def workers(service: ServiceProcess) -> list[psutil.Process]:
    """Return its workers."""
    return psutil.Process(service.process.pid).children()


def wait_for_end(processes: list[psutil.Process]) -> None:
    """Wait until every process has ended."""
    _, alive = psutil.wait_procs(processes, timeout=START_SECONDS)
    assert alive == []


def test_two_workers_write_one_log_in_one_order(two: ServiceProcess, tmp_path: Path) -> None:
    """Connections are shared out among them; every answer is in the log, which verifies as a whole."""
    indexes = []
    with two as service:
        assert len(workers(service)) == 2
        for number in range(ROUNDS):  # a connection each
            with ScreeningClient(service.target) as client:
                batch = client.screen_employment_batch((f"k{number}-{item}", employment()) for item in range(ITEMS))
            indexes += [decision.receipt.log_index for _, decision in batch]  # type: ignore[union-attr]
        used = [worker.cpu_times().user for worker in workers(service)]
        assert service.stop() == 0
    first = 1  # after the record of the law that came into force
    assert sorted(indexes) == list(range(first, first + ROUNDS * ITEMS))
    assert min(used) > 0
    command = [sys.executable, "-m", "screening", "log", "verify", "--data", str(tmp_path / "data"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout.splitlines()[-1])["records"] == first + ROUNDS * ITEMS


def test_a_worker_that_dies_ends_the_service_with_an_error(two: ServiceProcess) -> None:
    """So that whoever started it starts it anew; the other worker finishes what it has."""
    with two as service:
        both = workers(service)
        both[0].send_signal(signal.SIGKILL)
        assert service.process.wait(START_SECONDS) == 1
        wait_for_end(both)


def test_workers_do_not_outlive_the_process_that_watches_them(two: ServiceProcess) -> None:
    """Even if that is killed without warning."""
    with two as service:
        both = workers(service)
        service.kill()
        wait_for_end(both)


def test_nobody_else_gets_on_the_port_of_workers(two: ServiceProcess, tmp_path: Path) -> None:
    """The workers share it, and with nobody else."""
    with two as service:
        command = [sys.executable, "-m", "screening", "serve", "--listen", service.target, "--workers", "2"]
        command += ["--data", str(tmp_path / "other")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=START_SECONDS)
        assert done.returncode == 2
        assert "cannot be bound" in done.stderr
        assert service.stop() == 0


def test_a_killed_service_of_workers_starts_again_on_its_data(two: ServiceProcess, tmp_path: Path) -> None:
    """Once its workers have seen that they are alone."""
    with two as service, ScreeningClient(service.target) as client:
        first = client.screen_employment(employment())
        service.kill()
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            again = ServiceProcess(tmp_path / "data", SCREENING_WORKERS="2")
        except RuntimeError:
            assert time.monotonic() < deadline
        else:
            break
    with again as service, ScreeningClient(service.target) as client:
        assert client.get_decision(first.decision_id).receipt.log_index == first.receipt.log_index
        assert service.stop() == 0
