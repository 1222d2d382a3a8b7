"""The last target: bytes to every RPC of a real service over a real connection; no status may be UNKNOWN or INTERNAL.

Neither of a call, nor of one item in the answer to a batch or in a stream.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import grpc
from city.screening.v1 import screening_service_pb2
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionResponse
from screening.callers import SERVICES
from screening.config import Settings
from screening.wiring import running

PATHS = sorted(f"/{service}/{rpc}" for service, methods in SERVICES.items() for rpc in methods)
CHECK, WATCH, LIST = (f"/grpc.health.v1.Health/{rpc}" for rpc in ("Check", "Watch", "List"))
REFLECT = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
NEVER = (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL)
_NEVER_NUMBERS = {code.value[0] for code in NEVER}
_SECONDS = 8


class Served:
    """A running service with a connection to it. Use it as a context manager."""

    def __init__(self) -> None:
        self._stack = contextlib.AsyncExitStack()
        self._runner = asyncio.Runner()
        self._calls: list[tuple[grpc.aio.Channel, str]] = []

    def __enter__(self) -> Self:
        """Start the service."""
        self._runner.run(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self._runner.run(self._stack.aclose())
        self._runner.close()

    async def _start(self) -> None:
        folder = self._stack.enter_context(TemporaryDirectory(prefix="screening-fuzz-"))
        settings = Settings(listen="127.0.0.1:0", data=Path(folder) / "data", health_listen="127.0.0.1:0")
        app = await self._stack.enter_async_context(running(settings))
        for port, paths in ((app.port, (*PATHS, CHECK, WATCH, LIST, REFLECT)), (app.health_port, (CHECK, WATCH, LIST))):
            channel = await self._stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))
            self._calls += [(channel, path) for path in paths]

    def ask(self, data: bytes) -> None:
        """Send bytes to every RPC at once."""
        self._runner.run(self._ask(data))

    async def _ask(self, data: bytes) -> None:
        await asyncio.gather(*(_one(channel, path, data) for channel, path in self._calls))


async def _one(channel: grpc.aio.Channel, path: str, data: bytes) -> None:
    try:
        async for reply in _replies(channel, path, data):
            assert not _NEVER_NUMBERS.intersection(item_codes(path, reply)), f"an item: {path}"
    except grpc.aio.AioRpcError as error:
        assert error.code() not in (*NEVER, grpc.StatusCode.DEADLINE_EXCEEDED), f"{error.code()}: {path}"  # noqa: PT017


async def _replies(channel: grpc.aio.Channel, path: str, data: bytes) -> AsyncIterator[bytes]:
    if "/Stream" in path or path == REFLECT:
        stream: Any = channel.stream_stream(path)
        async for reply in stream(iter([data]), timeout=_SECONDS):
            yield reply
    elif path == WATCH:  # it does not end by itself
        watch: Any = channel.unary_stream(path)
        watching = watch(data, timeout=_SECONDS)
        yield await watching.read()
        watching.cancel()
    else:
        ask: Any = channel.unary_unary(path)
        yield await ask(data, timeout=_SECONDS)


def item_codes(path: str, reply: bytes) -> Iterator[int]:
    """Yield the status codes of the items in a reply that failed."""
    rpc = path.rpartition("/")[2]
    if path == REFLECT:
        yield ServerReflectionResponse.FromString(reply).error_response.error_code
    elif rpc.startswith(("Batch", "Stream")):
        parsed = getattr(screening_service_pb2, f"{rpc}Response").FromString(reply)
        single = [parsed.result] if rpc.startswith("Stream") else []
        yield from (each.error.code for each in (*parsed.results, *single))
