"""The gRPC server: built, started, and stopped in one order.

Stop: health NOT_SERVING; calls are still taken for the time that balancers need to notice; then no new calls, while those
in flight finish within the grace. The caller of `stop` then closes the log and flushes telemetry. Transport first, log
last.

gRPC cancels calls that have arrived but that no handler has taken yet when it is told to stop, and under load most stand
there (grpc/grpc issue 41785). So before that, for a moment, every call is taken but none is begun, nor any item of a
stream: their senders wait for them and send no more, and when no more arrive, gRPC is told to stop and the calls that were
taken are answered.
"""

import asyncio
from typing import Any

import grpc

from screening.errors import ListenError
from screening.transport import health_servicer, log_servicer, reflection, screening_servicer, status_servicer
from screening.transport.calls import TRANSPORT_LIMIT, Calls
from screening.transport.health import CONDITIONS, READING, Health
from screening.transport.health_servicer import HealthServicer
from screening.transport.log_servicer import DecisionLogServicer
from screening.transport.reflection import Reflection
from screening.transport.screening_servicer import ScreeningServicer
from screening.transport.status_servicer import StatusServicer

NEEDS = {
    screening_servicer.SERVICE: frozenset(CONDITIONS),
    log_servicer.SERVICE: READING,
    status_servicer.SERVICE: frozenset({"draining"}),
}
"""The conditions of health that each service needs."""
WATCH_SECONDS = 0.5
STREAMS_MAY_END = 0.5
"""Part of the grace after which open streams are given no more answers, but STOPPING for each further item."""
STREAMS_PER_CONNECTION = 256
CONNECTIONS = 4_096
"""Most connections at once; more are closed as they come. Each is a file descriptor."""
HANDSHAKE_SECONDS = 10
"""How long a connection may take until both ends speak HTTP/2, TLS included."""
CONNECTION_AGE_SECONDS = 1_800
"""How old a connection gets before it is made anew, and with it the certificates of both ends; gRPC adds jitter."""
CONNECTION_GRACE_SECONDS = 900
"""How long calls on an old connection may go on, which bounds the length of a stream."""
LOOKAHEAD_BYTES = 256 * 1024
"""How much of a stream the transport takes before it is read."""
_OPTIONS = (
    ("grpc.max_receive_message_length", TRANSPORT_LIMIT),
    ("grpc.max_send_message_length", -1),  # a batch of 1,000 answers is large
    ("grpc.max_concurrent_streams", STREAMS_PER_CONNECTION),  # more wait at the client, and cost nothing here
    ("grpc.http2.bdp_probe", 0),  # else the transport takes megabytes ahead for a stream that nobody reads
    ("grpc.http2.lookahead_bytes", LOOKAHEAD_BYTES),
    ("grpc.max_metadata_size", 16 * 1024),
    ("grpc.max_allowed_incoming_connections", CONNECTIONS),
    ("grpc.server_handshake_timeout_ms", HANDSHAKE_SECONDS * 1000),
    ("grpc.max_connection_age_ms", CONNECTION_AGE_SECONDS * 1000),
    ("grpc.max_connection_age_grace_ms", CONNECTION_GRACE_SECONDS * 1000),
    ("grpc.keepalive_time_ms", 30_000),  # a stream's peer that is gone must be noticed
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),  # what ends the connection: the core sets no timer for the one above
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),  # the pings of our own client are welcome
    ("grpc.keepalive_permit_without_calls", 1),
)


class Server:
    """One listening service."""

    def __init__(
        self,
        *,
        screening: ScreeningServicer,
        decision_log: DecisionLogServicer,
        status: StatusServicer,
        calls: Calls,
        health: Health,
        shared: bool,
        most_calls: int,
    ) -> None:
        """A port that is not `shared` with workers beside this one lets no second server on it.

        Calls beyond `most_calls` at once are refused by the transport itself, before they begin; those of the health
        service are counted apart.
        """
        self._calls = calls
        self._health = health
        self._server = grpc.aio.server(
            options=(*_OPTIONS, ("grpc.so_reuseport", int(shared))),
            maximum_concurrent_rpcs=most_calls + 2 * health_servicer.MOST,
        )
        self._add_services(screening, decision_log, status)
        self._watching: asyncio.Task[None] | None = None

    def _add_services(
        self, screening: ScreeningServicer, decision_log: DecisionLogServicer, status: StatusServicer
    ) -> None:
        self._add(
            screening_servicer.SERVICE,
            unary={
                "ScreenEmployment": screening.screen_employment,
                "ScreenInformationRequest": screening.screen_information_request,
                "BatchScreenEmployment": screening.batch_screen_employment,
                "BatchScreenInformationRequest": screening.batch_screen_information_request,
            },
            streams={
                "StreamScreenEmployment": screening.stream_screen_employment,
                "StreamScreenInformationRequest": screening.stream_screen_information_request,
            },
        )
        self._add(
            log_servicer.SERVICE,
            unary={
                "GetDecision": decision_log.get_decision,
                "ListDecisions": decision_log.list_decisions,
                "GetInclusionProof": decision_log.get_inclusion_proof,
                "GetCheckpoint": decision_log.get_checkpoint,
                "GetConsistencyProof": decision_log.get_consistency_proof,
            },
        )
        self._add(status_servicer.SERVICE, unary={"GetStatus": status.get_status})
        HealthServicer(self._health).add_to(self._server)
        describing = Reflection((*NEEDS, health_servicer.SERVICE), self._calls)
        self._add(reflection.SERVICE, unary={}, streams={reflection.RPC: describing.describe}, by_right=False)

    def _add(
        self, service: str, unary: dict[str, Any], streams: dict[str, Any] | None = None, *, by_right: bool = True
    ) -> None:
        handlers: dict[str, Any] = {
            name: grpc.stream_unary_rpc_method_handler(self._calls.unary(service, name, method))
            for name, method in unary.items()
        }
        for name, method in (streams or {}).items():
            handler: Any = self._calls.stream(service, name, method, by_right=by_right)
            handlers[name] = grpc.stream_stream_rpc_method_handler(handler)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))

    async def start(self, listen: str, credentials: grpc.ServerCredentials | None) -> int:
        """Listen on HOST:PORT and return the port (0 asks for a free one), without credentials in plaintext.

        Raises ListenError.
        """
        port = bind(self._server, listen, credentials)
        await self._server.start()
        self._health.set("draining", holds=True)
        self._health.look()
        self._watching = asyncio.create_task(self._watch())
        return port

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            self._health.look()

    async def stop(self, *, notice: float, grace: float) -> None:
        """Say that the service drains, take calls for `notice` seconds more, then wait for those in flight.

        They have `grace` seconds.
        """
        self._health.set("draining", holds=False)
        await asyncio.sleep(notice)
        self._calls.may_begin.clear()
        await self._calls.quiet()
        self._health.end_watches()
        stopping = asyncio.create_task(self._server.stop(grace))
        ending = asyncio.get_running_loop().call_later(grace * STREAMS_MAY_END, self._calls.stop)
        await asyncio.sleep(0)  # gRPC is told before the first held call is begun
        self._calls.may_begin.set()
        await stopping
        ending.cancel()
        if self._watching:
            self._watching.cancel()


def bind(server: grpc.aio.Server, listen: str, credentials: grpc.ServerCredentials | None) -> int:
    """Bind HOST:PORT and return the port. Raises ListenError."""
    try:
        return server.add_secure_port(listen, credentials) if credentials else server.add_insecure_port(listen)
    except RuntimeError:
        raise ListenError(f"the address {listen} cannot be bound; is another service on it?") from None
