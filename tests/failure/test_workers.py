import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
import screening
from city.screening.v1 import status_service_pb2
from screening_client import ScreeningClient

from tests.factories import employment
from tests.processes import START_SECONDS, ServiceProcess

ROUNDS, ITEMS = 12, 40
EMPLOYMENT = "/city.screening.v1.ScreeningService/ScreenEmployment"
CALLERS = """callers:
  - name: payroll
    identities: [local]
    rpcs: [ScreenEmployment, GetStatus]
    packs: all
    quota: {decisions_per_second: 1, burst: 40}
"""
Status = status_service_pb2.GetStatusResponse


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


def status(target: str) -> Status:
    """Ask for the status over a new connection, which any worker may get."""
    with ScreeningClient(target) as client:
        return client.get_status()


def wait_for(target: str, said: Callable[[Status], bool]) -> Status:
    """Wait until the status is as said, and return it."""
    deadline = time.monotonic() + START_SECONDS
    while not said(found := status(target)):
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return found


def test_a_quota_is_for_all_workers_together(tmp_path: Path) -> None:
    """Over many connections a caller gets what its burst allows, not that from each worker."""
    (tmp_path / "callers.yaml").write_text(CALLERS)
    environ = {"SCREENING_WORKERS": "2", "SCREENING_CALLERS": str(tmp_path / "callers.yaml")}
    options = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))
    begun = time.monotonic()
    with ServiceProcess(tmp_path / "data", **environ) as service:
        answered = 0
        refusals = []
        for _ in range(12):
            with grpc.insecure_channel(service.target, options=options) as channel:
                ask: Any = channel.unary_unary(EMPLOYMENT)
                for _ in range(10):
                    try:
                        ask(employment().SerializeToString(), timeout=20)
                        answered += 1
                    except grpc.RpcError as error:
                        refusals.append(error.code())
        used = [worker.cpu_times().user for worker in workers(service)]
        assert service.stop() == 0
    assert 40 <= answered <= 40 + (time.monotonic() - begun)
    assert refusals == [grpc.StatusCode.RESOURCE_EXHAUSTED] * (120 - answered)
    assert min(used) > 0


def test_every_worker_reads_its_files_anew_and_status_tells_of_each(tmp_path: Path) -> None:
    """Whichever answers; a law that only differs in one worker, or is not taken by one, is seen."""
    bundle = tmp_path / "bundle"
    for folder in ("laws", "registry", "lexicon"):
        shutil.copytree(Path(screening.__file__).parent / folder, bundle / folder)
    law = bundle / "laws" / "obligations.yaml"
    with ServiceProcess(tmp_path / "data", SCREENING_WORKERS="2", SCREENING_BUNDLE=str(bundle)) as service:
        first = wait_for(service.target, lambda found: len(found.workers) == 2 and all(w.well for w in found.workers))
        assert {worker.bundle_revision for worker in first.workers} == {first.bundle_revision}
        law.write_text(law.read_text() + "# edited\n")
        service.process.send_signal(signal.SIGHUP)
        second = wait_for(service.target, lambda found: first.bundle_revision not in _revisions(found))
        assert len(_revisions(second)) == 1
        law.write_text("no: law\n")
        service.process.send_signal(signal.SIGHUP)
        third = wait_for(service.target, lambda found: all(worker.sources for worker in found.workers))
        assert _revisions(third) == _revisions(second)
        assert {each.name for worker in third.workers for each in worker.sources} == {"law"}
        command = [sys.executable, "-m", "screening", "status", "--target", service.target]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout.count("NOT TAKEN")) == (1, 3)
        assert service.stop() == 0


def _revisions(found: Status) -> set[str]:
    return {worker.bundle_revision for worker in found.workers}


def test_a_worker_that_hangs_is_seen_by_the_others(two: ServiceProcess) -> None:
    """Health says so, and says so no longer once it goes on."""

    def holds(found: Status) -> bool:
        return {each.name: each.holds for each in found.conditions}["workers"]

    with two as service:
        wait_for(service.target, holds)
        with ScreeningClient(service.target) as client:
            client.get_status()
            hung = next(each for each in workers(service) if not _serves(each))
            hung.suspend()
            deadline = time.monotonic() + START_SECONDS
            while holds(client.get_status()):
                assert time.monotonic() < deadline
                time.sleep(0.2)
            hung.resume()
            while not holds(client.get_status()):
                assert time.monotonic() < deadline
                time.sleep(0.2)
        assert service.stop() == 0


def _serves(worker: psutil.Process) -> bool:
    """Say whether a worker has a connection from a caller."""
    return any(each.status == psutil.CONN_ESTABLISHED for each in worker.net_connections("tcp"))
