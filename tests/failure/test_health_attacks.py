"""What strangers do to the health service, which anybody may call: it holds nobody else up."""

import asyncio
import contextlib
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from screening.config import Settings
from screening.transport.health_servicer import MOST, MOST_OF_CONNECTION
from screening.wiring import App, running

from tests import http2
from tests.errors import reason_of
from tests.factories import employment
from tests.processes import ServiceProcess

CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"
EMPLOYMENT = "/city.screening.v1.ScreeningService/ScreenEmployment"
ALONE = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))
"""Options of a channel with a connection of its own."""
HELD, REFUSED, CONNECTIONS = "held", "RESOURCE_EXHAUSTED TOO_BUSY", 2 * MOST // MOST_OF_CONNECTION


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[App]:
    """A service that takes on one call at once."""
    settings = Settings(listen="127.0.0.1:0", data=tmp_path / "data", most_in_flight=1, health_listen="127.0.0.1:0")
    async with running(settings) as app:
        yield app


async def watch(channel: grpc.aio.Channel) -> str:
    """Watch, and say whether that was taken on, or why not."""
    call: Any = channel.unary_stream(WATCH)
    watching = call(b"")
    try:
        await watching.read()
    except grpc.aio.AioRpcError as error:
        return refusal(error)
    _KEPT.add(watching)
    return HELD


async def check_without_message(channel: grpc.aio.Channel) -> str:
    """Begin a check and send nothing; say whether it was taken on, or why not."""
    call: Any = channel.stream_unary(CHECK)
    checking = call(silence())
    done, _ = await asyncio.wait([asyncio.ensure_future(checking.code())], timeout=3)
    if not done:
        _KEPT.add(checking)
        return HELD
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await checking
    return refusal(raised.value)


def refusal(error: grpc.aio.AioRpcError) -> str:
    """Return why a call was refused."""
    return f"{error.code().name} {reason_of(error)}"


_KEPT: set[Any] = set()
"""Calls that stay open: one that nobody refers to is ended."""


async def silence() -> AsyncIterator[bytes]:
    """Send nothing, and do not end."""
    await asyncio.Event().wait()
    yield b""


@pytest.mark.parametrize("hold", [watch, check_without_message])
async def test_strangers_hold_a_few_places_of_the_health_service_and_none_of_calls(small: App, hold: Any) -> None:
    """On one connection, on many; the rest is refused with a reason, and questions are answered."""
    async with contextlib.AsyncExitStack() as stack:
        target = f"127.0.0.1:{small.port}"
        channels = [
            await stack.enter_async_context(grpc.aio.insecure_channel(target, ALONE)) for _ in range(CONNECTIONS)
        ]
        greedy = Counter(await asyncio.gather(*(hold(channels[0]) for _ in range(100))))
        assert greedy == {HELD: MOST_OF_CONNECTION, REFUSED: 100 - MOST_OF_CONNECTION}
        others = Counter(
            await asyncio.gather(*(hold(channel) for channel in channels[1:] for _ in range(MOST_OF_CONNECTION)))
        )
        assert others[HELD] == MOST - MOST_OF_CONNECTION
        async with grpc.aio.insecure_channel(target, ALONE) as channel:
            ask: Any = channel.unary_unary(EMPLOYMENT)
            assert await ask(employment().SerializeToString(), timeout=20)
        assert await serves(small.health_port)  # the listener for probes counts for itself
        _KEPT.clear()


async def test_a_place_is_free_again_once_its_call_has_ended(small: App) -> None:
    """Whether the caller ended it or vanished."""
    target = f"127.0.0.1:{small.port}"
    for _ in range(3):
        async with grpc.aio.insecure_channel(target, ALONE) as channel:
            assert set(await asyncio.gather(*(watch(channel) for _ in range(MOST_OF_CONNECTION)))) == {HELD}
            for each in _KEPT:
                each.cancel()
            _KEPT.clear()
            while await watch(channel) == REFUSED:
                await asyncio.sleep(0.05)


async def serves(port: int | None) -> bool:
    """Ask gRPC health."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        reply = await stub.Check(health_pb2.HealthCheckRequest(), timeout=20)
    return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)


async def test_who_reads_no_answer_holds_up_neither_the_truth_nor_the_end(tmp_path: Path) -> None:
    """A peer whose window is closed watches and checks; others see that the service drains, and it ends in time."""
    environ = {"SCREENING_NOTICE_SECONDS": "2", "SCREENING_GRACE_SECONDS": "1"}
    with ServiceProcess(tmp_path / "data", **environ) as service:
        host, _, port = service.target.rpartition(":")
        with socket.create_connection((host, int(port))) as peer:
            peer.sendall(http2.PREFACE + http2.NO_WINDOW)
            for number in range(MOST_OF_CONNECTION):
                peer.sendall(http2.call(4 * number + 1, WATCH, b"") + http2.call(4 * number + 3, CHECK, b""))
            await asyncio.sleep(0.5)
            assert await serves(int(port))
            service.process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.5)
            assert not await serves(int(port))
            assert await asyncio.to_thread(service.process.wait, 30) == 0


async def test_an_answer_that_is_not_read_keeps_its_place(small: App) -> None:
    """Until the connection ends: on it all further checks are refused, by headers alone, which no window holds back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", small.port)
    asked = [http2.call(2 * number + 1, CHECK, b"") for number in range(MOST_OF_CONNECTION + 4)]
    writer.write(http2.PREFACE + http2.NO_WINDOW + b"".join(asked))
    refused: list[int] = []
    async with asyncio.timeout(20):
        async for frame in http2.frames(reader):
            if frame.kind == http2.HEADERS and frame.flags & http2.END_STREAM:
                refused.append(frame.stream)
            if len(refused) == 4:
                break
    assert refused == [2 * number + 1 for number in range(MOST_OF_CONNECTION, MOST_OF_CONNECTION + 4)]
    assert await serves(small.port)
    writer.close()
