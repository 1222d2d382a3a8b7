"""A real service under a real Prometheus, shared by the tests of deploy/."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
import screening
from city.screening.v1 import screening_service_pb2_grpc as stubs
from screening import clock, release
from screening.config import Settings
from screening.decisionlog.checkpoint import Signer
from screening.storage.keys import load_or_create
from screening.telemetry.receiver import Receiver
from screening.wiring import read_files

from deploy.local_prometheus import Prometheus, free_port
from tests.factories import ADDRESS_REQUEST, ICE_JOB, employment, request
from tests.processes import ServiceProcess

DEPLOY = Path(__file__).parents[2] / "deploy"
PACKAGE = Path(screening.__file__).parent
SERIAL = 7
"""Number of the release that the watched service begins with."""
SETTINGS = {each.metadata["env"] for each in fields(Settings)}


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
    law_key: str

    @property
    def bundle(self) -> Path:
        """Law, registry and lexicon in force."""
        return self.scratch / "bundle"

    @property
    def secret(self) -> Path:
        """The key that releases are signed with."""
        return self.scratch / "law.key"

    def release(self) -> Path:
        """Make a release that is to come: other law, another registry, unsigned."""
        folder = self.scratch / "release"
        shutil.copytree(self.bundle, folder)
        (folder / release.NOTE).unlink()
        with (folder / "laws/us/terms.yaml").open("a") as law:
            law.write("\n# published anew\n")
        registry = folder / "registry/contractors.yaml"
        registry.write_text(registry.read_text().replace("  aliases:\n", "  aliases:\n  - Borealis Kestrel\n", 1))
        return folder

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
    environ = {
        "SCREENING_METRICS_LISTEN": metrics,
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
        "SCREENING_BUNDLE": str(scratch / "bundle"),
        "SCREENING_LAW_KEY": signed_bundle(scratch),
    }
    with ServiceProcess(scratch / "data", **environ) as service, Prometheus(metrics, scratch) as prometheus:
        for _ in range(3):
            send(service.target)
            time.sleep(2.5)
        yield Watched(
            scratch,
            metrics,
            receiver,
            prometheus,
            service.target,
            service.process.pid,
            environ["SCREENING_LAW_KEY"],
        )
        assert service.stop() == 0
    receiver.close()


def signed_bundle(scratch: Path) -> str:
    """Make a bundle that was signed a day ago; return the verifier key."""
    for folder in ("laws", "registry", "lexicon"):
        shutil.copytree(PACKAGE / folder, scratch / "bundle" / folder)
    signer = Signer("attorney.city/law", load_or_create(scratch / "law.key"))
    note = release.sign(read_files(scratch / "bundle"), SERIAL, signer, clock.now() - timedelta(days=1))
    (scratch / "bundle" / release.NOTE).write_text(note)
    return str(signer.key)


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
