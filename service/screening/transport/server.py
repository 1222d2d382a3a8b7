"""The gRPC server: built, started, and stopped in one order.

Stop: health NOT_SERVING, new calls refused, calls in flight finished within the grace, then the caller of `stop` closes
the log and flushes telemetry. Transport first, log last.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from screening.errors import ListenError
from screening.telemetry.metrics import Metrics
from screening.transport import log_servicer, screening_servicer
from screening.transport.call import TRANSPORT_LIMIT, Calls
from screening.transport.health import Health
from screening.transport.log_servicer import DecisionLogServicer
from screening.transport.screening_servicer import ScreeningServicer

WATCH_SECONDS = 0.5
_OPTIONS = (
    ("grpc.so_reuseport", 0),  # a second server on the port must fail, not share it
    ("grpc.max_receive_message_length", TRANSPORT_LIMIT),
    ("grpc.max_send_message_length", -1),  # a batch of 1,000 answers is large
)


class Server:
    """One listening service."""

    def __init__(
        self,
        *,
        screening: ScreeningServicer,
        decision_log: DecisionLogServicer,
        calls: Calls,
        metrics: Metrics,
        log_healthy: Callable[[], bool],
    ) -> None:
        self._calls = calls
        self._log_healthy = log_healthy
        self._server = grpc.aio.server(interceptors=[_Arrivals(metrics)], options=_OPTIONS)
        self.health = Health((screening_servicer.SERVICE, log_servicer.SERVICE))
        self._add_services(screening, decision_log)
        self._watching: asyncio.Task[None] | None = None

    def _add_services(self, screening: ScreeningServicer, decision_log: DecisionLogServicer) -> None:
        service = screening_servicer.SERVICE
        unary = {
            "ScreenEmployment": screening.screen_employment,
            "ScreenInformationRequest": screening.screen_information_request,
            "BatchScreenEmployment": screening.batch_screen_employment,
            "BatchScreenInformationRequest": screening.batch_screen_information_request,
        }
        streams = {
            "StreamScreenEmployment": screening.stream_screen_employment,
            "StreamScreenInformationRequest": screening.stream_screen_information_request,
        }
        handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            name: grpc.unary_unary_rpc_method_handler(self._calls.unary(service, name, method))
            for name, method in unary.items()
        }
        for name, stream in streams.items():
            handlers[name] = grpc.stream_stream_rpc_method_handler(self._calls.stream(service, name, stream))
        reading = {
            "GetDecision": decision_log.get_decision,
            "ListDecisions": decision_log.list_decisions,
            "GetInclusionProof": decision_log.get_inclusion_proof,
            "GetCheckpoint": decision_log.get_checkpoint,
            "GetConsistencyProof": decision_log.get_consistency_proof,
        }
        log_handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            name: grpc.unary_unary_rpc_method_handler(self._calls.unary(log_servicer.SERVICE, name, method))
            for name, method in reading.items()
        }
        self._server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler(service, handlers),
                grpc.method_handlers_generic_handler(log_servicer.SERVICE, log_handlers),
            )
        )
        health_pb2_grpc.add_HealthServicer_to_server(self.health.servicer, self._server)
        names = (service, log_servicer.SERVICE, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name)
        reflection.enable_server_reflection((*names, reflection.SERVICE_NAME), self._server)

    async def start(self, listen: str) -> int:
        """Listen on HOST:PORT and return the port (0 asks for a free one). Raises ListenError."""
        await self.health.start()
        try:
            port = self._server.add_insecure_port(listen)
        except RuntimeError:
            raise ListenError(f"the address {listen} cannot be bound; is another service on it?") from None
        await self._server.start()
        await self.health.set("bundle", holds=True)
        await self.health.set("accepting", holds=True)
        await self.health.set("log", holds=self._log_healthy())
        self._watching = asyncio.create_task(self._watch())
        return port

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            await self.health.set("log", holds=self._log_healthy())

    async def stop(self, grace: float) -> None:
        """Refuse new calls and wait for those in flight, at most `grace` seconds."""
        if self._watching:
            self._watching.cancel()
        await self.health.set("accepting", holds=False)
        self._calls.stopping = True
        await self._server.stop(grace)


class _Arrivals(grpc.aio.ServerInterceptor):
    """Counts calls as they arrive, so that those whose message the transport refused are not lost."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Count the call if it is one of ours."""
        if handler_call_details.method.startswith("/city.screening."):
            self._metrics.arrived += 1
        return await continuation(handler_call_details)
