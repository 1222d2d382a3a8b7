"""ScreeningService: translates between the wire and the use cases. No law, no storage, no arithmetic."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date
from typing import Any

from city.screening.v1 import decision_pb2, screening_service_pb2
from google.rpc import status_pb2

from screening.callers import Caller
from screening.errors import CallError, InvalidField, TooManyItems, Violation
from screening.screen import Asked, Request, Screen
from screening.transport import convert, status
from screening.transport.call import Call, Calls

SERVICE = "city.screening.v1.ScreeningService"
BATCH_LIMIT = 1_000
"""Most items in a batch, inclusive."""
STREAM_IN_FLIGHT = 256
"""Most items of one stream that are being decided or wait to be sent."""

_pb = screening_service_pb2
Result = screening_service_pb2.ScreenResult
Today = Callable[[], date]


class ScreeningServicer:
    """The deciding surface."""

    def __init__(self, screen: Screen, calls: Calls, today: Today) -> None:
        self._screen = screen
        self._calls = calls
        self._today = today

    async def screen_employment(self, call: Call, body: bytes) -> bytes:
        """Answer ScreenEmployment."""
        decision = await self._one(call, convert.parse(_pb.ScreenEmploymentRequest, body))
        return _pb.ScreenEmploymentResponse(decision=decision).SerializeToString()

    async def screen_information_request(self, call: Call, body: bytes) -> bytes:
        """Answer ScreenInformationRequest."""
        decision = await self._one(call, convert.parse(_pb.ScreenInformationRequestRequest, body))
        return _pb.ScreenInformationRequestResponse(decision=decision).SerializeToString()

    async def batch_screen_employment(self, call: Call, body: bytes) -> bytes:
        """Answer BatchScreenEmployment."""
        batch = convert.parse(_pb.BatchScreenEmploymentRequest, body)
        results = await self._batch(call, "ScreenEmployment", batch.items)
        return _pb.BatchScreenEmploymentResponse(results=results).SerializeToString()

    async def batch_screen_information_request(self, call: Call, body: bytes) -> bytes:
        """Answer BatchScreenInformationRequest."""
        batch = convert.parse(_pb.BatchScreenInformationRequestRequest, body)
        results = await self._batch(call, "ScreenInformationRequest", batch.items)
        return _pb.BatchScreenInformationRequestResponse(results=results).SerializeToString()

    async def stream_screen_employment(self, call: Call, bodies: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Answer StreamScreenEmployment."""
        async for result in self._stream(call, "ScreenEmployment", _pb.StreamScreenEmploymentRequest, bodies):
            yield _pb.StreamScreenEmploymentResponse(result=result).SerializeToString()

    async def stream_screen_information_request(self, call: Call, bodies: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Answer StreamScreenInformationRequest."""
        kind = _pb.StreamScreenInformationRequestRequest
        async for result in self._stream(call, "ScreenInformationRequest", kind, bodies):
            yield _pb.StreamScreenInformationRequestResponse(result=result).SerializeToString()

    async def _one(self, call: Call, request: Request) -> decision_pb2.Decision:
        asked = self._ask(call, call.rpc, request, "")
        call.trace.mark("request.check")
        decision = await self._screen.answer(asked, call.trace.mark)
        call.answered(decision)
        return decision

    def _ask(self, call: Call, rpc: str, request: Request, path: str) -> Asked:
        today = self._today()
        require_rights(call.caller, request, today)
        return convert.ask(
            request, today=today, rpc=rpc, caller=call.caller.name, trace_id=call.trace.hex_id, path=path
        )

    async def _batch(self, call: Call, rpc: str, items: Sequence[Any]) -> list[Result]:
        if len(items) > BATCH_LIMIT:
            raise TooManyItems(BATCH_LIMIT, len(items))
        if not items:
            raise InvalidField(Violation("items", "must have at least one element"))
        results = [Result(key=item.key) for item in items]
        asked: list[tuple[Result, Asked]] = []
        keys: set[str] = set()
        for position, (item, result) in enumerate(zip(items, results, strict=True)):
            try:
                check_key(item.key, keys, f"items[{position}].key")
                asked.append((result, self._ask(call, rpc, item.request, f"items[{position}].request.")))
            except CallError as error:
                await self._refuse(call, result, error)
        call.trace.mark("request.check")
        answers = await self._screen.answer_all([question for _, question in asked], call.trace.mark)
        for (result, _), answer in zip(asked, answers, strict=True):
            if isinstance(answer, Exception):
                await self._refuse(call, result, answer)
            else:
                result.decision.CopyFrom(answer)
                call.answered(answer)
        return results

    async def _refuse(self, call: Call, result: Result, error: Exception) -> None:
        result.error.CopyFrom(error_of(error, call.rpc))
        await self._calls.refuse_item(call, error)

    async def _stream(
        self, call: Call, rpc: str, kind: type[Any], bodies: AsyncIterator[bytes]
    ) -> AsyncIterator[Result]:
        """Decide items as they arrive, at most STREAM_IN_FLIGHT at once; results come as they are ready."""
        ready: asyncio.Queue[Result | None] = asyncio.Queue()
        places = asyncio.Semaphore(STREAM_IN_FLIGHT)

        async def decide(body: bytes) -> None:
            ready.put_nowait(await self._stream_item(call, rpc, kind, body))

        async def receive() -> None:
            async with asyncio.TaskGroup() as deciding:
                async for body in bodies:
                    await places.acquire()
                    deciding.create_task(decide(body))
            ready.put_nowait(None)

        receiving = asyncio.create_task(receive())
        receiving.add_done_callback(_wake(ready))
        try:
            while (result := await ready.get()) is not None:
                yield result
                places.release()
            await receiving
        finally:
            receiving.cancel()

    async def _stream_item(self, call: Call, rpc: str, kind: type[Any], body: bytes) -> Result:
        result = Result()
        trace = self._calls.item_trace(call)
        try:
            self._calls.admit_item(body)
            item = convert.parse(kind, body).item
            result.key = item.key
            check_key(item.key, None, "item.key")
            asked = self._ask(call, rpc, item.request, "item.request.")
            trace.mark("request.check")
            decision = await self._screen.answer(asked, trace.mark)
            result.decision.CopyFrom(decision)
            call.answered(decision)
        except Exception as error:  # noqa: BLE001  # one bad item leaves the rest of the stream unharmed
            await self._refuse(call, result, error)
        self._calls.end_item(trace)
        return result


def _wake(ready: asyncio.Queue[Result | None]) -> Callable[[asyncio.Task[None]], None]:
    """Return a callback that ends the answers of a stream whose receiving failed."""

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            ready.put_nowait(None)

    return ended


def require_rights(caller: Caller, request: Request, today: date) -> None:
    """Check that a caller may ask this question, before anything else of it is looked at. Raises NotAllowed."""
    day = convert.civil_date(request.as_of) if request.HasField("as_of") else None
    caller.require_question(
        unit=getattr(request.facts, "city_unit", 0),
        pack=request.policy_pack or convert.DEFAULT_PACK,
        retrospective=day is not None and day < today,
    )


def check_key(key: str, taken: set[str] | None, path: str) -> None:
    """Check an item's key, and that it is not in `taken`. Raises InvalidField."""
    if not convert.REFERENCE.fullmatch(key):
        raise InvalidField(Violation(path, "must be 1 to 64 characters of A-Z a-z 0-9 . _ -"))
    if taken is not None:
        if key in taken:
            raise InvalidField(Violation(path, "must be unique in the batch"))
        taken.add(key)


def error_of(error: Exception, rpc: str) -> status_pb2.Status:
    """Return the error of one item."""
    return status.details(error, rpc)
