"""The last target: bytes to every RPC of a real service over a real connection; no status may be UNKNOWN or INTERNAL."""

import asyncio
import contextlib
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import grpc
from screening.callers import SERVICES
from screening.config import Settings
from screening.wiring import running

PATHS = sorted(f"/{service}/{rpc}" for service, methods in SERVICES.items() for rpc in methods)
NEVER = (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL)
_SECONDS = 8


class Served:
    """A running service with a connection to it. Use it as a context manager."""

    def __init__(self) -> None:
        self._stack = contextlib.AsyncExitStack()
        self._runner = asyncio.Runner()
        self._calls: list[Any] = []

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
        app = await self._stack.enter_async_context(running(Settings(listen="127.0.0.1:0", data=Path(folder) / "data")))
        channel = await self._stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{app.port}"))
        self._calls = [
            channel.stream_stream(path) if "/Stream" in path else channel.unary_unary(path) for path in PATHS
        ]

    def ask(self, data: bytes) -> None:
        """Send bytes to every RPC at once."""
        self._runner.run(self._ask(data))

    async def _ask(self, data: bytes) -> None:
        await asyncio.gather(*(self._one(call, data) for call in self._calls))

    async def _one(self, call: Any, data: bytes) -> None:
        try:
            if isinstance(call, grpc.aio.StreamStreamMultiCallable):
                async for _ in call(iter([data]), timeout=_SECONDS):
                    pass
            else:
                await call(data, timeout=_SECONDS)
        except grpc.aio.AioRpcError as error:
            assert error.code() not in (*NEVER, grpc.StatusCode.DEADLINE_EXCEEDED), error.code()  # noqa: PT017
