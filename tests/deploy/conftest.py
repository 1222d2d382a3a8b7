"""A real service under a real Prometheus, shared by the tests of deploy/."""

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from city.screening.v1 import screening_service_pb2_grpc as stubs
from screening.telemetry.receiver import Receiver

from deploy.local_prometheus import Prometheus, free_port
from tests.factories import ADDRESS_REQUEST, ICE_JOB, employment, request
from tests.processes import ServiceProcess

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.fixture(scope="session")
def tools() -> None:
    """Debian's packages, installed by the project's own script where they are missing."""
    subprocess.run([DEPLOY / "tools.sh"], check=True, timeout=300)


@dataclass(frozen=True)
class Watched:
    """A service that has had traffic of each kind, and the Prometheus that watches it."""

    scratch: Path
    metrics: str
    receiver: Receiver
    prometheus: Prometheus
    target: str
    pid: int

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self.scratch / "data"

    @property
    def lines(self) -> Path:
        """A file with its log lines."""
        return self.scratch / "stderr.txt"


@pytest.fixture(scope="session")
def watched(tools: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:  # noqa: ARG001  # installed first
    """Traffic comes in rounds with scrapes before, between and after, because a rate needs two values."""
    scratch = tmp_path_factory.mktemp("watched")
    receiver = Receiver()
    metrics = f"127.0.0.1:{free_port()}"
    environ = {"SCREENING_METRICS_LISTEN": metrics, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
    with ServiceProcess(scratch / "data", **environ) as service, Prometheus(metrics, scratch) as prometheus:
        for _ in range(3):
            send(service.target)
            time.sleep(2.5)
        yield Watched(scratch, metrics, receiver, prometheus, service.target, service.process.pid)
        assert service.stop() == 0
    receiver.close()


def send(target: str) -> None:
    """Ask what is allowed, denied, similar to a registered name, and wrong."""
    with grpc.insecure_channel(target) as channel:
        stub = stubs.ScreeningServiceStub(channel)
        for _ in range(20):
            stub.ScreenEmployment(employment(ICE_JOB))
            stub.ScreenEmployment(employment(employer_name="Homeland Security"))
            stub.ScreenInformationRequest(request(ADDRESS_REQUEST, data_categories=["arrest_log"]))
            with pytest.raises(grpc.RpcError):
                stub.ScreenEmployment(type(employment())())
