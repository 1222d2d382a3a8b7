"""What somebody does who means harm, or whose program is broken: over real connections, and the service goes on."""

import asyncio
import random
import socket
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
from city.screening.v1 import information_request_facts_pb2, screening_service_pb2
from screening.config import Settings
from screening.transport import exchange
from screening.transport.calls import MESSAGE_LIMIT, TRANSPORT_LIMIT
from screening.wire import nested
from screening.wiring import App, running

from tests.credentials import AUDIENCE, ISSUER, Authority, Issuer, write_tls
from tests.errors import reason_of
from tests.factories import employment
from tests.http2 import PREFACE, SETTINGS, frame
from tests.processes import ServiceProcess

EMPLOYMENT = "/city.screening.v1.ScreeningService/ScreenEmployment"
BATCH = "/city.screening.v1.ScreeningService/BatchScreenEmployment"
STREAM = "/city.screening.v1.ScreeningService/StreamScreenEmployment"


async def answers(app: App) -> bool:
    """Say whether the service answers a question."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as channel:
        ask: Any = channel.unary_unary(EMPLOYMENT)
        reply = await ask(employment().SerializeToString(), timeout=20)
    return screening_service_pb2.ScreenEmploymentResponse.FromString(reply).HasField("decision")


async def no_message() -> AsyncIterator[bytes]:
    """Send nothing, and do not end."""
    await asyncio.Event().wait()
    yield b""


async def test_who_has_no_right_holds_no_place_by_sending_no_message(tmp_path: Path) -> None:
    """A stranger's call is refused before its message is there."""
    authority, issuer = Authority(), Issuer()
    tls = write_tls(tmp_path, authority, authority.leaf("localhost"))
    (tmp_path / "keys.json").write_text(issuer.jwks)
    (tmp_path / "callers.yaml").write_text(
        "callers: [{name: payroll, identities: ['jwt:payroll'], rpcs: [ScreenEmployment], packs: all}]"
    )
    settings = Settings(
        listen="127.0.0.1:0",
        data=tmp_path / "data",
        callers=tmp_path / "callers.yaml",
        jwks=str(tmp_path / "keys.json"),
        jwt_issuer=ISSUER,
        jwt_audience=AUDIENCE,
        tls_certificate=tls["tls_certificate"],
        tls_key=tls["tls_key"],
    )
    async with running(settings) as app:
        async with grpc.aio.secure_channel(f"localhost:{app.port}", authority.channel()) as channel:
            for path, token, reason in (
                (EMPLOYMENT, Issuer().token("payroll"), "UNAUTHENTICATED"),
                (BATCH, issuer.token("payroll"), "NOT_ALLOWED"),
            ):
                half: Any = channel.stream_unary(path)
                with pytest.raises(grpc.aio.AioRpcError) as raised:
                    await half(no_message(), timeout=20, metadata=(("authorization", f"Bearer {token}"),))
                assert reason_of(raised.value) == reason


async def test_a_message_that_never_comes_is_not_waited_for(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is one that was left out; nothing stays behind."""
    monkeypatch.setattr(exchange, "MESSAGE_SECONDS", 0.2)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as channel:
        half: Any = channel.stream_unary(EMPLOYMENT)
        silent: tuple[AsyncIterator[bytes] | Iterator[bytes], ...] = (no_message(), iter(()))
        for messages in silent:
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await half(messages, timeout=20)
            assert (raised.value.code(), reason_of(raised.value)) == (
                grpc.StatusCode.INVALID_ARGUMENT,
                "UNPARSEABLE",
            )
    assert (app.admission.calls, app.admission.decisions, app.admission.size) == (0, 0, 0)
    assert await answers(app)


NOISE = random.Random(7).randbytes(4_096)  # the same in every process that collects these tests
BYTES = {
    "HTTP/1.1": b"GET / HTTP/1.1\r\n\r\n",
    "noise": NOISE,
    "the preface alone": PREFACE,
    "half of the preface": PREFACE[:10],
    "noise for frames": PREFACE + NOISE,
    "data on a stream that was never opened": PREFACE + SETTINGS + frame(0, 0, 1, b"\0\0\0\0\0"),
    "noise for headers": PREFACE + SETTINGS + frame(1, 4, 1, NOISE[:200]),
    "headers that never end": PREFACE + SETTINGS + frame(1, 0, 1, b"\x82" * 100) * 50,
    "a frame beyond every limit": PREFACE + SETTINGS + frame(0, 0, 1, b"", length=2**24 - 1),
    "pings": PREFACE + SETTINGS + frame(6, 0, 0, b"x" * 8) * 1_000,
    "resets": PREFACE + SETTINGS + frame(3, 0, 1, b"\0\0\0\x08") * 1_000,
    "settings": PREFACE + SETTINGS * 1_000,
    "a window that overflows": PREFACE + SETTINGS + frame(8, 0, 0, b"\x7f\xff\xff\xff") * 10,
    "TLS where there is none": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + NOISE[:64],
}


@pytest.mark.parametrize("sent", BYTES.values(), ids=BYTES)
async def test_bytes_that_are_no_call_harm_nobody(app: App, sent: bytes) -> None:
    """Others are answered while such connections stay open, and after."""
    open_ones = [await asyncio.open_connection("127.0.0.1", app.port) for _ in range(8)]
    for _, writer in open_ones:
        writer.write(sent)
    assert await answers(app)
    for _, writer in open_ones:
        writer.close()
    assert await answers(app)


async def test_connections_that_say_nothing_are_no_harm(app: App) -> None:
    """Two hundred at once."""
    silent = [socket.create_connection(("127.0.0.1", app.port)) for _ in range(200)]
    assert await answers(app)
    for each in silent:
        each.close()


async def test_a_flood_of_metadata_is_refused_by_the_transport(app: App) -> None:
    """One large value, or many small ones."""
    for metadata in ((("x", "v" * 100_000),), tuple((f"x{n}", "v" * 50) for n in range(2_000))):
        async with grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as channel:
            ask: Any = channel.unary_unary(EMPLOYMENT)
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await ask(employment().SerializeToString(), timeout=20, metadata=metadata)
            assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert await answers(app)


async def test_a_message_beyond_what_the_transport_takes_is_refused_as_exhausted(tmp_path: Path) -> None:
    """In a call, in a batch and in a stream; nothing stays behind, and the first two are counted."""
    settings = Settings(listen="127.0.0.1:0", data=tmp_path / "data", metrics_listen="127.0.0.1:0")
    async with running(settings) as app:
        await refuse_large_messages(app)


async def refuse_large_messages(app: App) -> None:
    """Send them, and look at what is left."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as channel:
        for path in (EMPLOYMENT, BATCH):
            ask: Any = channel.unary_unary(path)
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await ask(bytes(TRANSPORT_LIMIT + 1), timeout=20)
            assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        stream: Any = channel.stream_stream(STREAM)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stream(iter([bytes(TRANSPORT_LIMIT + 1)]), timeout=20).read()
        assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert await answers(app)
    while app.admission.streams:
        await asyncio.sleep(0.05)
    assert app.admission.calls == 0
    page = await asyncio.to_thread(urllib.request.urlopen, f"http://127.0.0.1:{app.metrics_port}/metrics", timeout=20)
    with page:
        assert b"screening_refused_by_transport_total 2.0" in page.read()


async def test_a_small_message_with_very_many_items_is_refused_by_their_number(app: App) -> None:
    """A million empty items fit into two megabytes."""
    body = b"\x0a\x00" * 1_000_000
    async with grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as channel:
        ask: Any = channel.unary_unary(BATCH)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await ask(body, timeout=60)
    assert reason_of(raised.value) == "TOO_MANY_ITEMS"
    assert await answers(app)


def test_messages_that_were_refused_do_not_stay_in_memory(tmp_path: Path) -> None:
    """Sixty of the largest, one after another: less is left of all of them than thirty would take."""
    body = b"\x0a\xff\xff\xff\x01" + bytes(MESSAGE_LIMIT - 5)  # says that it is longer than it is
    with ServiceProcess(tmp_path / "data") as service:
        process = psutil.Process(service.process.pid)
        with grpc.insecure_channel(service.target) as channel:
            ask: Any = channel.unary_unary(BATCH)
            for number in range(70):
                if number == 10:
                    before = process.memory_info().rss
                with pytest.raises(grpc.RpcError) as raised:
                    ask(body, timeout=60)
                assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert process.memory_info().rss - before < 30 * MESSAGE_LIMIT
        assert service.stop() == 0


@pytest.mark.parametrize(("items", "most_megabytes"), [("empty", 128), ("full of empty convictions", 256)])
def test_messages_are_not_parsed_to_many_times_their_size(tmp_path: Path, items: str, most_megabytes: int) -> None:
    """Twenty of the largest, each a hundred megabytes once parsed: items are counted before, and parsed one by one."""
    message = information_request_facts_pb2.InformationRequestFacts
    conviction = nested(message.DESCRIPTOR.fields_by_name["convictions"].number, b"")
    stuffed = nested(2, nested(1, conviction * ((MESSAGE_LIMIT - 100) // len(conviction))))
    body = b"\x0a\x00" * (MESSAGE_LIMIT // 2) if items == "empty" else nested(1, nested(1, b"key") + stuffed)
    with ServiceProcess(tmp_path / "data") as service:
        status = Path(f"/proc/{service.process.pid}/status")
        before = _peak(status)
        with grpc.insecure_channel(service.target) as channel:
            ask: Any = channel.unary_unary(BATCH.replace("Employment", "InformationRequest"))
            calls = [ask.future(body, timeout=60) for _ in range(20)]
            refusals = {call.exception() is not None and call.exception().code() for call in calls}
        assert refusals <= {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED, False}
        assert _peak(status) - before < most_megabytes * 2**20
        assert service.stop() == 0


def _peak(status: Path) -> int:
    """Return the most memory that a process has had, in bytes."""
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
