"""Describes the API to whoever has proven who it is (grpc.reflection.v1alpha), by gRPC's own library."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from grpc_reflection.v1alpha import reflection
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest

from screening.transport import convert
from screening.transport.call import Call
from screening.transport.calls import Calls

SERVICE: str = reflection.SERVICE_NAME
RPC = "ServerReflectionInfo"


class Reflection:
    """Answers ServerReflectionInfo about the services named."""

    def __init__(self, services: tuple[str, ...], calls: Calls) -> None:
        self._library: Any = reflection.aio.ReflectionServicer((*services, SERVICE))
        self._calls = calls

    async def describe(self, _call: Call, bodies: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """Answer each message. Raises Unparseable, MessageTooLarge, Stopping, which end the call."""
        async for reply in self._library.ServerReflectionInfo(self._read(bodies), None):
            yield reply.SerializeToString()

    async def _read(self, bodies: AsyncIterator[bytes]) -> AsyncIterator[ServerReflectionRequest]:
        async for body in bodies:
            self._calls.admit_frame(body)
            yield convert.parse(ServerReflectionRequest, body)
