"""gRPC's own health service (grpc.health.v1), for whoever asks: it knows no callers, and records and counts nothing.

Since strangers may call it, what they can hold is bounded, apart from what calls that decide may take: places in all and
of one connection. A place is free again only once gRPC is done with the call, which a peer that reads no answers puts off
until its connection ends. Nobody who watches is waited for by those who report.

The library's own servicer is not used: it lets gRPC parse messages, and waits for each watcher before it goes on.
"""

import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial
from typing import Any

import grpc
from grpc_health.v1.health_pb2 import DESCRIPTOR, HealthCheckRequest, HealthCheckResponse

from screening.errors import Stopping, TooBusy
from screening.transport import convert
from screening.transport.exchange import Context, read_message, refuse, write_all
from screening.transport.health import Health

SERVICE: str = DESCRIPTOR.services_by_name["Health"].full_name
MOST, MOST_OF_CONNECTION = 256, 16
"""Checks at once, and watches at once: in all, and on one connection."""
COMEBACK_SECONDS = 1.0
_STATES = {
    True: HealthCheckResponse.SERVING,
    False: HealthCheckResponse.NOT_SERVING,
    None: HealthCheckResponse.SERVICE_UNKNOWN,
}
"""By whether a service serves; None: there is no such service."""


class HealthServicer:
    """Answers Check and Watch of one listener; List stays unimplemented, because it would tell strangers more."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._checks, self._watches = Places("checks"), Places("watches")

    def add_to(self, server: grpc.aio.Server) -> None:
        """Have a server offer it. Each call begins before its message is there, so that it is counted from then on."""
        watch: Any = self._watch
        handlers: dict[str, Any] = {
            "Check": grpc.stream_unary_rpc_method_handler(self._check),
            "Watch": grpc.stream_stream_rpc_method_handler(watch),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))

    async def _check(self, _bodies: AsyncIterator[bytes], context: Context) -> bytes:
        try:
            self._checks.take(context)
            serves = self._health.serves(await _asked(context))
        except Exception as error:  # noqa: BLE001  # nothing may reach a stranger as UNKNOWN with its text
            await refuse(context, "Check", error)
        if serves is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "There is no such service.")
        return _response(serves=serves)

    async def _watch(self, _bodies: AsyncIterator[bytes], context: Context) -> None:
        try:
            self._watches.take(context)
            await write_all(self._states(await _asked(context)), context)
        except Exception as error:  # noqa: BLE001  # as above
            await refuse(context, "Watch", error)

    async def _states(self, service: str) -> AsyncGenerator[bytes, None]:
        """Yield how a service is, now and whenever that changes. Raises Stopping in the end."""
        told = b""
        while self._health.watched:
            changed = self._health.changed
            state = _response(serves=self._health.serves(service))
            if state != told:
                told = state
                yield state
            await changed.wait()
        raise Stopping


class Places:
    """Bounds the calls at once. Used by the event loop's thread only."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._taken: Counter[str] = Counter()

    def take(self, context: Context) -> None:
        """Take a place until gRPC is done with the call. Raises TooBusy."""
        peer = context.peer()
        if self._taken.total() >= MOST or self._taken[peer] >= MOST_OF_CONNECTION:
            raise TooBusy(self._what, COMEBACK_SECONDS)
        self._taken[peer] += 1
        leave: Any = partial(self._leave, peer)
        context.add_done_callback(leave)

    def _leave(self, peer: str, _context: Context) -> None:
        self._taken[peer] -= 1
        if not self._taken[peer]:
            del self._taken[peer]


async def _asked(context: Context) -> str:
    """Return the name of the service that is asked about. Raises Unparseable."""
    body = await read_message(context, contextlib.nullcontext())
    return convert.parse(HealthCheckRequest, body).service


def _response(*, serves: bool | None) -> bytes:
    return HealthCheckResponse(status=_STATES[serves]).SerializeToString()
