"""Items of batches and streams: from the wire, and their results back to it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from city.screening.v1 import screening_service_pb2
from google.rpc import status_pb2

from screening.errors import CallError, InvalidField, TooManyItems, Unparseable, Violation
from screening.transport import convert
from screening.wire import nested, occurrences

LIMIT = 1_000
"""Most items in a batch, or in one message of a stream, inclusive."""

_pb = screening_service_pb2


def _numbers(message: Any, *names: str) -> tuple[int, ...]:
    return tuple(message.DESCRIPTOR.fields_by_name[name].number for name in names)


_KEY, _DECISION, _ERROR = _numbers(_pb.ScreenResult, "key", "decision", "error")
(_BATCH_ITEMS,) = _numbers(_pb.BatchScreenEmploymentRequest, "items")
(_BATCH_RESULTS,) = _numbers(_pb.BatchScreenEmploymentResponse, "results")
_ITEM, _ITEMS = _numbers(_pb.StreamScreenEmploymentRequest, "item", "items")
_RESULT, _RESULTS = _numbers(_pb.StreamScreenEmploymentResponse, "result", "results")
"""The messages on information requests have the same numbers."""


@dataclass(slots=True)
class Item:
    """One question with its key, not parsed before its turn: a message takes up to thirty times its bytes once it is."""

    body: bytes
    path: str
    """Where it stands in its message, with a dot at the end, for violations to name."""
    error: CallError | None = None
    """Why there is no question: its message could not be read."""
    key: str = ""

    def read(self, kind: type[Any]) -> Any:
        """Parse it, once, note its key and return its question. Raises what `error` says, Unparseable."""
        if self.error is not None:
            raise self.error
        parsed = convert.parse(kind, self.body)
        self.body, self.key = b"", parsed.key
        return parsed.request

    def decided(self, decision: bytes) -> bytes:
        """Return the result that is a decision."""
        return nested(_KEY, self.key.encode()) + nested(_DECISION, decision)

    def refused(self, error: status_pb2.Status) -> bytes:
        """Return the result that is an error; never a denial."""
        return nested(_KEY, self.key.encode()) + nested(_ERROR, error.SerializeToString())


@dataclass(frozen=True, slots=True)
class Frame:
    """One message of a stream."""

    items: Sequence[Item]
    several: bool
    """It came with `items`; else with one `item`."""

    def reply(self, results: Iterator[bytes]) -> bytes:
        """Return the answer to the message; takes as many results as it has items."""
        number = _RESULTS if self.several else _RESULT
        return b"".join(nested(number, next(results)) for _ in self.items)


def batch(body: bytes) -> list[Item]:
    """Return the items of a batch. Raises TooManyItems, InvalidField, Unparseable."""
    listed = _listed(body, _BATCH_ITEMS)
    if not listed:
        raise InvalidField(Violation("items", "must have at least one element"))
    return listed


def batch_reply(results: Iterable[bytes]) -> bytes:
    """Return the answer to a batch."""
    return b"".join(nested(_BATCH_RESULTS, result) for result in results)


def frame(body: bytes) -> Frame:
    """Read a message of a stream. One that does not parse, or has too many items, is unreadable."""
    try:
        if listed := _listed(body, _ITEMS):
            return Frame(listed, several=True)
        return Frame([Item(b"".join(_contents(body, _ITEM)), "item.")], several=False)  # pieces of one message
    except CallError as error:
        return unreadable(error)


def portions(frames: Iterable[Frame]) -> Iterator[list[Frame]]:
    """Put frames together until they have LIMIT items or more; a small message can hold many."""
    portion: list[Frame] = []
    size = 0
    for each in frames:
        portion.append(each)
        size += len(each.items)
        if size >= LIMIT:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def unreadable(error: CallError) -> Frame:
    """Return a message that is not read, for the reason given."""
    return Frame([Item(b"", "", error)], several=False)


def _listed(body: bytes, number: int) -> list[Item]:
    """Return the items in a field of a message. Raises TooManyItems, Unparseable."""
    listed: list[Item] = []
    for content in _contents(body, number):
        if len(listed) == LIMIT:
            raise TooManyItems(LIMIT, LIMIT + 1)
        listed.append(Item(content, f"items[{len(listed)}]."))
    return listed


def _contents(body: bytes, number: int) -> Iterator[bytes]:
    try:
        yield from occurrences(body, number)
    except ValueError:
        raise Unparseable from None


def check_key(item: Item, taken: set[str] | None) -> None:
    """Check an item's key, and that it is not in `taken`. Raises InvalidField."""
    if not convert.REFERENCE.fullmatch(item.key):
        raise InvalidField(Violation(f"{item.path}key", "must be 1 to 64 characters of A-Z a-z 0-9 . _ -"))
    if taken is not None:
        if item.key in taken:
            raise InvalidField(Violation(f"{item.path}key", "must be unique in the batch"))
        taken.add(item.key)
