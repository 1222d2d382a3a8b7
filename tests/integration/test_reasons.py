"""Each reason of an error as a caller meets it: over a real connection, with its status."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import grpc
import pytest
from city.screening.v1 import decision_log_service_pb2, error_reason_pb2, screening_service_pb2
from google.rpc import status_pb2
from grpc import StatusCode
from screening import screen
from screening.config import Settings
from screening.transport import calls, exchange
from screening.wiring import App, running

from tests.errors import info_in, status_in
from tests.factories import ICE_JOB, employment
from tests.processes import ServiceProcess

SCREENING, LOG = "city.screening.v1.ScreeningService", "city.screening.v1.DecisionLogService"
EMPLOYMENT, BATCH = f"/{SCREENING}/ScreenEmployment", f"/{SCREENING}/BatchScreenEmployment"
STREAM = f"/{SCREENING}/StreamScreenEmployment"
SECRET = "Zzyzx"


@dataclass
class Met:
    """A way to meet an error: settings of a service, and what is done to it, which returns the error's status."""

    status: StatusCode
    meet: Callable[["Service"], Awaitable[status_pb2.Status]]
    metadata: dict[str, str]


class Service:
    """What a way has at hand."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings = Settings(listen="127.0.0.1:0", data=folder / "data")
        self.folder = folder
        self.change = monkeypatch.setattr
        self.shift = timedelta()

    def running(self, **changes: Any) -> Any:
        """Run it with other settings, and a wall clock that `shift` moves."""
        return running(replace(self.settings, **changes), lambda: datetime.now(UTC) + self.shift)


async def failed(app: App, path: str, body: bytes, **options: Any) -> status_pb2.Status:
    """Make a call and return the status with which it failed."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as channel:
        call: Any = channel.unary_unary(path)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call(body, **{"timeout": 60, **options})
    return status_in(raised.value)


def asks(path: str, body: Callable[[], bytes], **options: Any) -> Callable[[Service], Awaitable[status_pb2.Status]]:
    """Return the way that is one call."""

    async def meet(service: Service) -> status_pb2.Status:
        async with service.running() as app:
            return await failed(app, path, body(), **options)

    return meet


def question(**changes: Any) -> bytes:
    """Return a question."""
    return bytes(employment(ICE_JOB, **changes).SerializeToString())


def demanding() -> bytes:
    """Return a question that demands a later law."""
    asked = employment()
    asked.min_bundle_serial = 7
    return bytes(asked.SerializeToString())


def too_many() -> bytes:
    """Return a batch of one item too many."""
    return b"\x0a\x00" * 1_001


async def reused(service: Service) -> status_pb2.Status:
    """Use one request_id for two questions."""
    async with service.running() as app:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as channel:
            ask: Any = channel.unary_unary(EMPLOYMENT)
            await ask(question(request_id="0123456789abcdef"))
        return await failed(app, EMPLOYMENT, employment(request_id="0123456789abcdef").SerializeToString())


async def log_gone(service: Service) -> status_pb2.Status:
    """Take away what the log writes to, for as long as it is asked to."""
    async with service.running() as app:
        with contextlib.closing(sqlite3.connect(service.settings.data / "log.db")) as log:
            log.execute("ALTER TABLE record RENAME TO gone")
            status = await failed(app, EMPLOYMENT, question())
            log.execute("ALTER TABLE gone RENAME TO record")
    return status


async def stopping(service: Service) -> status_pb2.Status:
    """Go on with a stream after the service was told to stop."""
    with ServiceProcess(service.settings.data, SCREENING_GRACE_SECONDS="1") as process:

        async def questions() -> AsyncIterator[bytes]:
            for number in count():
                item = screening_service_pb2.ScreenEmploymentItem(key=f"k{number}", request=employment())
                yield screening_service_pb2.StreamScreenEmploymentRequest(item=item).SerializeToString()
                if number == 0:
                    process.process.terminate()
                await asyncio.sleep(0.01)

        async with grpc.aio.insecure_channel(process.target) as channel:
            stream: Any = channel.stream_stream(STREAM)
            async for reply in stream(questions()):
                result = screening_service_pb2.StreamScreenEmploymentResponse.FromString(reply).result
                if result.HasField("error"):
                    return result.error
    raise AssertionError("the stream ended without an error")


async def too_late(service: Service) -> status_pb2.Status:
    """Leave less time than the service keeps for answering."""
    service.change(calls, "DEADLINE_MARGIN_SECONDS", 30)
    async with service.running() as app:
        return await failed(app, EMPLOYMENT, question(), timeout=20)


async def broken(service: Service) -> status_pb2.Status:
    """Let a use case raise what nobody foresaw."""

    async def answer(*_: Any) -> Any:
        raise ZeroDivisionError(SECRET)

    service.change(screen.Screen, "answer", answer)
    async with service.running() as app:
        return await failed(app, EMPLOYMENT, question())


CALLERS = """callers:
  - name: payroll
    identities: [local]
    rpcs: [ScreenEmployment]
    packs: [la_city]
    quota: {decisions_per_second: 1, burst: 1}
"""


async def without_right(service: Service) -> status_pb2.Status:
    """Call what the callers file does not name."""
    (service.folder / "callers.yaml").write_text(CALLERS)
    async with service.running(callers=service.folder / "callers.yaml") as app:
        return await failed(app, BATCH, b"")


async def beyond_quota(service: Service) -> status_pb2.Status:
    """Ask twice where once is allowed."""
    (service.folder / "callers.yaml").write_text(CALLERS)
    async with service.running(callers=service.folder / "callers.yaml") as app:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as channel:
            ask: Any = channel.unary_unary(EMPLOYMENT)
            await ask(question())
        return await failed(app, EMPLOYMENT, question())


async def beyond_capacity(service: Service) -> status_pb2.Status:
    """Ask many at once where one is taken on at once."""
    async with service.running(most_in_flight=1) as app:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{app.port}", [("grpc.enable_retries", 0)]) as channel:
            ask: Any = channel.unary_unary(EMPLOYMENT)
            ended = await asyncio.gather(*(ask(question()) for _ in range(60)), return_exceptions=True)
    errors = [each for each in ended if isinstance(each, grpc.aio.AioRpcError)]
    (status,) = {status_in(each).details[0].value: status_in(each) for each in errors}.values()
    return status


async def clock_gone_back(service: Service) -> status_pb2.Status:
    """Set the clock back."""
    async with service.running() as app:
        service.shift = timedelta(minutes=-5)
        return await failed(app, EMPLOYMENT, question())


async def not_integrated(service: Service) -> status_pb2.Status:
    """Ask for a proof before the next checkpoint."""
    async with service.running(checkpoint_seconds=3_600) as app:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as channel:
            ask: Any = channel.unary_unary(EMPLOYMENT)
            reply = screening_service_pb2.ScreenEmploymentResponse.FromString(await ask(question()))
        receipt = reply.decision.receipt
        proof = decision_log_service_pb2.GetInclusionProofRequest(
            log_index=receipt.log_index, leaf_hash=receipt.leaf_hash
        )
        return await failed(app, f"/{LOG}/GetInclusionProof", proof.SerializeToString())


async def unread(service: Service) -> status_pb2.Status:
    """Send a whole stream, and read its answers only when it is too late."""
    service.change(exchange, "UNREAD_SECONDS", 1)
    item = screening_service_pb2.ScreenEmploymentItem(key="k", request=employment(ICE_JOB))
    message = screening_service_pb2.StreamScreenEmploymentRequest(items=[item] * 100).SerializeToString()
    options = (("grpc.http2.lookahead_bytes", 65_536), ("grpc.http2.bdp_probe", 0))
    async with service.running() as app:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{app.port}", options) as channel:
            stream: Any = channel.stream_stream(STREAM)
            call = stream(iter([message] * 20))
            await call.read()
            while app.admission.streams:
                await asyncio.sleep(0.05)
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                while await call.read() is not grpc.aio.EOF:
                    pass
    return status_in(raised.value)


NO_DECISION = decision_log_service_pb2.GetDecisionRequest(decision_id="none").SerializeToString()
TOKEN = (("authorization", "Bearer x.y.z"),)
WAYS = {
    "UNPARSEABLE": Met(
        StatusCode.INVALID_ARGUMENT,
        asks(EMPLOYMENT, lambda: b"\x0a\x7f" + SECRET.encode()),
        {"rpc": "ScreenEmployment"},
    ),
    "INVALID_FIELD": Met(
        StatusCode.INVALID_ARGUMENT,
        asks(EMPLOYMENT, lambda: question(employee_ref="not a reference")),
        {"fields": "employee_ref"},
    ),
    "TOO_MANY_ITEMS": Met(StatusCode.INVALID_ARGUMENT, asks(BATCH, too_many), {"limit": "1000", "items": "1001"}),
    "MESSAGE_TOO_LARGE": Met(
        StatusCode.RESOURCE_EXHAUSTED, asks(EMPLOYMENT, lambda: b"\x0a" * 5_000_000), {"limit": "4194304"}
    ),
    "REQUEST_ID_REUSED": Met(StatusCode.ALREADY_EXISTS, reused, {}),
    "DECISION_NOT_FOUND": Met(StatusCode.NOT_FOUND, asks(f"/{LOG}/GetDecision", lambda: NO_DECISION), {}),
    "LOG_UNAVAILABLE": Met(StatusCode.UNAVAILABLE, log_gone, {}),
    "STOPPING": Met(StatusCode.UNAVAILABLE, stopping, {}),
    "DEADLINE_TOO_SHORT": Met(StatusCode.DEADLINE_EXCEEDED, too_late, {"needed_ms": "30000"}),
    "INTERNAL": Met(StatusCode.INTERNAL, broken, {}),
    "UNAUTHENTICATED": Met(StatusCode.UNAUTHENTICATED, asks(EMPLOYMENT, question, metadata=TOKEN), {}),
    "NOT_ALLOWED": Met(StatusCode.PERMISSION_DENIED, without_right, {"right": "rpc"}),
    "TOO_BUSY": Met(StatusCode.RESOURCE_EXHAUSTED, beyond_capacity, {"limit": "calls"}),
    "QUOTA_SPENT": Met(StatusCode.RESOURCE_EXHAUSTED, beyond_quota, {"quota": "decisions_per_second"}),
    "BUNDLE_TOO_LOW": Met(
        StatusCode.FAILED_PRECONDITION, asks(EMPLOYMENT, demanding), {"serial": "0", "demanded": "7"}
    ),
    "NOT_READY": Met(StatusCode.UNAVAILABLE, clock_gone_back, {"condition": "clock"}),
    "NOT_YET_INTEGRATED": Met(StatusCode.UNAVAILABLE, not_integrated, {}),
    "SLOW_READER": Met(StatusCode.RESOURCE_EXHAUSTED, unread, {"seconds": "1"}),
}


def test_there_is_a_way_to_every_reason() -> None:
    """Each that the API names can be met."""
    assert set(WAYS) == {name.removeprefix("ERROR_REASON_") for name in error_reason_pb2.ErrorReason.keys()[1:]}


@pytest.mark.parametrize("reason", WAYS)
async def test_a_reason_comes_with_its_status_and_says_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    """The way leads to this reason and no other; what the caller or an exception said is not repeated."""
    way = WAYS[reason]
    status = await way.meet(Service(tmp_path, monkeypatch))
    info = info_in(status)
    assert (info.reason, status.code, dict(info.metadata)) == (reason, way.status.value[0], way.metadata)
    assert SECRET not in str(status)
