"""What can go wrong, as types.

    ScreeningError
    ├── CallError                 one call, or one item of it, was not decided
    │   ├── Unparseable           the bytes are not the message
    │   ├── InvalidField          a fact or an argument is missing or wrong
    │   ├── TooManyItems          a batch is over its limit
    │   ├── MessageTooLarge       a message is over its limit
    │   ├── RequestIdReused       the same request_id came with another body
    │   ├── DecisionNotFound      no such decision is recorded
    │   ├── NotYetIntegrated      no checkpoint covers the record yet
    │   ├── LogUnavailable        the decision log cannot be written or read
    │   ├── Stopping              the service is shutting down
    │   ├── DeadlineTooShort      the caller's deadline leaves no time to answer
    │   ├── Unauthenticated       who calls is not proven, or not known
    │   ├── NotAllowed            the caller has not the right
    │   ├── TooBusy               the service has as much in flight as it takes on
    │   ├── SlowReader            the caller does not read the answers of its stream
    │   ├── QuotaSpent            the caller has asked for as much as its quota lets it
    │   ├── BundleTooLow          the law in force is older than the caller demands
    │   └── NotReady              a condition of health does not hold
    ├── OnHold                    a legal hold forbids to erase
    ├── RecordTooLong             a record does not fit the log's format
    ├── LogTampered               what is stored contradicts what was signed
    └── StartError                the service must not start
        ├── DataFileError         a file of law, lexicon or registry is wrong
        ├── SettingError          a setting is wrong
        ├── DataDirectoryError    the data directory cannot be used
        └── ListenError           the address cannot be bound

A denial is an answer and never an error. `transport/status.py` maps each CallError to a gRPC status; its text is
constant there, so nothing that a caller sent can come back in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass


class ScreeningError(Exception):
    """Base of all errors of the service."""


class CallError(ScreeningError):
    """One call was not decided. Holds no personal data: only field paths and limits."""

    def __init__(self, **metadata: str | int) -> None:
        """`metadata` is what the caller is told beside the reason."""
        super().__init__(", ".join(f"{name} {value}" for name, value in metadata.items()))
        self.metadata = {name: str(value) for name, value in metadata.items()}


class Unparseable(CallError):
    """The bytes are not a message of the request type."""


@dataclass(frozen=True)
class Violation:
    """One wrong field: its path such as `facts.city_unit`, and a constant sentence that says what is expected."""

    field: str
    expected: str


class InvalidField(CallError):
    """A fact or an argument is missing or wrong."""

    def __init__(self, *violations: Violation) -> None:
        super().__init__(fields=",".join(violation.field for violation in violations))
        self.violations = violations


class TooManyItems(CallError):
    """A batch holds `items` items where `limit` are accepted."""

    def __init__(self, limit: int, items: int) -> None:
        super().__init__(limit=limit, items=items)


class MessageTooLarge(CallError):
    """A message is larger than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit=limit)


class RequestIdReused(CallError):
    """The same request_id came from the same caller with another body."""


class DecisionNotFound(CallError):
    """No decision with that id is recorded."""


class NotYetIntegrated(CallError):
    """No checkpoint covers what was asked for yet."""


class LogUnavailable(CallError):
    """The decision log cannot be written or read now."""


class Stopping(CallError):
    """The service is shutting down."""


class DeadlineTooShort(CallError):
    """Less than `needed_ms` milliseconds are left before the caller's deadline."""

    def __init__(self, needed_ms: int) -> None:
        super().__init__(needed_ms=needed_ms)


class Unauthenticated(CallError):
    """Who calls is not proven by certificate or token, or is not in the callers file."""


class NotAllowed(CallError):
    """The caller has not the right, one of: rpc, unit, pack, retrospective, record."""

    def __init__(self, right: str) -> None:
        super().__init__(right=right)


class TooBusy(CallError):
    """The service has as much in flight as it takes on; it may have room again in `retry_seconds`.

    `limit` says of what: calls, decisions, bytes, streams, and of the health service checks and watches.
    """

    def __init__(self, limit: str, retry_seconds: float) -> None:
        super().__init__(limit=limit)
        self.retry_seconds = retry_seconds


class QuotaSpent(CallError):
    """The caller has asked for as much as its quota lets it; there is room again in `retry_seconds`.

    `quota` is named as in the callers file: decisions_per_second, streams.
    """

    def __init__(self, quota: str, retry_seconds: float) -> None:
        super().__init__(quota=quota)
        self.retry_seconds = retry_seconds


class SlowReader(CallError):
    """An answer of a stream was not taken by the caller for `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds=seconds)


class BundleTooLow(CallError):
    """The law in force has serial `serial`, and the caller demands at least `demanded`."""

    def __init__(self, serial: int, demanded: int) -> None:
        super().__init__(serial=serial, demanded=demanded)


class NotReady(CallError):
    """The condition of health named `condition` does not hold, so nothing is decided."""

    def __init__(self, condition: str) -> None:
        super().__init__(condition=condition)


class OnHold(ScreeningError):
    """A legal hold stands on decisions that were to be erased."""

    def __init__(self, decision_ids: Sequence[str]) -> None:
        super().__init__(f"a legal hold stands on {', '.join(decision_ids)}")
        self.decision_ids = tuple(decision_ids)


class RecordTooLong(ScreeningError):
    """The canonical bytes of a record are more than an entry of the exported log can hold."""


class LogTampered(ScreeningError):
    """What is stored contradicts a signed checkpoint, or its records are missing; the text says where."""


class StartError(ScreeningError):
    """The service must not start; the text says what is wrong, where, and what mends it."""


class DataFileError(StartError):
    """A file of law, lexicon or registry is wrong."""

    def __init__(self, file: str, line: int, problem: str, remedy: str) -> None:
        super().__init__(f"{file}:{line}: {problem}. {remedy}")


class SettingError(StartError):
    """A setting is wrong."""


class DataDirectoryError(StartError):
    """The data directory cannot be used."""


class ListenError(StartError):
    """The address cannot be bound."""
