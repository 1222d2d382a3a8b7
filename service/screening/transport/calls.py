"""What every call has in common: trace, limits, error mapping, refusal record, log line, metrics.

One wrapper does it all, so that a servicer only translates. Order: trace begins, the caller is found, readiness and rights
are checked, the message is read, limits are checked, the servicer answers, errors become statuses, the refusal is
recorded, the call is counted and logged, the trace ends. gRPC is told that every call is a stream of messages: then it
begins a call before its message is there, and who has no right cannot hold a place by sending none.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from typing import NoReturn

from screening.errors import (
    DeadlineTooShort,
    MessageTooLarge,
    NotReady,
    QuotaSpent,
    Stopping,
    TooBusy,
    Unauthenticated,
    Unparseable,
)
from screening.telemetry import attributes as names
from screening.telemetry.trace import CallTrace
from screening.transport import exchange, status
from screening.transport.admission import Admission
from screening.transport.authenticate import Authenticator, stranger
from screening.transport.call import Call
from screening.transport.exchange import Context
from screening.transport.observe import Observer
from screening.transport.refuse import Refuser

MESSAGE_LIMIT = 4 * 1024 * 1024
"""Largest message accepted, in bytes, inclusive."""
TRANSPORT_LIMIT = MESSAGE_LIMIT + 2 * 1024 * 1024
"""Largest message that the transport hands over at all, so that ours can be refused with a reason."""
DEADLINE_MARGIN_SECONDS = 0.02
"""Time before the caller's deadline that is kept for answering."""
QUIET_SECONDS, QUIET_AT_LATEST_SECONDS = 0.05, 1.0
"""Without calls in progress and arrivals for so long, or at the latest after so long, every call that was sent is taken.

Whoever gets an answer may ask again at once, so as long as calls are answered more may be on their way.
"""


class Calls:
    """Wraps the servicers' methods."""

    def __init__(
        self,
        *,
        authenticator: Callable[[], Authenticator],
        admission: Admission,
        unready: Callable[[str], str],
        observer: Observer,
        refuser: Refuser,
    ) -> None:
        self._authenticator = authenticator
        self._admission = admission
        self._unready = unready
        self.observer = observer
        self._refuser = refuser
        self.may_begin = asyncio.Event()
        """Cleared while calls that arrive, and items of streams, are taken but not begun."""
        self.may_begin.set()
        self._stopping = False

    def stop(self) -> None:
        """From now on, open streams finish what they accepted and take no more."""
        self._stopping = True

    def unary(
        self, service: str, rpc: str, method: Callable[[Call, bytes], Awaitable[bytes]]
    ) -> Callable[[AsyncIterator[bytes], Context], Awaitable[bytes]]:
        """Wrap a method that takes one message and returns one."""

        async def handle(_bodies: AsyncIterator[bytes], context: Context) -> bytes:
            call = self._begin(service, rpc, context)
            size = 0
            came = False
            try:
                await self._turn()
                self._check(call, service)
                body = await self._message(call, context)
                came, size = True, len(body)
                self.require_time(call)  # it may have been long on its way
                self._enter(call, body)
                reply = await method(call, body)
            except asyncio.CancelledError:
                self.observer.end(call, "CANCELLED")
                raise
            except Exception as error:  # noqa: BLE001  # nothing may reach the caller as UNKNOWN with its text
                body = b""  # an error and the frames that it went through hold each other, and with them the message
                await self._fail(call, context, error, sending=not came)
            finally:
                if call.held:
                    self._admission.leave(call.held, size)
            self.observer.end(call, "OK")
            return reply

        return handle

    def stream(
        self,
        service: str,
        rpc: str,
        method: Callable[[Call, AsyncIterator[bytes]], AsyncGenerator[bytes, None]],
        *,
        by_right: bool = True,
    ) -> Callable[[AsyncIterator[bytes], Context], Awaitable[None]]:
        """Wrap a method that takes a stream of messages and returns one.

        Where it is not `by_right`, every caller that has proven who it is may call it.
        """

        async def handle(bodies: AsyncIterator[bytes], context: Context) -> None:
            call = self._begin(service, rpc, context)
            entered = False
            try:
                await self._turn()
                self._check(call, service, by_right=by_right)
                with self._open_stream(call):
                    entered = True
                    await exchange.write_all(method(call, bodies), context)
            except asyncio.CancelledError:
                self.observer.end(call, "CANCELLED")
                raise
            except Exception as error:  # noqa: BLE001  # as above
                await self._fail(call, context, error, sending=not entered)
            self.observer.end(call, "OK")

        return handle

    @contextlib.contextmanager
    def _open_stream(self, call: Call) -> Iterator[None]:
        self._admission.open_stream(call.caller)
        try:
            yield
        finally:
            self._admission.close_stream(call.caller)

    def hold_items(self, call: Call, number: int) -> None:
        """Note how many items a batch has."""
        self._admission.widen(call.caller, number - 1)
        call.held = number

    async def next_item(self, call: Call) -> None:
        """Wait until the caller's quota has room for one more item of its stream."""
        await self._turn()
        await self._admission.pace(call.caller)

    async def _turn(self) -> None:
        """Wait until what arrives may begin."""
        if not self.may_begin.is_set():
            await self.may_begin.wait()

    async def quiet(self) -> None:
        """Wait until none of the calls that have begun is in progress, and no more arrive."""
        before = -1
        for _ in range(int(QUIET_AT_LATEST_SECONDS / QUIET_SECONDS)):
            if self.observer.metrics.received == before:
                return
            before = -1 if self._admission.calls else self.observer.metrics.received
            await asyncio.sleep(QUIET_SECONDS)

    def admit_frame(self, body: bytes) -> None:
        """Check one message of a stream against the limits. Raises Stopping, MessageTooLarge."""
        if self._stopping:
            raise Stopping
        check_size(body)

    async def refuse_item(self, call: Call, trace: CallTrace, error: Exception) -> None:
        """Record an item of a batch or stream that was not decided."""
        call.failed_items += 1
        reason = status.of(error).reason
        self.observer.fail_item(call, reason, error)
        trace.note("", (names.ERROR_TYPE, reason))
        await self._refuser.record(
            caller=call.caller.name, rpc=call.rpc, reason=reason, trace_id=call.trace.hex_id, error=error
        )

    def require_time(self, call: Call) -> None:
        """Check that enough time is left to decide and answer. Raises DeadlineTooShort."""
        left = call.time_left()
        if left is not None and left < DEADLINE_MARGIN_SECONDS:
            raise DeadlineTooShort(int(DEADLINE_MARGIN_SECONDS * 1000))

    def _begin(self, service: str, rpc: str, context: Context) -> Call:
        self.observer.metrics.received += 1
        metadata = _texts(context)
        trace = self.observer.begin(f"{service}/{rpc}", metadata)
        began = time.perf_counter()
        try:
            caller, known = self._authenticator().caller(context, metadata, time.time()), True
        except Unauthenticated:
            caller, known = stranger(context), False
        return Call(
            rpc,
            caller,
            known=known,
            trace=trace,
            began=began,
            count=self.observer.metrics.decided,
            time_left=context.time_remaining,
        )

    def _check(self, call: Call, service: str, *, by_right: bool = True) -> None:
        """Check readiness, rights and time. Raises Unauthenticated, NotAllowed, NotReady, DeadlineTooShort."""
        if not call.known:
            raise Unauthenticated
        if by_right:
            call.caller.require_rpc(call.rpc)
        if unready := self._unready(service):
            raise NotReady(unready)
        self.require_time(call)

    async def _message(self, call: Call, context: Context) -> bytes:
        """Return the message of a call. Raises Unparseable where none comes."""
        try:
            return await exchange.read_message(context, self._admission.reading(call.caller))
        except Unparseable:
            self.observer.metrics.messageless += 1
            raise

    def _enter(self, call: Call, body: bytes) -> None:
        """Check the limits. Raises MessageTooLarge, TooBusy, QuotaSpent."""
        check_size(body)
        self._admission.enter(call.caller, len(body))
        call.held = 1

    async def _fail(self, call: Call, context: Context, error: Exception, *, sending: bool) -> NoReturn:
        """End a call with the status of an error, which is recorded first: a caller may give up while it waits for it."""
        row = status.of(error)
        error.__traceback__ = error.__context__ = None  # they hold what the message became, which may be large
        try:
            await self._refuser.record(
                caller=call.caller.name, rpc=call.rpc, reason=row.reason, trace_id=call.trace.hex_id, error=error
            )
            if sending:
                await exchange.let_finish(context)
            if isinstance(error, TooBusy | QuotaSpent):
                await self._make_wait(context, error.retry_seconds)
        except asyncio.CancelledError:
            self.observer.end(call, "CANCELLED")
            raise
        self.observer.end(call, row.code.name, row.reason, error)
        await exchange.refuse(context, call.rpc, error)

    async def _make_wait(self, context: Context, retry_seconds: float) -> None:
        """Hold the refusal back where the peer did not wait as it was told before, though not beyond its deadline."""
        await self._admission.patience.hold(context.peer(), retry_seconds, context.time_remaining())


def check_size(body: bytes) -> None:
    """Refuse a message over the limit. Raises MessageTooLarge."""
    if len(body) > MESSAGE_LIMIT:
        raise MessageTooLarge(MESSAGE_LIMIT)


def _texts(context: Context) -> dict[str, str]:
    """Return the metadata of a call that is text."""
    return {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
