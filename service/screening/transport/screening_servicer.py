"""ScreeningService: translates between the wire and the use cases. No law, no storage, no arithmetic."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from datetime import date
from typing import Any, NamedTuple

from city.screening.v1 import screening_service_pb2

from screening.callers import Caller
from screening.errors import CallError, Unparseable
from screening.screen import TURN, Answer, Asked, Request, Screen
from screening.telemetry.trace import CallTrace
from screening.transport import convert, items, status
from screening.transport.call import Call
from screening.transport.calls import Calls
from screening.transport.inbox import Inbox
from screening.transport.items import Frame, Item
from screening.wire import nested

SERVICE = "city.screening.v1.ScreeningService"

_pb = screening_service_pb2
_DECISION = _pb.ScreenEmploymentResponse.DESCRIPTOR.fields_by_name["decision"].number
Today = Callable[[], date]


class Kind(NamedTuple):
    """One of the two kinds of question, where several come together."""

    rpc: str
    """The RPC that asks one."""
    item: type[Any]
    """The message that holds one with its key."""


_EMPLOYMENT = Kind("ScreenEmployment", _pb.ScreenEmploymentItem)
_INFORMATION_REQUEST = Kind("ScreenInformationRequest", _pb.ScreenInformationRequestItem)


class ScreeningServicer:
    """The deciding surface."""

    def __init__(self, screen: Screen, calls: Calls, today: Today) -> None:
        self._screen = screen
        self._calls = calls
        self._today = today

    async def screen_employment(self, call: Call, body: bytes) -> bytes:
        """Answer ScreenEmployment."""
        return await self._one(call, convert.parse(_pb.ScreenEmploymentRequest, body))

    async def screen_information_request(self, call: Call, body: bytes) -> bytes:
        """Answer ScreenInformationRequest."""
        return await self._one(call, convert.parse(_pb.ScreenInformationRequestRequest, body))

    async def batch_screen_employment(self, call: Call, body: bytes) -> bytes:
        """Answer BatchScreenEmployment."""
        return await self._batch(call, _EMPLOYMENT, body)

    async def batch_screen_information_request(self, call: Call, body: bytes) -> bytes:
        """Answer BatchScreenInformationRequest."""
        return await self._batch(call, _INFORMATION_REQUEST, body)

    def stream_screen_employment(self, call: Call, bodies: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """Answer StreamScreenEmployment."""
        return self._stream(call, _EMPLOYMENT, bodies)

    def stream_screen_information_request(
        self, call: Call, bodies: AsyncIterator[bytes]
    ) -> AsyncGenerator[bytes, None]:
        """Answer StreamScreenInformationRequest."""
        return self._stream(call, _INFORMATION_REQUEST, bodies)

    async def _one(self, call: Call, request: Request) -> bytes:
        asked = self._ask(call, call.rpc, request, self._today(), "")
        call.trace.mark("request.check")
        answer = await self._screen.answer(asked, call.trace.mark)
        return nested(_DECISION, call.answered(answer))

    def _ask(self, call: Call, rpc: str, request: Request, today: date, path: str) -> Asked:
        require_rights(call.caller, request, today)
        return convert.ask(
            request, today=today, rpc=rpc, caller=call.caller.name, trace_id=call.trace.hex_id, path=path
        )

    async def _batch(self, call: Call, kind: Kind, body: bytes) -> bytes:
        batch = items.batch(body)
        self._calls.hold_items(call, len(batch))
        return items.batch_reply(await self._answer_items(call, call.trace, kind, batch, set()))

    async def _answer_items(
        self, call: Call, trace: CallTrace, kind: Kind, asking: Sequence[Item], taken: set[str] | None
    ) -> list[bytes]:
        """Return the serialised result of each item, in order; their records share one append.

        No key may come twice, if keys that were `taken` are noted. Raises LogUnavailable, Unparseable.
        """
        asked: list[Asked | CallError] = []
        today = self._today()
        for position, item in enumerate(asking):
            if position % TURN == 0:
                await asyncio.sleep(0)
            asked.append(self._check_item(call, kind, item, today, taken))
        trace.mark("request.check")
        answers = iter(await self._screen.answer_all([each for each in asked if isinstance(each, Asked)], trace.mark))
        outcomes = (next(answers) if isinstance(each, Asked) else each for each in asked)
        return [
            item.decided(call.answered(outcome, trace))
            if isinstance(outcome, Answer)
            else await self._refused(call, trace, item, outcome)
            for item, outcome in zip(asking, outcomes, strict=True)
        ]

    def _check_item(self, call: Call, kind: Kind, item: Item, today: date, taken: set[str] | None) -> Asked | CallError:
        try:
            request = item.read(kind.item)
            items.check_key(item, taken)
            self._calls.require_time(call)  # a stream may have waited for its quota
            return self._ask(call, kind.rpc, request, today, f"{item.path}request.")
        except Unparseable as error:
            if taken is not None:  # a batch is one message, and as a whole it does not parse
                raise
            return error
        except CallError as error:
            error.__traceback__ = None  # it holds what the item became, which may be large
            return error

    async def _refused(self, call: Call, trace: CallTrace, item: Item, error: Exception) -> bytes:
        await self._calls.refuse_item(call, trace, error)
        return item.refused(status.details(error, call.rpc))

    async def _stream(self, call: Call, kind: Kind, bodies: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """Answer messages in the order in which they came, with one append for a portion of those that wait.

        No more is read ahead than the inbox holds, so a caller that reads slowly is read slowly.
        """
        inbox = Inbox()
        receiving = asyncio.create_task(inbox.fill(bodies))
        try:
            while bodies_waiting := await inbox.take():
                for frames in items.portions(self._read(body) for body in bodies_waiting):
                    results = iter(await self._answer_frames(call, kind, frames))
                    for frame in frames:
                        yield frame.reply(results)
            await receiving
        finally:
            receiving.cancel()

    def _read(self, body: bytes) -> Frame:
        try:
            self._calls.admit_frame(body)
        except CallError as error:
            return items.unreadable(error)
        return items.frame(body)

    async def _answer_frames(self, call: Call, kind: Kind, frames: Sequence[Frame]) -> list[bytes]:
        asking = [item for frame in frames for item in frame.items]
        trace = self._calls.observer.begin_part(call)
        for _ in asking:
            await self._calls.next_item(call)
        try:
            results = await self._answer_items(call, trace, kind, asking, None)
        except Exception as error:  # noqa: BLE001  # what fails now leaves the rest of the stream unharmed
            results = [await self._refused(call, trace, item, error) for item in asking]
        self._calls.observer.end_part(trace)
        return results


def require_rights(caller: Caller, request: Request, today: date) -> None:
    """Check that a caller may ask this question, before anything else of it is looked at. Raises NotAllowed."""
    day = convert.civil_date(request.as_of) if request.HasField("as_of") else None
    caller.require_question(
        unit=getattr(request.facts, "city_unit", 0),
        pack=request.policy_pack or convert.DEFAULT_PACK,
        retrospective=day is not None and day < today,
    )
