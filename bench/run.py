"""Measures the service against an echo server in the same run, so that a figure says something on a noisy machine.

Prints: the median of unary calls one after another on an idle service (record on disk included), calls a second with
many in flight, and decisions a second in a batch and a stream, each beside the echo server's unary figures. All on
loopback, bounded, with a fresh log in a temporary directory.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import grpc
import structlog
import uvloop
from screening.config import Settings
from screening.wiring import running
from screening_client import AsyncScreeningClient, employment_request
from screening_client.client import EmploymentRequest

IDLE_CALLS = 500
BUSY_CALLS = 4_000
IN_FLIGHT = 64
ITEMS = 1_000
REPEATS = 3
FORM = {
    "employee_class": "civilian_non_filer",
    "employer_name": "U.S. Immigration & Customs Enforcement",
    "employer_kind": "ice",
    "role": "analyst",
    "duties_immigration_enforcement": True,
    "paid": True,
}


async def idle_median_ms(call: Callable[[], Awaitable[Any]]) -> float:
    """Return the median time of calls made one after another, in milliseconds."""
    times = []
    for _ in range(IDLE_CALLS):
        start = time.perf_counter()
        await call()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


async def calls_per_second(call: Callable[[], Awaitable[Any]]) -> float:
    """Return the rate of calls with IN_FLIGHT of them at once."""
    left = iter(range(BUSY_CALLS))

    async def worker() -> None:
        for _ in left:
            await call()

    start = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    return BUSY_CALLS / (time.perf_counter() - start)


async def echo_server() -> tuple[grpc.aio.Server, int]:
    """Start a server that returns what it is sent."""

    async def echo(body: bytes, _context: object) -> bytes:
        return body

    server = grpc.aio.server()
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {"Echo": grpc.unary_unary_rpc_method_handler(echo)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Echo", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, port


def questions() -> list[tuple[str, EmploymentRequest]]:
    """Return ITEMS questions, each with a key."""
    return [(f"k{number}", employment_request(FORM)) for number in range(ITEMS)]


async def as_stream(items: Iterable[tuple[str, EmploymentRequest]]) -> AsyncIterator[tuple[str, EmploymentRequest]]:
    """Yield items as a stream's questions."""
    for item in items:
        yield item


async def batch_rate(client: AsyncScreeningClient) -> float:
    """Return decisions a second in one batch."""
    start = time.perf_counter()
    results = await client.screen_employment_batch(questions())
    assert len(results) == ITEMS
    return ITEMS / (time.perf_counter() - start)


async def stream_rate(client: AsyncScreeningClient) -> float:
    """Return decisions a second in one stream."""
    start = time.perf_counter()
    results = [result async for result in client.screen_employment_stream(as_stream(questions()))]
    assert len(results) == ITEMS
    return ITEMS / (time.perf_counter() - start)


async def measure(port: int) -> None:
    """Measure the service on a port, interleaved with the echo server, and print the table."""
    echo, echo_port = await echo_server()
    request = employment_request(FORM)
    body = request.SerializeToString()
    async with (
        AsyncScreeningClient(f"127.0.0.1:{port}") as client,
        grpc.aio.insecure_channel(f"127.0.0.1:{echo_port}") as channel,
    ):
        ask_echo: Any = channel.unary_unary("/bench.Echo/Echo")
        rows: dict[str, list[float]] = {}
        for _ in range(REPEATS):
            for name, value in (
                ("echo, idle, median ms", await idle_median_ms(lambda: ask_echo(body))),
                ("service, idle, median ms", await idle_median_ms(lambda: client.screen_employment(request))),
                ("echo, calls/s", await calls_per_second(lambda: ask_echo(body))),
                ("service, calls/s", await calls_per_second(lambda: client.screen_employment(request))),
                ("batch of 1,000, decisions/s", await batch_rate(client)),
                ("stream of 1,000, decisions/s", await stream_rate(client)),
            ):
                rows.setdefault(name, []).append(value)
    await echo.stop(0)
    print(f"{'':32}{'median':>10}{'min':>10}{'max':>10}")
    for name, values in rows.items():
        print(f"{name:32}{statistics.median(values):10.2f}{min(values):10.2f}{max(values):10.2f}")
    ratio = statistics.median(rows["service, calls/s"]) / statistics.median(rows["echo, calls/s"])
    print(f"service to echo, calls/s: {ratio:.2f}; client, echo and service share one process and its cores")


async def main() -> None:
    """Run the service in this process and measure it."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    with tempfile.TemporaryDirectory(prefix="screening-bench-") as scratch:
        async with running(Settings(listen="127.0.0.1:0", data=Path(scratch) / "data")) as app:
            await measure(app.port)


if __name__ == "__main__":
    uvloop.run(main())
