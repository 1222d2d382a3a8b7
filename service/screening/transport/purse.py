"""What each caller has left of its quota: in this process, or in memory that the workers of a service share."""

import contextlib
import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol, Self

_SLOT = struct.Struct("<16sddq")
"""Whose it is (a hash of the caller's name; zeros: nobody's), then what stands in a purse."""
_HASH_BYTES = 16


@dataclass(slots=True)
class Purse:
    """What one caller may still use. Change it only inside `with`."""

    tokens: float
    """Decisions that it may still ask for at once; a batch may take it below 0, and then it waits."""
    time: float
    """When `tokens` was counted, in seconds of the clock of whoever counts."""
    streams: int = 0
    """Streams that it has open."""

    def __enter__(self) -> Self:
        """Return the purse itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nobody else sees it."""


class Purses(Protocol):
    """The purses of all callers."""

    def of(self, caller: str, make: Callable[[], Purse]) -> AbstractContextManager[Purse]:
        """Return a caller's purse, or the new one that `make` returns."""


class OwnPurses:
    """Those of a service that is one process."""

    def __init__(self) -> None:
        self._purses: dict[str, Purse] = {}

    def of(self, caller: str, make: Callable[[], Purse]) -> Purse:
        """Return a caller's purse, or the new one that `make` returns."""
        purse = self._purses.get(caller)
        if purse is None:
            purse = self._purses[caller] = make()
        return purse


class SharedPurses:
    """Those of a service of several processes, in memory that all of them see, behind a lock that all of them take.

    A caller keeps its place. Once all places are taken, further callers share one.
    """

    def __init__(self, memory: memoryview, lock: AbstractContextManager[None]) -> None:
        self._memory = memory
        self._lock = lock
        self._slots = len(memory) // _SLOT.size
        self._places: dict[str, int] = {}

    @contextlib.contextmanager
    def of(self, caller: str, make: Callable[[], Purse]) -> Iterator[Purse]:
        """Return a caller's purse, or the new one that `make` returns; others wait until it is given back."""
        with self._lock:
            place = self._place(caller)
            owner, *held = _SLOT.unpack_from(self._memory, place)
            purse = Purse(*held) if any(owner) else make()
            try:
                yield purse
            finally:
                _SLOT.pack_into(self._memory, place, _owner(caller), purse.tokens, purse.time, purse.streams)

    def _place(self, caller: str) -> int:
        """Return where the caller's purse is, or is to be."""
        place = self._places.get(caller)
        if place is None:
            place = self._places[caller] = self._find(_owner(caller)) * _SLOT.size
        return place

    def _find(self, owner: bytes) -> int:
        first = int.from_bytes(owner[:8], "big")
        for step in range(self._slots):
            slot = (first + step) % self._slots
            found = bytes(self._memory[slot * _SLOT.size : slot * _SLOT.size + _HASH_BYTES])
            if found == owner or not any(found):
                return slot
        return self._slots - 1


def _owner(caller: str) -> bytes:
    return blake2b(caller.encode(), digest_size=_HASH_BYTES).digest()
