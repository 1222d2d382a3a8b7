"""What ops see and do: conditions of health, probes, status, and reloads of a service that goes on."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import grpc
import pytest
import screening
from grpc_health.v1 import health_pb2, health_pb2_grpc
from screening.config import Settings
from screening.transport.health import CONDITIONS
from screening.wiring import App, running
from screening_client import AsyncScreeningClient, NotDecided

from tests.errors import info_in, status_in
from tests.factories import ICE_JOB, employment
from tests.processes import ServiceProcess

PACKAGE = Path(screening.__file__).parent
SCREENING = "city.screening.v1.ScreeningService"
LOG = "city.screening.v1.DecisionLogService"


class HandClock:
    """A wall clock that is moved by hand."""

    def __init__(self) -> None:
        self.shift = timedelta()

    def __call__(self) -> datetime:
        """Return the time of now."""
        return datetime.now(UTC) + self.shift


@pytest.fixture
def hand() -> HandClock:
    """The clock of the service under test."""
    return HandClock()


@pytest.fixture
def bundle_copy(tmp_path: Path) -> Path:
    """A copy of laws, registry and lexicon that a rollout may change."""
    for folder in ("laws", "registry", "lexicon"):
        shutil.copytree(PACKAGE / folder, tmp_path / "bundle" / folder)
    return tmp_path / "bundle"


@pytest.fixture
async def operated(tmp_path: Path, bundle_copy: Path, hand: HandClock) -> AsyncIterator[App]:
    """A service with probes, a bundle directory, an oldest age of law, and a clock that can be moved."""
    settings = Settings(
        listen="127.0.0.1:0",
        data=tmp_path / "data",
        bundle=bundle_copy,
        metrics_listen="127.0.0.1:0",
        health_listen="127.0.0.1:0",
        refuse_after_hours=24 * 365 * 20,
    )
    async with running(settings, hand) as app:
        yield app


def page(app: App, path: str) -> tuple[int, str]:
    """Return status and text of a page for probes."""
    try:
        with urlopen(f"http://127.0.0.1:{app.metrics_port}{path}", timeout=10) as reply:
            return reply.status, reply.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


async def serving(port: int | None, service: str = "") -> bool:
    """Ask gRPC health."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        reply = await stub.Check(health_pb2.HealthCheckRequest(service=service))
    return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)


async def ask(app: App) -> str:
    """Ask one question, once; return status and reason of the error with the condition that it names, or OK."""
    options = (("grpc.enable_retries", 0),)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{app.port}", options) as channel:
        call: Any = channel.unary_unary(f"/{SCREENING}/ScreenEmployment")
        try:
            await call(employment(ICE_JOB).SerializeToString(), timeout=20)
        except grpc.aio.AioRpcError as error:
            info = info_in(status_in(error))
            return f"{error.code().name} {info.reason} {info.metadata['condition']}"
    return "OK"


async def test_a_healthy_service_says_so_everywhere(operated: App) -> None:
    """Over gRPC on both listeners, over HTTP, and by every condition."""
    assert operated.health.holds == dict.fromkeys(CONDITIONS, True)
    for port in (operated.port, operated.health_port):
        assert [await serving(port, service) for service in ("", SCREENING, LOG)] == [True, True, True]
    assert await asyncio.to_thread(page, operated, "/livez") == (200, "ok\n")
    assert await asyncio.to_thread(page, operated, "/readyz") == (200, "ok\n")
    assert (await asyncio.to_thread(page, operated, "/elsewhere"))[0] == 404


async def test_the_listener_for_probes_decides_nothing(operated: App) -> None:
    """It has no other service than health."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{operated.health_port}") as channel:
        for path in (f"/{SCREENING}/ScreenEmployment", "/city.screening.v1.StatusService/GetStatus"):
            call: Any = channel.unary_unary(path)
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await call(employment().SerializeToString())
            assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize(
    ("shift", "failing"),
    [(timedelta(minutes=-5), ["clock"]), (timedelta(days=365 * 21), ["bundle", "registry"])],
)
async def test_nothing_is_decided_while_clock_or_law_cannot_be_relied_on(
    operated: App, hand: HandClock, shift: timedelta, failing: list[str]
) -> None:
    """From the first call on, with the condition named; the log can be read; all is well when the cause is gone."""
    hand.shift = shift
    assert await ask(operated) in {f"UNAVAILABLE NOT_READY {name}" for name in failing}
    operated.health.look()
    assert operated.health.failing == failing
    assert [await serving(operated.health_port, service) for service in ("", SCREENING)] == [False, False]
    assert await serving(operated.health_port, LOG)
    assert await asyncio.to_thread(page, operated, "/readyz") == (503, f"not: {', '.join(failing)}\n")
    assert (await asyncio.to_thread(page, operated, "/livez"))[0] == 200
    if failing == ["clock"]:
        hand.shift = timedelta()
        assert await ask(operated) == "OK"
        operated.health.look()
        assert not operated.health.failing


async def settled(app: App, before: int) -> None:
    """Wait until the law was read anew once more."""
    app.reloader.ask()
    while app.law.taken + app.law.refused == before:
        await asyncio.sleep(0.05)


async def test_law_is_swapped_whole_while_calls_go_on(operated: App, bundle_copy: Path) -> None:
    """Every answer names the one or the other revision, and after the swap only the new one."""
    before = operated.bundle.revision
    stop = asyncio.Event()
    revisions: list[str] = []

    async def keep_asking(client: AsyncScreeningClient) -> None:
        while not stop.is_set():
            revisions.append((await client.screen_employment(employment(ICE_JOB))).bundle_revision)

    async with AsyncScreeningClient(f"127.0.0.1:{operated.port}") as client:
        asking = asyncio.create_task(keep_asking(client))
        await asyncio.sleep(0.1)
        law = bundle_copy / "laws/us_ca/alpr.yaml"
        law.write_text(law.read_text() + "\n# published anew\n")
        await settled(operated, 0)
        asked = len(revisions)
        while before in revisions[asked + 1 :] or len(revisions) < asked + 3:
            await asyncio.sleep(0.05)
            assert len(revisions) < asked + 1_000
        stop.set()
        await asking
        after = operated.bundle.revision
        assert (await client.screen_employment(employment(ICE_JOB))).bundle_revision == after
    assert after != before
    assert set(revisions) == {before, after}
    assert set(revisions[asked + 1 :]) == {after}


async def test_a_bad_bundle_leaves_the_old_one_in_force_and_says_why(operated: App, bundle_copy: Path) -> None:
    """In status, in the metric; calls go on; a good one after it is taken."""
    before = operated.bundle.revision
    law = bundle_copy / "laws/us_ca/alpr.yaml"
    good = law.read_text()
    law.write_text(good.replace("is: unrelated_crime", "facts.no_such_fact", 1))
    await settled(operated, 0)
    async with AsyncScreeningClient(f"127.0.0.1:{operated.port}") as client:
        status = await client.get_status()
        assert (await client.screen_employment(employment(ICE_JOB))).bundle_revision == before
    (source,) = (each for each in status.sources if each.name == "law")
    assert "us_ca/alpr.yaml:" in source.problem
    assert (status.bundle_revision, source.taken, source.refused) == (before, 0, 1)
    assert 'screening_reload_failing{source="law"} 1.0' in (await asyncio.to_thread(page, operated, "/metrics"))[1]
    law.write_text(good)
    await settled(operated, 1)
    assert not operated.law.problem


async def test_a_change_in_the_bundle_directory_is_noticed_unasked(operated: App, bundle_copy: Path) -> None:
    """It is watched."""
    law = bundle_copy / "laws/us_ca/alpr.yaml"
    law.write_text(law.read_text() + "\n# published anew\n")
    while not operated.law.taken:
        await asyncio.sleep(0.1)


async def test_a_name_that_is_newly_registered_is_known_to_the_running_service(
    operated: App, bundle_copy: Path
) -> None:
    """A registry alone may change; law stays as it was, and the same question is answered anew."""
    job = {**ICE_JOB, "employer_name": "Borealis Kestrel Holdings", "employer_kind": "contractor"}
    registry = bundle_copy / "registry/contractors.yaml"
    async with AsyncScreeningClient(f"127.0.0.1:{operated.port}") as client:
        before = await client.screen_employment(employment(job))
        assert not before.resolution.entity_id
        law = operated.bundle.parts["laws/"]
        text = registry.read_text()
        registry.write_text(text.replace("  aliases:\n", "  aliases:\n  - Borealis Kestrel Holdings\n", 1))
        await settled(operated, 0)
        after = await client.screen_employment(employment(job))
    assert after.resolution.entity_id == "geo-group"
    assert after.bundle_revision != before.bundle_revision
    assert operated.bundle.parts["laws/"] == law


def reloads(service: ServiceProcess, least: int) -> list[dict[str, Any]]:
    """Return the log lines of what a process read anew, once there are so many."""
    found: list[dict[str, Any]] = []
    while len(found) < least:
        time.sleep(0.1)
        lines = [json.loads(line) for line in service.stderr.splitlines() if line.startswith("{")]
        found = [line for line in lines if line["event"] == "reload"]
    return found


def test_a_bad_bundle_says_why_in_the_log_line(bundle_copy: Path, tmp_path: Path) -> None:
    """With file, line and remedy, for whoever reads the lines by night."""
    with ServiceProcess(tmp_path / "data", SCREENING_BUNDLE=str(bundle_copy)) as service:
        law = bundle_copy / "laws/us_ca/alpr.yaml"
        law.write_text(law.read_text().replace("is: unrelated_crime", "facts.no_such_fact", 1))
        (line, *_) = reloads(service, 1)
        assert (line["source"], line["taken"], line["level"]) == ("law", False, "error")
        assert re.search(r"us_ca/alpr.yaml:\d+: there is no fact 'facts.no_such_fact'", line["problem"])
        assert service.stop() == 0


def test_a_service_without_tls_says_so_loudly(tmp_path: Path) -> None:
    """On standard error, with who may ask; and beside the address."""
    with ServiceProcess(tmp_path / "data") as service:
        assert "(plaintext, loopback only)" in service.stdout
        assert "screening: NO TLS: every program on this machine may ask and read everything" in service.stderr
        assert service.stop() == 0


def test_sighup_reads_everything_anew_and_the_service_goes_on(tmp_path: Path) -> None:
    """Law, sealing keys, callers and token keys, changed or not."""
    with ServiceProcess(tmp_path / "data") as service:
        service.process.send_signal(signal.SIGHUP)
        assert {(line["source"], line["taken"]) for line in reloads(service, 4)} == {
            ("law", True),
            ("sealing_keys", True),
            ("callers", True),
            ("token_keys", True),
        }
        assert service.stop() == 0


async def test_a_caller_that_demands_a_later_serial_is_not_answered(client: AsyncScreeningClient) -> None:
    """FAILED_PRECONDITION with both numbers, in calls and in items; what is in force may be demanded."""
    demanding = employment(ICE_JOB)
    demanding.min_bundle_serial = 7
    with pytest.raises(NotDecided) as raised:
        await client.screen_employment(demanding)
    assert (raised.value.reason, raised.value.metadata) == ("BUNDLE_TOO_LOW", {"serial": "0", "demanded": "7"})
    ((_, item), (_, good)) = await client.screen_employment_batch([("a", demanding), ("b", employment(ICE_JOB))])
    assert isinstance(item, NotDecided)
    assert item.reason == "BUNDLE_TOO_LOW"
    assert not isinstance(good, NotDecided)


async def test_status_shows_conditions_law_and_log_of_a_running_service(operated: App) -> None:
    """For people and for programs; exit code 0 only if all is well."""
    assert await ask(operated) == "OK"
    command = [sys.executable, "-m", "screening", "status", "--target", f"127.0.0.1:{operated.port}"]

    def run(*words: str) -> tuple[int, str]:
        done = subprocess.run([*command, *words], capture_output=True, text=True, check=False, env=os.environ)
        return done.returncode, done.stdout

    code, text = await asyncio.to_thread(run)
    assert code == 0
    assert operated.bundle.revision[:12] in text
    assert re.search(r"log +2 records", text)
    assert all(re.search(rf"{name} +holds", text) for name in CONDITIONS)
    code, text = await asyncio.to_thread(run, "--json")
    shown = json.loads(text)
    assert (shown["log_size"], shown["bundle_revision"]) == ("2", operated.bundle.revision)
    operated.law.problem = "alpr.yaml:7: wrong. Mend it"
    code, text = await asyncio.to_thread(run)
    assert code == 1
    assert "alpr.yaml:7: wrong" in text


async def test_status_of_a_service_that_is_not_there_is_one_line() -> None:
    """And exit code 2."""
    command = [sys.executable, "-m", "screening", "status", "--target", "127.0.0.1:1"]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
