"""From error classes to gRPC status: one table. Texts are constant; what varies stands in metadata."""

from collections.abc import Mapping
from dataclasses import dataclass

import grpc
from city.screening.v1 import error_reason_pb2
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from screening import errors

DOMAIN = "screening.city"
DETAILS = "grpc-status-details-bin"
PUSHBACK = "grpc-retry-pushback-ms"
"""Tells gRPC's own retries how long to wait (gRFC A6); negative: not to retry."""


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
    errors.Unauthenticated: Status(
        grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED", "Who calls is not proven, or not known."
    ),
    errors.NotAllowed: Status(grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED", "The caller has not the right."),
    errors.TooBusy: Status(
        grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_BUSY", "The service is at its limit; nothing was decided."
    ),
    errors.QuotaSpent: Status(
        grpc.StatusCode.RESOURCE_EXHAUSTED, "QUOTA_SPENT", "The caller's quota is spent; nothing was decided."
    ),
    errors.SlowReader: Status(
        grpc.StatusCode.RESOURCE_EXHAUSTED, "SLOW_READER", "The stream's answers are not being read."
    ),
    errors.BundleTooLow: Status(
        grpc.StatusCode.FAILED_PRECONDITION, "BUNDLE_TOO_LOW", "The law in force is older than the caller demands."
    ),
    errors.NotReady: Status(grpc.StatusCode.UNAVAILABLE, "NOT_READY", "The service is not ready; nothing was decided."),
    Exception: Status(grpc.StatusCode.INTERNAL, "INTERNAL", "The service failed; nothing was decided."),
}


def of(error: Exception) -> Status:
    """Return the status of an error, by its class or the nearest one above it."""
    return next(TABLE[cls] for cls in type(error).__mro__ if cls in TABLE)


def details(error: Exception, rpc: str) -> status_pb2.Status:
    """Return the google.rpc.Status of an error, with ErrorInfo; for wrong fields BadRequest, for limits RetryInfo."""
    status = of(error)
    info = error_details_pb2.ErrorInfo(reason=status.reason, domain=DOMAIN, metadata=_metadata(error, rpc))
    assert f"ERROR_REASON_{status.reason}" in error_reason_pb2.ErrorReason.keys()  # noqa: SIM118  # an enum wrapper
    rich = status_pb2.Status(code=status.code.value[0], message=status.text, details=[_packed(info)])
    if isinstance(error, errors.InvalidField):
        bad = error_details_pb2.BadRequest()
        for violation in error.violations:
            bad.field_violations.add(field=violation.field, description=violation.expected)
        rich.details.append(_packed(bad))
    if isinstance(error, errors.TooBusy | errors.QuotaSpent):
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(_milliseconds(error.retry_seconds))
        rich.details.append(_packed(retry))
    return rich


def trailers(error: Exception, rpc: str) -> tuple[tuple[str, str | bytes], ...]:
    """Return the trailing metadata of a failed call: its details, and for gRPC's own retries when to come again."""
    rich = (DETAILS, details(error, rpc).SerializeToString())
    match error:
        case errors.TooBusy() | errors.QuotaSpent():
            return rich, (PUSHBACK, str(_milliseconds(error.retry_seconds)))
        case errors.MessageTooLarge() | errors.SlowReader():
            return rich, (PUSHBACK, "-1")  # never: the same would happen again
        case _:
            return (rich,)


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _metadata(error: Exception, rpc: str) -> Mapping[str, str]:
    if isinstance(error, errors.Unparseable):
        return {"rpc": rpc}
    return error.metadata if isinstance(error, errors.CallError) else {}


def _packed(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
