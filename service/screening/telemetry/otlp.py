"""The connection to an OTLP receiver: where it is, how it is trusted, and what is tried again."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.sdk.resources import Resource

SCOPE = common_pb2.InstrumentationScope(name="screening")
TIMEOUT_SECONDS = 5.0
ATTEMPTS = 4
FIRST_PAUSE_SECONDS = 0.25
_RETRYABLE = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.CANCELLED,
)


@dataclass(frozen=True)
class Endpoint:
    """Where telemetry goes."""

    target: str
    """HOST:PORT."""
    secure: bool = False
    """TLS, against `authorities` (PEM), or those that gRPC ships."""
    authorities: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    """Sent with each export, such as a collector's token."""

    def connect(self) -> grpc.Channel:
        """Open a channel; it connects when it is first used."""
        if self.secure:
            return grpc.secure_channel(self.target, grpc.ssl_channel_credentials(self.authorities))
        return grpc.insecure_channel(self.target)


class Sender:
    """Sends requests of one signal to one receiver, trying again with growing pauses what may be tried again."""

    def __init__(self, endpoint: Endpoint, stub: Callable[[grpc.Channel], Any]) -> None:
        """`stub` is the generated client of the signal's service."""
        self._channel = endpoint.connect()
        self._stub = stub(self._channel)
        self._headers = endpoint.headers
        self._ending = threading.Event()

    def send(self, request: Any) -> Any | None:
        """Return the receiver's response, or None if the request could not be delivered."""
        for attempt in range(ATTEMPTS):
            try:
                return self._stub.Export(request, timeout=TIMEOUT_SECONDS, metadata=self._headers)
            except grpc.RpcError as error:
                if error.code() not in _RETRYABLE or self._ending.wait(2**attempt * FIRST_PAUSE_SECONDS):
                    return None
        return None

    def hurry(self) -> None:
        """Try each request that is left only once: the service ends."""
        self._ending.set()

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()


def resource_of(resource: Resource) -> resource_pb2.Resource:
    """Return what is said of this process in each export."""
    return resource_pb2.Resource(attributes=attributes_of(resource.attributes))


def attributes_of(values: Mapping[str, Any]) -> list[common_pb2.KeyValue]:
    """Return values as OTLP attributes; what OTLP has no type for goes as text."""
    return [common_pb2.KeyValue(key=key, value=_value(value)) for key, value in values.items()]


def _value(value: Any) -> common_pb2.AnyValue:
    match value:
        case bool():
            return common_pb2.AnyValue(bool_value=value)
        case int():
            return common_pb2.AnyValue(int_value=value)
        case float():
            return common_pb2.AnyValue(double_value=value)
        case list() | tuple():
            return common_pb2.AnyValue(array_value=common_pb2.ArrayValue(values=[_value(each) for each in value]))
        case _:
            return common_pb2.AnyValue(string_value=str(value))
