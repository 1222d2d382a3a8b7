"""What every call has in common: trace, limits, error mapping, refusal record, log line, metrics.

One wrapper does it all, so that a servicer only translates. Order: trace begins, the caller is found, readiness and rights
are checked, the message is read, limits are checked, the servicer answers, errors become statuses, the refusal is
recorded, the call is counted and logged, the trace ends. gRPC is told that every call is a stream of messages: then it
begins a call before its message is there, and who has no right cannot hold a place by sending none.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import grpc
import structlog
from city.screening.v1 import decision_pb2

from screening.callers import Caller
from screening.errors import (
    DeadlineTooShort,
    MessageTooLarge,
    NotReady,
    QuotaSpent,
    SlowReader,
    Stopping,
    TooBusy,
    Unauthenticated,
    Unparseable,
)
from screening.screen import Answer
from screening.telemetry import attributes as names
from screening.telemetry.export import TraceExporter
from screening.telemetry.metrics import Metrics
from screening.telemetry.trace import CallTrace, Tracing
from screening.transport import status
from screening.transport.admission import Admission
from screening.transport.authenticate import Authenticator, stranger
from screening.transport.refuse import Refuser

MESSAGE_LIMIT = 4 * 1024 * 1024
"""Largest message accepted, in bytes, inclusive."""
TRANSPORT_LIMIT = MESSAGE_LIMIT + 2 * 1024 * 1024
"""Largest message that the transport hands over at all, so that ours can be refused with a reason."""
DEADLINE_MARGIN_SECONDS = 0.02
"""Time before the caller's deadline that is kept for answering."""
MESSAGE_SECONDS = 10
"""How long the message of a call may be on its way once the call has begun."""
REFUSED_SECONDS, REFUSED_MESSAGES = 1, 8
"""How long a call that is refused already may go on sending, and how much."""
UNREAD_SECONDS = 30
"""How long an answer of a stream may wait for the caller to take it."""

OUTCOMES = {number: name.removeprefix("OUTCOME_") for name, number in decision_pb2.Outcome.items()}
Context = grpc.aio.ServicerContext[Any, Any]


@dataclass
class Call:
    """One call in progress."""

    rpc: str
    caller: Caller
    known: bool
    """The caller has proven who it is; otherwise `caller` has no rights and bears its address as a name."""
    trace: CallTrace
    began: float
    count: Callable[[str, str, Answer], None]
    """Counts a decision, by rpc and outcome."""
    outcomes: Counter[str] = field(default_factory=Counter)
    answer: Answer | None = None
    failed_items: int = 0
    held: int = 0
    """Decisions in flight that it counts for."""

    def answered(self, answer: Answer, trace: CallTrace | None = None) -> bytes:
        """Note a decision that is answered, and return it as the caller gets it.

        One that is not ALLOW is a span inside `trace`, if that is the trace of several.
        """
        self.answer = answer
        outcome = OUTCOMES.get(answer.decision.outcome, "UNSPECIFIED")
        self.outcomes[outcome] += 1
        self.count(self.rpc, outcome, answer)
        if trace and outcome != "ALLOW":
            trace.note(answer.decision_id, (names.OUTCOME, outcome), (names.RULES, answer.rules))
        return answer.serialized

    @property
    def only_allowed(self) -> bool:
        """Say whether all that was asked, if anything, was answered with ALLOW."""
        return not self.failed_items and self.outcomes.keys() <= {"ALLOW"}


class Calls:
    """Wraps the servicers' methods."""

    def __init__(
        self,
        *,
        authenticator: Callable[[], Authenticator],
        admission: Admission,
        unready: Callable[[str], str],
        tracing: Tracing,
        exporter: TraceExporter | None,
        metrics: Metrics,
        refuser: Refuser,
    ) -> None:
        self._authenticator = authenticator
        self._admission = admission
        self._unready = unready
        self._tracing = tracing
        self._exporter = exporter
        self._metrics = metrics
        self._refuser = refuser
        self._log = structlog.get_logger()
        self.may_begin = asyncio.Event()
        """Cleared while calls that arrive, and items of streams, are taken but not begun."""
        self.may_begin.set()
        self._stopping = False

    @property
    def in_progress(self) -> int:
        """Return how many unary calls and batches are being answered."""
        return self._admission.calls

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
                self._check(call, service, context)
                body = await self._message(call, context)
                came, size = True, len(body)
                self._enter(call, body)
                reply = await method(call, body)
            except asyncio.CancelledError:
                self._end(call, "CANCELLED")
                raise
            except Exception as error:  # noqa: BLE001  # nothing may reach the caller as UNKNOWN with its text
                body = b""  # an error and the frames that it went through hold each other, and with them the message
                if not came:
                    await self._let_finish(call, context)
                await self._fail(call, context, error)
            finally:
                if call.held:
                    self._admission.leave(call.held, size)
            self._end(call, "OK")
            return reply

        return handle

    def stream(
        self, service: str, rpc: str, method: Callable[[Call, AsyncIterator[bytes]], AsyncGenerator[bytes, None]]
    ) -> Callable[[AsyncIterator[bytes], Context], Awaitable[None]]:
        """Wrap a method that takes a stream of messages and returns one."""

        async def handle(bodies: AsyncIterator[bytes], context: Context) -> None:
            call = self._begin(service, rpc, context)
            entered = False
            try:
                self._check(call, service, context)
                with self._open_stream(call):
                    entered = True
                    await _write_all(method(call, bodies), context)
            except asyncio.CancelledError:
                self._end(call, "CANCELLED")
                raise
            except Exception as error:  # noqa: BLE001  # as above
                if not entered:
                    await self._let_finish(call, context)
                await self._fail(call, context, error)
            self._end(call, "OK")

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
        if not self.may_begin.is_set():
            await self.may_begin.wait()
        await self._admission.pace(call.caller)

    def admit_frame(self, body: bytes) -> None:
        """Check one message of a stream against the limits. Raises Stopping, MessageTooLarge."""
        if self._stopping:
            raise Stopping
        check_size(body)

    def begin_part(self, call: Call) -> CallTrace:
        """Begin the trace of items of a stream that are decided together, inside the call's."""
        trace = self._tracing.begin(names.PART_SPAN, {})
        trace.trace_id, trace.parent_id = call.trace.trace_id, call.trace.span_id
        trace.sampled = call.trace.sampled
        return trace

    def end_part(self, trace: CallTrace) -> None:
        """End such a trace; it is kept if it is sampled, or if something in it was not answered with ALLOW."""
        trace.end = time.time_ns()
        if self._exporter and (trace.sampled or trace.notes):
            self._exporter.add(trace)

    async def refuse_item(self, call: Call, trace: CallTrace, error: Exception) -> None:
        """Record an item of a batch or stream that was not decided."""
        call.failed_items += 1
        reason = status.of(error).reason
        self._metrics.error(reason)
        trace.note("", (names.ERROR_TYPE, reason))
        await self._refuser.record(
            caller=call.caller.name, rpc=call.rpc, reason=reason, trace_id=call.trace.hex_id, error=error
        )

    async def require_known(self, context: Context) -> None:
        """End a call that is none of ours unless its caller has proven who it is."""
        try:
            self._authenticator().caller(context, _texts(context), time.time())
        except Unauthenticated as error:
            row = status.of(error)
            await context.abort(row.code, row.text, status.trailers(error, ""))

    def _begin(self, service: str, rpc: str, context: Context) -> Call:
        self._metrics.received += 1
        metadata = _texts(context)
        trace = self._tracing.begin(f"{service}/{rpc}", metadata)
        began, count = time.perf_counter(), self._metrics.decided
        try:
            caller = self._authenticator().caller(context, metadata, time.time())
        except Unauthenticated:
            return Call(rpc, stranger(context), known=False, trace=trace, began=began, count=count)
        return Call(rpc, caller, known=True, trace=trace, began=began, count=count)

    def _check(self, call: Call, service: str, context: Context) -> None:
        """Check readiness, rights and time. Raises Unauthenticated, NotAllowed, NotReady, DeadlineTooShort."""
        if not call.known:
            raise Unauthenticated
        call.caller.require_rpc(call.rpc)
        if unready := self._unready(service):
            raise NotReady(unready)
        left = context.time_remaining()
        if left is not None and left < DEADLINE_MARGIN_SECONDS:  # type: ignore[redundant-expr]  # None: no deadline
            raise DeadlineTooShort(int(DEADLINE_MARGIN_SECONDS * 1000))

    async def _message(self, call: Call, context: Context) -> bytes:
        """Return the message of a call. Raises Unparseable where none comes."""
        try:
            async with asyncio.timeout(MESSAGE_SECONDS), self._admission.reading(call.caller):
                message = await context.read()
        except TimeoutError:
            message = grpc.aio.EOF
        if message is grpc.aio.EOF:
            self._metrics.messageless += 1
            raise Unparseable
        body: bytes = message
        return body

    async def _let_finish(self, call: Call, context: Context) -> None:
        """Take what a caller sends that is refused before it came, a few messages at most, and forget it.

        A client that is cut off while it sends is told by its own library of an internal error, and not of the reason.
        """
        try:
            async with asyncio.timeout(REFUSED_SECONDS):
                for _ in range(REFUSED_MESSAGES):
                    if await context.read() is grpc.aio.EOF:
                        break
        except asyncio.CancelledError:
            self._end(call, "CANCELLED")
            raise
        except Exception:  # noqa: BLE001, S110  # none came: then the client is not sending
            pass

    def _enter(self, call: Call, body: bytes) -> None:
        """Check the limits. Raises MessageTooLarge, TooBusy, QuotaSpent."""
        check_size(body)
        self._admission.enter(call.caller, len(body))
        call.held = 1

    async def _fail(self, call: Call, context: Context, error: Exception) -> NoReturn:
        row = status.of(error)
        error.__traceback__ = error.__context__ = None  # they hold what the message became, which may be large
        if isinstance(error, TooBusy | QuotaSpent):
            await self._make_wait(call, context, error.retry_seconds)
        await self._refuser.record(
            caller=call.caller.name, rpc=call.rpc, reason=row.reason, trace_id=call.trace.hex_id, error=error
        )
        self._end(call, row.code.name, row.reason, error)
        await context.abort(row.code, row.text, status.trailers(error, call.rpc))

    async def _make_wait(self, call: Call, context: Context, retry_seconds: float) -> None:
        """Hold the refusal back where the peer did not wait as it was told before, though not beyond its deadline."""
        try:
            await self._admission.patience.hold(context.peer(), retry_seconds, context.time_remaining())
        except asyncio.CancelledError:
            self._end(call, "CANCELLED")
            raise

    def _end(self, call: Call, code: str, reason: str = "", error: Exception | None = None) -> None:
        seconds = time.perf_counter() - call.began
        kept = self._exporter is not None and (call.trace.sampled or code != "OK" or not call.only_allowed)
        self._metrics.call(
            rpc=call.rpc,
            caller=call.caller.name if call.known else "unknown",
            code=code,
            seconds=seconds,
            trace_id=call.trace.trace_id if kept else 0,
        )
        if reason:
            self._metrics.error(reason)
        said = self._described(call, reason)
        if kept:
            self._end_trace(call, code, said)
        if reason == "INTERNAL":  # the class names the fault; its text may hold what the caller sent
            said["error_class"] = type(error).__name__
        self._log.info(names.EVENT_CALL, rpc=call.rpc, code=code, duration_ms=round(seconds * 1000, 3), **said)

    def _described(self, call: Call, reason: str) -> dict[str, Any]:
        said: dict[str, Any] = {"caller": call.caller.name, "trace_id": call.trace.hex_id}
        if reason:
            said["reason"] = reason
        answer = call.answer
        if answer is not None and call.outcomes.total() == 1:
            decision = answer.decision
            said["decision_id"] = answer.decision_id
            said["outcome"] = OUTCOMES.get(decision.outcome, "UNSPECIFIED")
            said["rules"] = list(answer.rules)
            said["bundle"] = decision.bundle_revision[:12]
        elif call.outcomes:
            said["outcomes"] = dict(call.outcomes)
        if call.failed_items:
            said["failed_items"] = call.failed_items
        return said

    def _end_trace(self, call: Call, code: str, said: dict[str, Any]) -> None:
        assert self._exporter is not None
        trace = call.trace
        trace.end = time.time_ns()
        trace.failed = code in ("INTERNAL", "UNAVAILABLE", "UNKNOWN", "DEADLINE_EXCEEDED")
        trace.attributes = {names.RPC_SYSTEM: "grpc", names.RPC_METHOD: trace.name, names.RPC_STATUS: code}
        if not trace.sampled:
            trace.attributes[names.KEPT] = "outcome"
        if "reason" in said:
            trace.attributes[names.ERROR_TYPE] = said["reason"]
        if "decision_id" in said:
            trace.attributes[names.DECISION_ID] = said["decision_id"]
            trace.attributes[names.OUTCOME] = said["outcome"]
            trace.attributes[names.RULES] = tuple(said["rules"])
            trace.attributes[names.BUNDLE] = said["bundle"]
        elif call.outcomes:
            trace.attributes[names.ITEMS] = call.outcomes.total() + call.failed_items
        self._exporter.add(trace)


def check_size(body: bytes) -> None:
    """Refuse a message over the limit. Raises MessageTooLarge."""
    if len(body) > MESSAGE_LIMIT:
        raise MessageTooLarge(MESSAGE_LIMIT)


def _texts(context: Context) -> dict[str, str]:
    """Return the metadata of a call that is text."""
    return {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}


async def _write_all(replies: AsyncGenerator[bytes, None], context: Context) -> None:
    """Write a stream's answers as fast as the caller takes them. Raises SlowReader where it takes none."""
    async with contextlib.aclosing(replies):
        async for reply in replies:
            try:
                async with asyncio.timeout(UNREAD_SECONDS):
                    await context.write(reply)
            except TimeoutError:
                raise SlowReader(UNREAD_SECONDS) from None
