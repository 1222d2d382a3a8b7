"""The sync client: the async one on a loop of its own, for programs without one."""

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc
from city.screening.v1 import decision_log_service_pb2, status_service_pb2

from screening_client.client import (
    TIMEOUT_SECONDS,
    AsyncScreeningClient,
    Decision,
    EmploymentRequest,
    InformationRequest,
    Result,
)
from screening_client.guard import Permit

_Value = TypeVar("_Value")
_IN_FLIGHT = 256


class ScreeningClient:
    """A connection to the service, for blocking code. Use it as a context manager."""

    def __init__(
        self,
        target: str,
        *,
        timeout: float = TIMEOUT_SECONDS,
        credentials: grpc.ChannelCredentials | None = None,
        token: Callable[[], str] | None = None,
    ) -> None:
        """Connect to HOST:PORT; arguments as for AsyncScreeningClient."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="screening-client", daemon=True)
        self._thread.start()
        self._client = self._run(
            _connect(lambda: AsyncScreeningClient(target, timeout=timeout, credentials=credentials, token=token))
        )

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection and end the loop."""
        self._run(self._client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def screen_employment(self, request: EmploymentRequest) -> Decision:
        """Ask one employment question. Raises NotDecided."""
        return self._run(self._client.screen_employment(request))

    def screen_information_request(self, request: InformationRequest) -> Decision:
        """Ask about one outside request. Raises NotDecided."""
        return self._run(self._client.screen_information_request(request))

    def permit_employment(self, request: EmploymentRequest) -> Permit:
        """Ask, and return a permit. Raises NotPermitted."""
        return self._run(self._client.permit_employment(request))

    def permit_information_request(self, request: InformationRequest) -> Permit:
        """Ask, and return a permit. Raises NotPermitted."""
        return self._run(self._client.permit_information_request(request))

    def screen_employment_batch(self, items: Iterable[tuple[str, EmploymentRequest]]) -> list[Result]:
        """Ask up to 1,000 employment questions at once. Raises NotDecided."""
        return self._run(self._client.screen_employment_batch(items))

    def screen_information_request_batch(self, items: Iterable[tuple[str, InformationRequest]]) -> list[Result]:
        """Ask about up to 1,000 outside requests at once. Raises NotDecided."""
        return self._run(self._client.screen_information_request_batch(items))

    def screen_employment_stream(self, items: Iterable[tuple[str, EmploymentRequest]]) -> Iterator[Result]:
        """Ask employment questions without a limit; results come as they are ready. Raises NotDecided."""
        return self._iterate(lambda: self._client.screen_employment_stream(_aiter(items)))

    def screen_information_request_stream(self, items: Iterable[tuple[str, InformationRequest]]) -> Iterator[Result]:
        """Ask about outside requests without a limit; results come as they are ready. Raises NotDecided."""
        return self._iterate(lambda: self._client.screen_information_request_stream(_aiter(items)))

    def get_decision(self, decision_id: str) -> Decision:
        """Return a recorded decision. Raises NotDecided with DECISION_NOT_FOUND."""
        return self._run(self._client.get_decision(decision_id))

    def list_decisions(
        self, request: decision_log_service_pb2.ListDecisionsRequest
    ) -> decision_log_service_pb2.ListDecisionsResponse:
        """Return a page of recorded decisions. Raises NotDecided."""
        return self._run(self._client.list_decisions(request))

    def get_inclusion_proof(self, log_index: int, leaf_hash: bytes) -> decision_log_service_pb2.InclusionProof:
        """Return the proof that completes a receipt. Raises NotDecided, with NOT_YET_INTEGRATED if it comes too early."""
        return self._run(self._client.get_inclusion_proof(log_index, leaf_hash))

    def get_checkpoint(self) -> str:
        """Return the log's newest checkpoint, a signed note. Raises NotDecided."""
        return self._run(self._client.get_checkpoint())

    def get_status(self) -> status_service_pb2.GetStatusResponse:
        """Return the state of the instance that answers. Raises NotDecided."""
        return self._run(self._client.get_status())

    def _run(self, work: Coroutine[Any, Any, _Value]) -> _Value:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _iterate(self, start: Callable[[], AsyncIterator[Result]]) -> Iterator[Result]:
        ready: queue.Queue[Result | BaseException | None] = queue.Queue(_IN_FLIGHT)

        async def pump() -> None:
            end: BaseException | None = None
            try:
                async for result in start():
                    await asyncio.to_thread(ready.put, result)
            except Exception as error:  # noqa: BLE001  # raised again in the caller's thread
                end = error
            await asyncio.to_thread(ready.put, end)

        asyncio.run_coroutine_threadsafe(pump(), self._loop)
        while (result := ready.get()) is not None:
            if isinstance(result, BaseException):
                raise result
            yield result


async def _connect(make: Callable[[], AsyncScreeningClient]) -> AsyncScreeningClient:
    return make()  # on the loop that will use it


async def _aiter(items: Iterable[_Value]) -> AsyncIterator[_Value]:
    for item in items:
        yield item
        await asyncio.sleep(0)  # lets answers through while a long list is sent
