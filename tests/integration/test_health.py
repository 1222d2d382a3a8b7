"""gRPC health as any caller meets it, on the service's listener and on that for probes."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from screening.config import Settings
from screening.transport import probes
from screening.transport.health import CONDITIONS, Health
from screening.transport.server import NEEDS
from screening.wiring import App, running

from tests.errors import reason_of

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
GARBAGE = b"\x0a\x7fSECRET"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


@pytest.fixture
async def probed(tmp_path: Path) -> AsyncIterator[App]:
    """A service with a listener for probes."""
    settings = Settings(listen="127.0.0.1:0", data=tmp_path / "data", health_listen="127.0.0.1:0")
    async with running(settings) as app:
        yield app


@pytest.mark.parametrize("listener", ["port", "health_port"])
async def test_what_does_not_parse_is_an_invalid_argument(probed: App, listener: str) -> None:
    """Neither listener ends with UNKNOWN, nor with a parser's text."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{getattr(probed, listener)}") as channel:
        check: Any = channel.unary_unary("/grpc.health.v1.Health/Check")
        watch: Any = channel.unary_stream("/grpc.health.v1.Health/Watch")
        reflect: Any = channel.stream_stream(REFLECTION)
        calls = [check(GARBAGE), watch(GARBAGE).read()]
        calls += [reflect(iter([GARBAGE])).read()] if listener == "port" else []
        for call in calls:
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await call
            assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
            assert reason_of(raised.value) == "UNPARSEABLE"
            assert "SECRET" not in f"{raised.value.details()}{raised.value.debug_error_string()}"


@pytest.mark.parametrize("listener", ["port", "health_port"])
@pytest.mark.parametrize("method", ["List", "NoSuchMethod"])
async def test_what_is_not_there_is_unimplemented(probed: App, listener: str, method: str) -> None:
    """List would tell strangers the names of the services."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{getattr(probed, listener)}") as channel:
        call: Any = channel.unary_unary(f"/grpc.health.v1.Health/{method}")
        for body in (b"", GARBAGE):
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await call(body)
            assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED
            assert "SECRET" not in str(raised.value.details())


async def test_nothing_serves_before_each_condition_is_proven() -> None:
    """From the moment on at which the listener for probes is there."""
    proven = dict.fromkeys(CONDITIONS, False)
    health = Health(NEEDS, {name: partial(proven.__getitem__, name) for name in CONDITIONS})
    port, server = await probes.serve_health("127.0.0.1:0", health)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)

        async def said() -> list[int]:
            asked = [health_pb2.HealthCheckRequest(service=name) for name in ("", *NEEDS)]
            return [(await stub.Check(each)).status for each in asked]

        assert set(await said()) == {NOT_SERVING}
        for name in CONDITIONS:
            assert (name, (await said())[0]) == (name, NOT_SERVING)
            proven[name] = True
            health.look()
        assert set(await said()) == {SERVING}
    await server.stop(None)


async def test_who_watches_is_told_of_each_change_and_of_the_end(tmp_path: Path) -> None:
    """A service that is not there is unknown; the end is UNAVAILABLE, so that clients look elsewhere."""
    unknown = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
    async with running(Settings(listen="127.0.0.1:0", data=tmp_path / "data", notice_seconds=0.5)) as app:
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{app.port}")
        stub: Any = health_pb2_grpc.HealthStub(channel)
        watching, lost = (stub.Watch(health_pb2.HealthCheckRequest(service=name)) for name in ("", "no.such.Service"))
        assert [(await each.read()).status for each in (watching, lost)] == [SERVING, unknown]
        for holds in (False, True):
            app.health.set("draining", holds=holds)
            assert (await watching.read()).status == (SERVING if holds else NOT_SERVING)
    assert (await watching.read()).status == NOT_SERVING
    for each in (watching, lost):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await each.read()
        assert (raised.value.code(), reason_of(raised.value)) == (grpc.StatusCode.UNAVAILABLE, "STOPPING")
    await channel.close()
