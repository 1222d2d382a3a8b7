"""From error classes to gRPC status: one table. Texts are constant; what varies stands in metadata."""

from collections.abc import Mapping
from dataclasses import dataclass

import grpc
from city.screening.v1 import error_reason_pb2
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from screening import errors

DOMAIN = "screening.city"
DETAILS = "grpc-status-details-bin"


@dataclass(frozen=True)
class Status:
    """How one error class looks on the wire."""

    code: grpc.StatusCode
    reason: str
    text: str


TABLE: Mapping[type[Exception], Status] = {
    errors.Unparseable: Status(grpc.StatusCode.INVALID_ARGUMENT, "UNPARSEABLE", "The message cannot be read."),
    errors.InvalidField: Status(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", "A field is missing or wrong."),
    errors.TooManyItems: Status(grpc.StatusCode.INVALID_ARGUMENT, "TOO_MANY_ITEMS", "The batch holds too many items."),
    errors.MessageTooLarge: Status(
        grpc.StatusCode.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE", "The message is too large."
    ),
    errors.RequestIdReused: Status(
        grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED", "The request_id was used with another body."
    ),
    errors.DecisionNotFound: Status(grpc.StatusCode.NOT_FOUND, "DECISION_NOT_FOUND", "No such decision is recorded."),
    errors.NotYetIntegrated: Status(
        grpc.StatusCode.UNAVAILABLE, "NOT_YET_INTEGRATED", "No checkpoint covers the record yet; ask again."
    ),
    errors.LogUnavailable: Status(
        grpc.StatusCode.UNAVAILABLE, "LOG_UNAVAILABLE", "The decision log is unavailable; nothing was decided."
    ),
    errors.Stopping: Status(grpc.StatusCode.UNAVAILABLE, "STOPPING", "The service is stopping; nothing was decided."),
    errors.DeadlineTooShort: Status(
        grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_TOO_SHORT", "Too little time is left to decide."
    ),
    Exception: Status(grpc.StatusCode.INTERNAL, "INTERNAL", "The service failed; nothing was decided."),
}


def of(error: Exception) -> Status:
    """Return the status of an error, by its class or the nearest one above it."""
    return next(TABLE[cls] for cls in type(error).__mro__ if cls in TABLE)


def details(error: Exception, rpc: str) -> status_pb2.Status:
    """Return the google.rpc.Status of an error, with ErrorInfo and, for wrong fields, BadRequest."""
    status = of(error)
    info = error_details_pb2.ErrorInfo(reason=status.reason, domain=DOMAIN, metadata=_metadata(error, rpc))
    assert f"ERROR_REASON_{status.reason}" in error_reason_pb2.ErrorReason.keys()  # noqa: SIM118  # an enum wrapper
    rich = status_pb2.Status(code=status.code.value[0], message=status.text, details=[_packed(info)])
    if isinstance(error, errors.InvalidField):
        bad = error_details_pb2.BadRequest()
        for violation in error.violations:
            bad.field_violations.add(field=violation.field, description=violation.expected)
        rich.details.append(_packed(bad))
    return rich


def _metadata(error: Exception, rpc: str) -> dict[str, str]:
    match error:
        case errors.Unparseable():
            return {"rpc": rpc}
        case errors.InvalidField():
            return {"fields": ",".join(violation.field for violation in error.violations)}
        case errors.TooManyItems():
            return {"limit": str(error.limit), "items": str(error.items)}
        case errors.MessageTooLarge():
            return {"limit": str(error.limit)}
        case errors.DeadlineTooShort():
            return {"needed_ms": str(error.needed_ms)}
        case _:
            return {}


def _packed(message: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
