"""What bounds a connection: each option of the transport, seen by a peer on its socket.

Where the limit is a long time or a large number, the option is given a small one; its name is the service's own.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from screening.config import Settings
from screening.transport import server
from screening.wiring import App, running

from tests import http2

SETTINGS, PING, GOAWAY = 4, 6, 7
MAX_CONCURRENT_STREAMS, MAX_HEADER_LIST_SIZE = 3, 6
NEVER = 255
"""No kind of frame: whoever waits for it waits for the end."""
SECONDS = 20


class Limited:
    """Runs a service whose transport has some options changed."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._change = monkeypatch.setattr

    @contextlib.asynccontextmanager
    async def running(self, changes: Mapping[str, int]) -> AsyncIterator[App]:
        """Run it; `changes` are options by name."""
        options: dict[str, Any] = dict(server._OPTIONS)
        assert changes.keys() <= options.keys(), "the service gives the transport no such option"
        self._change(server, "_OPTIONS", tuple({**options, **changes}.items()))
        async with running(Settings(listen="127.0.0.1:0", data=self._folder / "data", grace_seconds=1)) as app:
            yield app


@pytest.fixture
def limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Limited:
    """A service to be."""
    return Limited(tmp_path, monkeypatch)


@contextlib.asynccontextmanager
async def connected(app: App, sent: bytes = http2.PREFACE + http2.SETTINGS) -> AsyncIterator[asyncio.StreamReader]:
    """Connect, and say something."""
    reader, writer = await asyncio.open_connection("127.0.0.1", app.port)
    writer.write(sent)
    yield reader
    writer.close()


async def first(reader: asyncio.StreamReader, kind: int) -> http2.Frame | None:
    """Return the first frame of a kind that does not acknowledge ours; None if the connection is closed before it."""
    async with asyncio.timeout(SECONDS):
        async for frame in http2.frames(reader):
            if frame.kind == kind and not frame.flags:
                return frame
    return None


async def test_streams_and_metadata_of_a_connection_are_limited(app: App) -> None:
    """As each peer is told when it connects."""
    async with connected(app) as reader:
        frame = await first(reader, SETTINGS)
    assert frame is not None
    said = http2.settings_in(frame.payload)
    assert said[MAX_CONCURRENT_STREAMS] == server.STREAMS_PER_CONNECTION
    assert said[MAX_HEADER_LIST_SIZE] == 20 * 1024  # gRPC adds a quarter, up to which it may refuse and may not


async def test_a_peer_that_says_nothing_more_is_asked_whether_it_lives_and_cut_off(limited: Limited) -> None:
    """Without an answer the connection ends."""
    async with limited.running({"grpc.keepalive_time_ms": 1_000, "grpc.http2.ping_timeout_ms": 500}) as app:
        async with connected(app) as reader:
            assert await first(reader, PING) is not None
            assert await first(reader, NEVER) is None


async def test_an_old_connection_is_ended_kindly_and_then_for_good(limited: Limited) -> None:
    """It is told to go away, and closed after its grace."""
    async with limited.running({"grpc.max_connection_age_ms": 500, "grpc.max_connection_age_grace_ms": 500}) as app:
        async with connected(app) as reader:
            assert await first(reader, GOAWAY) is not None
            assert await first(reader, NEVER) is None


async def test_a_connection_that_does_not_speak_is_closed(limited: Limited) -> None:
    """Before it costs more."""
    async with limited.running({"grpc.server_handshake_timeout_ms": 500}) as app:
        async with connected(app, sent=b"") as reader:
            assert await first(reader, NEVER) is None


async def test_connections_beyond_the_limit_are_closed(limited: Limited) -> None:
    """Those before them are served on."""
    async with limited.running({"grpc.max_allowed_incoming_connections": 2}) as app:
        async with contextlib.AsyncExitStack() as stack:
            inside = [await stack.enter_async_context(connected(app)) for _ in range(2)]
            assert [await first(reader, SETTINGS) is not None for reader in inside] == [True, True]
            beyond = await stack.enter_async_context(connected(app))
            assert await first(beyond, SETTINGS) is None


def test_the_limits_are_those_that_are_documented() -> None:
    """The values that the tests above make small."""
    given: dict[str, Any] = dict(server._OPTIONS)
    assert given["grpc.max_allowed_incoming_connections"] == server.CONNECTIONS == 4_096
    assert given["grpc.server_handshake_timeout_ms"] == 10_000
    assert given["grpc.max_connection_age_ms"] == 30 * 60_000
    assert given["grpc.max_connection_age_grace_ms"] == 15 * 60_000
    assert (given["grpc.keepalive_time_ms"], given["grpc.http2.ping_timeout_ms"]) == (30_000, 10_000)
