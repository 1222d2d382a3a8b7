"""SIGTERM under full load, with a real process: nothing acknowledged is lost, nothing accepted fails."""

import asyncio
import signal
import sqlite3
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from city.screening.v1 import screening_service_pb2, screening_service_pb2_grpc

from tests.errors import info_in
from tests.factories import ICE_JOB, employment
from tests.processes import ServiceProcess

CONNECTIONS, CALLS_EACH = 8, 8
RACING_SECONDS = 0.05
"""Before the signal; a call begun then may reach the service after it."""


@dataclass
class Load:
    """Closed-loop load, and what came of it."""

    target: str
    stopped: float = float("inf")
    """When the service was told to stop, by time.monotonic()."""
    acknowledged: set[str] = field(default_factory=set)
    failed_before: list[Any] = field(default_factory=list)
    """Codes of calls that were begun before the service was told to stop."""
    codes_after: set[Any] = field(default_factory=set)

    async def run(self) -> None:
        """Ask on many connections until the service is gone."""
        await asyncio.gather(*(self._connection() for _ in range(CONNECTIONS)))

    async def _connection(self) -> None:
        options = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))
        async with grpc.aio.insecure_channel(self.target, options=options) as channel:
            stub: Any = screening_service_pb2_grpc.ScreeningServiceStub(channel)
            await asyncio.gather(*(self._ask(stub) for _ in range(CALLS_EACH)), self._stream(stub))

    async def _ask(self, stub: Any) -> None:
        while True:
            begun = time.monotonic()
            try:
                reply = await stub.ScreenEmployment(employment(ICE_JOB), timeout=30)
            except grpc.aio.AioRpcError as error:
                if begun < self.stopped - RACING_SECONDS:
                    self.failed_before.append(error.code())
                self.codes_after.add(error.code())
                return
            self.acknowledged.add(reply.decision.decision_id)

    async def _stream(self, stub: Any) -> None:
        async def questions() -> AsyncIterator[Any]:
            number = 0
            while time.monotonic() < self.stopped + 0.5:
                item = screening_service_pb2.ScreenEmploymentItem(key=f"k{number}", request=employment(ICE_JOB))
                yield screening_service_pb2.StreamScreenEmploymentRequest(item=item)
                number += 1
                await asyncio.sleep(0.005)

        async for reply in stub.StreamScreenEmployment(questions()):
            assert reply.result.HasField("decision")
            self.acknowledged.add(reply.result.decision.decision_id)


@pytest.mark.parametrize(("notice", "workers"), [("0", "1"), ("0.5", "1"), ("0", "2")])
async def test_a_stop_under_load_loses_no_answer_and_fails_no_accepted_call(
    tmp_path: Path, notice: str, workers: str
) -> None:
    """Unary calls and streams; what comes too late is UNAVAILABLE, which clients try again elsewhere."""
    data = tmp_path / "data"
    with ServiceProcess(data, SCREENING_NOTICE_SECONDS=notice, SCREENING_WORKERS=workers) as service:
        load = Load(service.target)
        running = asyncio.create_task(load.run())
        await asyncio.sleep(1.5)
        load.stopped = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        await running
        assert await asyncio.to_thread(service.process.wait, 30) == 0
    assert load.failed_before == []
    assert load.codes_after == {grpc.StatusCode.UNAVAILABLE}
    with sqlite3.connect(data / "log.db") as log:
        recorded = {row[0] for row in log.execute("SELECT id FROM record WHERE kind = 'decision'")}
    assert len(load.acknowledged) > CONNECTIONS * CALLS_EACH
    assert load.acknowledged - recorded == set()


async def test_an_endless_stream_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """After half the grace its items are answered with STOPPING, and the caller ends it or is cut off."""
    with ServiceProcess(tmp_path / "data", SCREENING_GRACE_SECONDS="2") as service:
        reasons: set[str] = set()
        async with grpc.aio.insecure_channel(service.target) as channel:
            stub: Any = screening_service_pb2_grpc.ScreeningServiceStub(channel)

            async def questions() -> AsyncIterator[Any]:
                number = 0
                while "error" not in reasons:
                    item = screening_service_pb2.ScreenEmploymentItem(key=f"k{number}", request=employment())
                    yield screening_service_pb2.StreamScreenEmploymentRequest(item=item)
                    number += 1
                    if number == 20:
                        service.process.send_signal(signal.SIGTERM)
                    await asyncio.sleep(0.01)

            last = None
            async for reply in stub.StreamScreenEmployment(questions()):
                last = reply.result
                reasons.add(last.WhichOneof("result"))
        assert await asyncio.to_thread(service.process.wait, 30) == 0
    assert reasons == {"decision", "error"}
    assert last is not None
    assert (last.error.code, info_in(last.error).reason) == (grpc.StatusCode.UNAVAILABLE.value[0], "STOPPING")
