"""Why a call was not decided, as the service says it (google.rpc.ErrorInfo). Never a denial."""

import grpc
from google.rpc import error_details_pb2, status_pb2

DOMAIN = "screening.city"
_DETAILS = "grpc-status-details-bin"


class NotDecided(Exception):
    """The service did not decide. `reason` is a name of ErrorReason, or the gRPC status where the service was silent."""

    def __init__(
        self,
        reason: str,
        text: str,
        metadata: dict[str, str],
        fields: tuple[tuple[str, str], ...],
        retry_seconds: float | None = None,
    ) -> None:
        wrong = "; ".join(f"{field} {expected}" for field, expected in fields)
        super().__init__(f"{reason}: {text}" + (f" ({wrong})" if wrong else ""))
        self.reason = reason
        self.text = text
        self.metadata = metadata
        self.fields = fields
        """Wrong fields with what is expected of each."""
        self.retry_seconds = retry_seconds
        """In how many seconds to ask again, with the same request_id; None where the service does not say."""


def from_rpc(error: grpc.RpcError) -> NotDecided:
    """Turn a failed call into its reason."""
    call: grpc.Call = error  # type: ignore[assignment]  # grpc raises objects that are both
    for key, value in call.trailing_metadata() or ():
        if key == _DETAILS and isinstance(value, bytes):
            return from_status(status_pb2.Status.FromString(value))
    return NotDecided(call.code().name, call.details() or "the service could not be reached", {}, ())


def from_status(status: status_pb2.Status) -> NotDecided:
    """Turn a google.rpc.Status into its reason."""
    reason, metadata = "UNKNOWN", {}
    fields: list[tuple[str, str]] = []
    retry_seconds = None
    for detail in status.details:
        info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            reason, metadata = info.reason, dict(info.metadata)
        elif detail.Unpack(bad):
            fields = [(violation.field, violation.description) for violation in bad.field_violations]
        elif detail.Unpack(retry):
            retry_seconds = retry.retry_delay.ToMilliseconds() / 1000
    return NotDecided(reason, status.message, metadata, tuple(fields), retry_seconds)
