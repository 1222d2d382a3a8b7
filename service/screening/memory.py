"""What was worked out before, kept for as long as there is room."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class Memory(Generic[_Key, _Value]):
    """Remembers the values of a pure function by key; the oldest gives way. One thread at a time may use it."""

    def __init__(self, room: int) -> None:
        """Keep at most `room` values."""
        self._room = room
        self._values: dict[_Key, _Value] = {}

    def __len__(self) -> int:
        """Return how many values are kept."""
        return len(self._values)

    def __contains__(self, key: _Key) -> bool:
        """Say whether the value of a key is remembered."""
        return key in self._values

    def recall(self, key: _Key, make: Callable[[], _Value]) -> _Value:
        """Return the value of a key, made now if it is not remembered. An error is not remembered."""
        try:
            return self._values[key]
        except KeyError:
            pass
        value = make()
        if len(self._values) >= self._room:
            del self._values[next(iter(self._values))]
        self._values[key] = value
        return value
