"""An error that nobody foresaw in an item of a stream: the caller learns nothing of it, ops its class, and others go on."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import structlog
from city.screening.v1 import screening_service_pb2
from screening import screen
from screening.config import Settings
from screening.telemetry import logs
from screening.wiring import running

from tests.errors import info_in
from tests.factories import employment

STREAM = "/city.screening.v1.ScreeningService/StreamScreenEmployment"
SECRET = "Zzyzx"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Where the log lines go."""
    stream = io.StringIO()
    logs.configure(stream)
    yield stream
    structlog.reset_defaults()


async def test_an_unforeseen_error_in_items_is_logged_by_its_class_once_a_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: io.StringIO
) -> None:
    """At once, and without its text; the items have INTERNAL, and the stream goes on."""
    good = screen.Screen.answer_all

    async def broken(*_: Any) -> Any:
        raise ZeroDivisionError(SECRET)

    async with running(Settings(listen="127.0.0.1:0", data=tmp_path / "data")) as app:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as channel:
            method: Any = channel.stream_stream(STREAM)
            stream = method()

            async def results(number: int) -> list[Any]:
                item = screening_service_pb2.ScreenEmploymentItem(key="k", request=employment())
                message = screening_service_pb2.StreamScreenEmploymentRequest(items=[item] * number)
                await stream.write(message.SerializeToString())
                reply = screening_service_pb2.StreamScreenEmploymentResponse.FromString(await stream.read())
                return list(reply.results)

            monkeypatch.setattr(screen.Screen, "answer_all", broken)
            failed = [*await results(3), *await results(2)]
            said = [json.loads(line) for line in lines.getvalue().splitlines()]
            monkeypatch.setattr(screen.Screen, "answer_all", good)
            assert [each.WhichOneof("result") for each in await results(2)] == ["decision", "decision"]
            await stream.done_writing()
    assert {(info_in(each.error).reason, each.error.code) for each in failed} == {("INTERNAL", 13)}
    assert SECRET not in f"{failed}{lines.getvalue()}"
    faults = [line for line in said if line["event"] == "rpc.item_failed"]
    assert [(line["rpc"], line["caller"], line["error_class"]) for line in faults] == [
        ("StreamScreenEmployment", "local", "ZeroDivisionError")
    ]
