"""Random bytes of the operating system, fetched for many uses at once: each fetch hands the interpreter over (adr/0025).

What was taken is overwritten in the stock, and a process that is forked begins with a stock of its own, so that no byte
serves twice.
"""

import os
import threading

STOCK_BYTES = 8_192
"""Fetched at once."""


class Stock:
    """May be used by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bytes = bytearray()
        self._next = 0

    def take(self, size: int) -> bytes:
        """Return so many fresh random bytes, 0 to STOCK_BYTES, both inclusive."""
        with self._lock:
            if self._next + size > len(self._bytes):
                self._bytes, self._next = bytearray(os.urandom(STOCK_BYTES)), 0
            start, self._next = self._next, self._next + size
            taken = bytes(self._bytes[start : self._next])
            self._bytes[start : self._next] = bytes(size)
        return taken


_stock = Stock()


def random_bytes(size: int) -> bytes:
    """Return so many fresh random bytes, 0 to STOCK_BYTES, both inclusive."""
    return _stock.take(size)


def _begin_anew() -> None:
    global _stock  # noqa: PLW0603  # a forked process must not take what its parent takes
    _stock = Stock()


os.register_at_fork(after_in_child=_begin_anew)
