import asyncio
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from city.screening.v1 import decision_log_service_pb2, screening_service_pb2
from screening.wiring import App
from screening_client import AsyncScreeningClient, NotDecided, NotPermitted, ScreeningClient

from tests.factories import ADDRESS_REQUEST, ICE_JOB, employment, request
from tests.processes import ServiceProcess


class Flaky:
    """A service that is unavailable a few times before it answers, and remembers what it was asked."""

    def __init__(self, failures: int, code: grpc.StatusCode) -> None:
        self.left = failures
        self.code = code
        self.seen: list[str] = []

    async def screen_employment(self, request: Any, context: Any) -> Any:
        """Fail, then answer."""
        self.seen.append(request.request_id)
        if self.left:
            self.left -= 1
            await context.abort(self.code, "not now")
        return screening_service_pb2.ScreenEmploymentResponse()


@pytest.fixture
async def flaky(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Flaky, AsyncScreeningClient]]:
    """A real server that fails as told, and a client of it."""
    failures, code = request.param
    servicer = Flaky(failures, code)
    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(
        servicer.screen_employment,
        request_deserializer=screening_service_pb2.ScreenEmploymentRequest.FromString,
        response_serializer=screening_service_pb2.ScreenEmploymentResponse.SerializeToString,
    )
    service = grpc.method_handlers_generic_handler("city.screening.v1.ScreeningService", {"ScreenEmployment": handler})
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with AsyncScreeningClient(f"127.0.0.1:{port}", timeout=5) as client:
        yield servicer, client
    await server.stop(0)


@pytest.mark.parametrize("flaky", [(2, grpc.StatusCode.UNAVAILABLE)], indirect=True)
async def test_unavailable_is_retried_with_the_same_request_id(flaky: tuple[Flaky, AsyncScreeningClient]) -> None:
    """So that a retry cannot decide twice."""
    servicer, client = flaky
    await client.screen_employment(employment())
    assert len(servicer.seen) == 3
    assert len(set(servicer.seen)) == 1
    assert len(servicer.seen[0]) == 32


@pytest.mark.parametrize("flaky", [(1, grpc.StatusCode.INTERNAL), (1, grpc.StatusCode.ALREADY_EXISTS)], indirect=True)
async def test_nothing_else_is_retried(flaky: tuple[Flaky, AsyncScreeningClient]) -> None:
    """Only UNAVAILABLE says that nothing was decided."""
    servicer, client = flaky
    with pytest.raises(NotDecided):
        await client.screen_employment(employment())
    assert len(servicer.seen) == 1


async def test_a_service_that_is_not_there_is_no_permit_and_does_not_hang() -> None:
    """The guard fails closed, within the deadline."""
    started = time.monotonic()
    async with AsyncScreeningClient("127.0.0.1:1", timeout=1) as client:
        with pytest.raises(NotPermitted):
            await client.permit_employment(employment(ICE_JOB))
        with pytest.raises(NotPermitted):
            await client.permit_information_request(request())
    assert time.monotonic() - started < 30


async def test_permits_come_from_allow_only(client: AsyncScreeningClient) -> None:
    """Through a real service."""
    permit = await client.permit_information_request(request(ADDRESS_REQUEST, data_categories=["arrest_log"]))
    assert permit.whole
    with pytest.raises(NotPermitted):
        await client.permit_information_request(request(ADDRESS_REQUEST))
    with pytest.raises(NotPermitted):
        await client.permit_employment(employment(as_of="2030-01-01", employee_class="former"))


def test_the_blocking_client_does_what_the_async_one_does(tmp_path: Path) -> None:
    """For programs without a loop, errors included."""
    with ServiceProcess(tmp_path / "data") as service:
        with ScreeningClient(service.target) as client:
            decision = client.screen_employment(employment(ICE_JOB))
            assert client.get_decision(decision.decision_id) == decision
            results = dict(client.screen_employment_stream((f"k{n}", employment()) for n in range(300)))
            assert len(results) == 300
            assert len(client.screen_employment_batch([("a", employment())])) == 1
            assert len(client.screen_information_request_batch([("a", request())])) == 1
            assert dict(client.screen_information_request_stream([("a", request())]))
            with pytest.raises(NotPermitted):
                client.permit_employment(employment(ICE_JOB))
            with pytest.raises(NotPermitted):
                client.permit_information_request(request())
        assert service.stop() == 0


async def test_a_cancelled_call_is_recorded_all_the_same(client: AsyncScreeningClient, app: App) -> None:
    """Durable whether or not the caller waited; asked again, the same is answered."""
    free = threading.Event()
    writer = asyncio.create_task(app.log._writer.run(lambda: free.wait(20)))
    call = asyncio.create_task(client.screen_employment(employment(ICE_JOB, request_id="cancelled-call")))
    while not app.log.waiting():  # decided, and not recorded yet
        await asyncio.sleep(0.01)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.sleep(0.1)  # the service is told that the caller gave up
    free.set()
    await writer
    everything = decision_log_service_pb2.ListDecisionsRequest()
    while not (recorded := (await client.list_decisions(everything)).decisions):
        await asyncio.sleep(0.01)
    decision = await client.screen_employment(employment(ICE_JOB, request_id="cancelled-call"))
    assert [each.decision_id for each in recorded] == [decision.decision_id]
    assert len((await client.list_decisions(everything)).decisions) == 1
