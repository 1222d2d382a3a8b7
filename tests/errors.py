"""What an error of a call says, read from its details."""

from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2


def info_in(status: status_pb2.Status) -> error_details_pb2.ErrorInfo:
    """Return the ErrorInfo of an error, which stands first among its details."""
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert info.domain == "screening.city"
    return info


def status_in(error: grpc.RpcError) -> status_pb2.Status:
    """Return the google.rpc.Status in an error's trailing metadata; its code is that of the error."""
    call: Any = error
    trailers: dict[str, Any] = dict(call.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    assert status.code == call.code().value[0]
    return status


def reason_of(error: grpc.RpcError) -> str:
    """Return the reason of an error."""
    return str(info_in(status_in(error)).reason)
