"""The async client: deadlines, retries that cannot decide twice, trace propagation, and guarded calls.

UNAVAILABLE is retried, and RESOURCE_EXHAUSTED when the service says, by gRPC itself, with the same bytes and so the same
request_id; the service answers a repeated request_id with the first decision.
"""

import json
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc
from city.screening.v1 import (
    decision_log_service_pb2,
    decision_log_service_pb2_grpc,
    decision_pb2,
    screening_service_pb2,
    screening_service_pb2_grpc,
    status_service_pb2,
    status_service_pb2_grpc,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from screening_client.errors import NotDecided, from_rpc, from_status
from screening_client.guard import NotPermitted, Permit, guard
from screening_client.together import together

TIMEOUT_SECONDS = 10.0
BATCH_LIMIT = 1_000

Decision = decision_pb2.Decision
EmploymentRequest = screening_service_pb2.ScreenEmploymentRequest
InformationRequest = screening_service_pb2.ScreenInformationRequestRequest
Result = tuple[str, Decision | NotDecided]
"""An item's key, and its decision or why there is none."""

_Question = TypeVar("_Question", EmploymentRequest, InformationRequest)
_pb = screening_service_pb2
_RETRY = {
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.1s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"],
            },
        }
    ]
}
_OPTIONS = (
    ("grpc.service_config", json.dumps(_RETRY)),
    ("grpc.enable_retries", 1),
    ("grpc.keepalive_time_ms", 30_000),  # a stream has no deadline, so a dead peer must be noticed
    ("grpc.http2.ping_timeout_ms", 10_000),  # ends it: the core sets no timer for the answer
    ("grpc.max_receive_message_length", -1),
)
_PROPAGATOR = TraceContextTextMapPropagator()


class AsyncScreeningClient:
    """A connection to the service. Use it as an async context manager."""

    def __init__(
        self,
        target: str,
        *,
        timeout: float = TIMEOUT_SECONDS,
        credentials: grpc.ChannelCredentials | None = None,
        token: Callable[[], str] | None = None,
    ) -> None:
        """Connect to HOST:PORT; `timeout` is the deadline of each call in seconds, retries included.

        `credentials` are for TLS, with or without a certificate of the caller; without them the connection is plaintext,
        which the service offers on its own machine only. `token` is asked for the caller's token at each call.
        """
        if credentials is None:
            self._channel = grpc.aio.insecure_channel(target, options=_OPTIONS)
        else:
            self._channel = grpc.aio.secure_channel(target, credentials, options=_OPTIONS)
        self._token = token
        self._screening = screening_service_pb2_grpc.ScreeningServiceStub(self._channel)
        self._log = decision_log_service_pb2_grpc.DecisionLogServiceStub(self._channel)
        self._status = status_service_pb2_grpc.StatusServiceStub(self._channel)
        self._timeout = timeout

    async def __aenter__(self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        await self.close()

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close()

    async def screen_employment(self, request: EmploymentRequest) -> Decision:
        """Ask one employment question. Raises NotDecided."""
        reply: _pb.ScreenEmploymentResponse = await self._call(self._screening.ScreenEmployment, identified(request))
        return reply.decision

    async def screen_information_request(self, request: InformationRequest) -> Decision:
        """Ask about one outside request. Raises NotDecided."""
        reply: _pb.ScreenInformationRequestResponse = await self._call(
            self._screening.ScreenInformationRequest, identified(request)
        )
        return reply.decision

    async def permit_employment(self, request: EmploymentRequest) -> Permit:
        """Ask, and return a permit. Raises NotPermitted, also where the service cannot be reached."""
        try:
            return guard(await self.screen_employment(request))
        except NotDecided as error:
            raise NotPermitted(f"nothing was decided: {error.reason}") from error

    async def permit_information_request(self, request: InformationRequest) -> Permit:
        """Ask, and return a permit. Raises NotPermitted, also where the service cannot be reached."""
        try:
            return guard(await self.screen_information_request(request))
        except NotDecided as error:
            raise NotPermitted(f"nothing was decided: {error.reason}") from error

    async def screen_employment_batch(self, items: Iterable[tuple[str, EmploymentRequest]]) -> list[Result]:
        """Ask up to 1,000 employment questions at once, each with a key. Raises NotDecided."""
        batch = _pb.BatchScreenEmploymentRequest()
        for key, request in items:
            batch.items.add(key=key, request=identified(request))
        reply = await self._call(self._screening.BatchScreenEmployment, batch)
        return [_result(result) for result in reply.results]

    async def screen_information_request_batch(self, items: Iterable[tuple[str, InformationRequest]]) -> list[Result]:
        """Ask about up to 1,000 outside requests at once, each with a key. Raises NotDecided."""
        batch = _pb.BatchScreenInformationRequestRequest()
        for key, request in items:
            batch.items.add(key=key, request=identified(request))
        reply = await self._call(self._screening.BatchScreenInformationRequest, batch)
        return [_result(result) for result in reply.results]

    async def screen_employment_stream(
        self, items: AsyncIterable[tuple[str, EmploymentRequest]]
    ) -> AsyncIterator[Result]:
        """Ask employment questions without a limit; results come as they are ready. Raises NotDecided."""

        async def questions() -> AsyncIterator[screening_service_pb2.StreamScreenEmploymentRequest]:
            async for some in together(items):
                message = _pb.StreamScreenEmploymentRequest()
                for key, request in some:
                    message.items.add(key=key, request=identified(request))
                yield message

        async for result in self._stream(self._screening.StreamScreenEmployment, questions()):
            yield result

    async def screen_information_request_stream(
        self, items: AsyncIterable[tuple[str, InformationRequest]]
    ) -> AsyncIterator[Result]:
        """Ask about outside requests without a limit; results come as they are ready. Raises NotDecided."""

        async def questions() -> AsyncIterator[screening_service_pb2.StreamScreenInformationRequestRequest]:
            async for some in together(items):
                message = _pb.StreamScreenInformationRequestRequest()
                for key, request in some:
                    message.items.add(key=key, request=identified(request))
                yield message

        async for result in self._stream(self._screening.StreamScreenInformationRequest, questions()):
            yield result

    async def get_decision(self, decision_id: str) -> Decision:
        """Return a recorded decision. Raises NotDecided with DECISION_NOT_FOUND."""
        request = decision_log_service_pb2.GetDecisionRequest(decision_id=decision_id)
        reply: decision_log_service_pb2.GetDecisionResponse = await self._call(self._log.GetDecision, request)
        return reply.decision

    async def list_decisions(
        self, request: decision_log_service_pb2.ListDecisionsRequest
    ) -> decision_log_service_pb2.ListDecisionsResponse:
        """Return a page of recorded decisions. Raises NotDecided."""
        reply: decision_log_service_pb2.ListDecisionsResponse = await self._call(self._log.ListDecisions, request)
        return reply

    async def get_inclusion_proof(self, log_index: int, leaf_hash: bytes) -> decision_log_service_pb2.InclusionProof:
        """Return the proof that completes a receipt. Raises NotDecided, with NOT_YET_INTEGRATED if it comes too early."""
        request = decision_log_service_pb2.GetInclusionProofRequest(log_index=log_index, leaf_hash=leaf_hash)
        reply: decision_log_service_pb2.GetInclusionProofResponse = await self._call(
            self._log.GetInclusionProof, request
        )
        return reply.proof

    async def get_checkpoint(self) -> str:
        """Return the log's newest checkpoint, a signed note. Raises NotDecided."""
        reply = await self._call(self._log.GetCheckpoint, decision_log_service_pb2.GetCheckpointRequest())
        return str(reply.checkpoint)

    async def get_status(self) -> status_service_pb2.GetStatusResponse:
        """Return the state of the instance that answers. Raises NotDecided."""
        request = status_service_pb2.GetStatusRequest()
        reply: status_service_pb2.GetStatusResponse = await self._call(self._status.GetStatus, request)
        return reply

    async def _call(self, method: Any, request: Any) -> Any:
        try:
            return await method(request, timeout=self._timeout, metadata=self._metadata())
        except grpc.RpcError as error:
            raise from_rpc(error) from None

    def _metadata(self) -> Sequence[tuple[str, str]]:
        """Return the W3C context of the current span, so that the service's spans join the caller's trace, and a token."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        if self._token is not None:
            carrier["authorization"] = f"Bearer {self._token()}"
        return tuple(carrier.items())

    async def _stream(self, method: Any, questions: AsyncIterator[Any]) -> AsyncIterator[Result]:
        try:
            async for reply in method(questions, metadata=self._metadata()):
                for result in reply.results:
                    yield _result(result)
        except grpc.RpcError as error:
            raise from_rpc(error) from None


def identified(request: _Question) -> _Question:
    """Return the request with a request_id: its own, or a fresh random one, so that a retry cannot decide twice."""
    if request.request_id:
        return request
    copy = type(request)()
    copy.CopyFrom(request)
    copy.request_id = secrets.token_hex(16)
    return copy


def _result(result: screening_service_pb2.ScreenResult) -> Result:
    if result.HasField("decision"):
        return result.key, result.decision
    return result.key, from_status(result.error)
