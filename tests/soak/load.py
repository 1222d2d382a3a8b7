"""Callers of a soak: steady ones, ones that vanish, and one that does not read its answers."""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
from city.screening.v1 import screening_service_pb2, screening_service_pb2_grpc

from tests.factories import ICE_JOB, employment

LOOPS, CONNECTIONS = 32, 4
TIMEOUT_SECONDS = 5.0
_LOOK_SECONDS = 0.02
NEVER = (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)
_NO_ANSWER = "Internal error from Core"
"""What gRPC's own client says of a call that failed inside it: no status came from the service, which never says this."""
_OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0), ("grpc.max_reconnect_backoff_ms", 500))
_pb = screening_service_pb2


@dataclass
class Second:
    """What ended in one second."""

    seconds: list[float] = field(default_factory=list)
    """How long each answered call took."""
    failed: int = 0
    late: float = 0.0
    """How many seconds late the callers' own loop was at most: what is theirs of the time that calls took."""

    @property
    def p99(self) -> float:
        """Return the time within which 99 of 100 were answered; none: infinite."""
        if not self.seconds:
            return float("inf")
        return statistics.quantiles([*self.seconds, self.seconds[0]], n=100, method="inclusive")[98]


class Load:
    """Everything that the service under soak is asked, and what it answered."""

    def __init__(self, target: str, credentials: Callable[[], grpc.ChannelCredentials]) -> None:
        self._target = target
        self._credentials = credentials
        self.began = time.monotonic()
        self.acknowledged: set[str] = set()
        self.codes: Counter[str] = Counter()
        """Of calls that were not answered, by all kinds of caller."""
        self.details: list[str] = []
        """What came with statuses that the service never gives on purpose."""
        self.by_second: dict[int, Second] = {}
        self.vanished = 0

    def connect(self) -> grpc.aio.Channel:
        """Return a new connection."""
        return grpc.aio.secure_channel(self._target, self._credentials(), options=_OPTIONS)

    def second(self) -> Second:
        """Return what is counted for the second of now."""
        return self.by_second.setdefault(int(time.monotonic() - self.began), Second())

    async def steady(self, until: float, rate: float | None) -> None:
        """Ask `rate` times a second, or as fast as answers come, until a moment of time.monotonic()."""
        channels = [self.connect() for _ in range(CONNECTIONS)]
        pause = LOOPS / rate if rate else 0.0
        stubs = [screening_service_pb2_grpc.ScreeningServiceStub(channel) for channel in channels]
        await asyncio.gather(
            *(self._repeat(stubs[number % CONNECTIONS], until, pause, number / LOOPS) for number in range(LOOPS))
        )
        for channel in channels:
            await channel.close()

    async def _repeat(self, stub: Any, until: float, pause: float, phase: float) -> None:
        due = time.monotonic() + pause * phase
        while (now := time.monotonic()) < until:
            await asyncio.sleep(max(0.0, due - now))
            due = max(due, now) + pause
            await self.ask(stub)

    async def ask(self, stub: Any) -> None:
        """Ask once and note what came of it."""
        start = time.monotonic()
        try:
            reply = await stub.ScreenEmployment(employment(ICE_JOB), timeout=TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError as error:
            self._failed(error)
            await asyncio.sleep(0.1)
            return
        self.acknowledged.add(reply.decision.decision_id)
        self.second().seconds.append(time.monotonic() - start)

    def _failed(self, error: grpc.aio.AioRpcError) -> None:
        self._note(error)
        self.second().failed += 1

    def _note(self, error: grpc.aio.AioRpcError) -> None:
        if error.details() == _NO_ANSWER:
            self.codes["(failed in the client)"] += 1
            return
        self.codes[error.code().name] += 1
        if error.code() in NEVER:
            self.details.append(f"{error.code().name}: {error.details()}")

    async def lag(self) -> None:
        """For ever: note how late the callers' own loop is."""
        while True:
            due = time.monotonic() + _LOOK_SECONDS
            await asyncio.sleep(_LOOK_SECONDS)
            second = self.second()
            second.late = max(second.late, time.monotonic() - due)

    async def vanishing(self) -> None:
        """For ever: connect, ask ten times, and be gone before the answers come."""
        while True:
            async with self.connect() as channel:
                stub: Any = screening_service_pb2_grpc.ScreeningServiceStub(channel)
                calls = [stub.ScreenEmployment(employment(ICE_JOB), timeout=TIMEOUT_SECONDS) for _ in range(10)]
                await asyncio.sleep(0.05)
                for call in calls:
                    call.cancel()
                self.vanished += len(calls)
            await asyncio.sleep(0.5)

    async def slow(self) -> None:
        """For ever: open a stream, send much, read one answer a second, and give up."""
        while True:
            async with self.connect() as channel:
                stub: Any = screening_service_pb2_grpc.ScreeningServiceStub(channel)
                call = stub.StreamScreenEmployment(_questions())
                for _ in range(5):
                    try:
                        reply = await call.read()
                    except grpc.aio.AioRpcError as error:
                        self._note(error)
                        break
                    if reply is grpc.aio.EOF:
                        break
                    results = [*reply.results, *([reply.result] if reply.HasField("result") else [])]
                    self.acknowledged |= {each.decision.decision_id for each in results if each.HasField("decision")}
                    await asyncio.sleep(1)
                call.cancel()
            await asyncio.sleep(1)


async def _questions() -> AsyncIterator[Any]:
    for number in range(500):
        item = _pb.ScreenEmploymentItem(key=f"k{number}", request=employment(ICE_JOB))
        yield _pb.StreamScreenEmploymentRequest(item=item)
