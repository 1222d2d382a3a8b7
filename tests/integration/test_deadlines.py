"""A caller's deadline: nothing is decided that could not be answered in time, and the service itself says so."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from city.screening.v1 import screening_service_pb2
from screening.transport import calls
from screening.wiring import App

from tests.errors import info_in, reason_of
from tests.factories import ICE_JOB, employment

SERVICE = "city.screening.v1.ScreeningService"
SECONDS = 60
"""The deadline of each call here: far enough for no client to make an error of its own."""


def keep(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Have the service keep so much time for answering, from now on."""
    monkeypatch.setattr(calls, "DEADLINE_MARGIN_SECONDS", seconds)


def decisions(app: App) -> int:
    """Count the decisions that are recorded."""
    rows = app.log._read_log.execute("SELECT count(*) FROM record WHERE kind = 'decision'").fetchall()
    return int(rows[0][0])


async def test_a_call_that_begins_too_late_is_refused_before_its_message(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not waited for."""
    keep(monkeypatch, 2 * SECONDS)

    async def nothing() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    async with grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as channel:
        half: Any = channel.stream_unary(f"/{SERVICE}/ScreenEmployment")
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await half(nothing(), timeout=SECONDS)
    assert (raised.value.code(), reason_of(raised.value)) == (
        grpc.StatusCode.DEADLINE_EXCEEDED,
        "DEADLINE_TOO_SHORT",
    )


async def test_a_message_that_comes_too_late_is_not_decided(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """There was time when the call began; nothing is recorded but the refusal, and nothing stays in flight."""

    async def slow() -> AsyncIterator[bytes]:
        await asyncio.sleep(0.5)
        keep(monkeypatch, 2 * SECONDS)
        yield employment(ICE_JOB).SerializeToString()

    async with grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as channel:
        half: Any = channel.stream_unary(f"/{SERVICE}/ScreenEmployment")
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await half(slow(), timeout=SECONDS)
    assert reason_of(raised.value) == "DEADLINE_TOO_SHORT"
    assert (app.admission.calls, app.admission.decisions, app.admission.size) == (0, 0, 0)
    assert decisions(app) == 0


async def test_items_of_a_stream_that_come_too_late_are_not_decided(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is refused by itself; those before were answered."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as channel:
        method: Any = channel.stream_stream(f"/{SERVICE}/StreamScreenEmployment")
        stream = method(timeout=SECONDS)

        async def result(key: str) -> Any:
            item = screening_service_pb2.ScreenEmploymentItem(key=key, request=employment(ICE_JOB))
            await stream.write(screening_service_pb2.StreamScreenEmploymentRequest(item=item).SerializeToString())
            return screening_service_pb2.StreamScreenEmploymentResponse.FromString(await stream.read()).result

        assert (await result("early")).HasField("decision")
        keep(monkeypatch, 2 * SECONDS)
        late = await result("late")
        keep(monkeypatch, 0)
        assert (await result("again-in-time")).HasField("decision")
        await stream.done_writing()
    assert (late.key, info_in(late.error).reason) == ("late", "DEADLINE_TOO_SHORT")
    assert decisions(app) == 2


async def test_a_call_without_a_deadline_has_time(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much the service keeps."""
    keep(monkeypatch, 2 * SECONDS)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as channel:
        ask: Any = channel.unary_unary(f"/{SERVICE}/ScreenEmployment")
        await ask(employment(ICE_JOB).SerializeToString())
    assert decisions(app) == 1
