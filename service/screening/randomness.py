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
        self.begin()

    def begin(self) -> None:
        """Hold nothing."""
        self._lock = threading.Lock()
        self._bytes = bytearray()
        self._next = 0

    def take(self, size: int) -> bytes:
        """Return so many fresh random bytes, 0 to STOCK_BYTES, both inclusive."""
        with self._lock:
            start = self._next
            self._next += size
            if self._next > len(self._bytes):
                self._bytes, start, self._next = bytearray(os.urandom(STOCK_BYTES)), 0, size
            taken = bytes(self._bytes[start : self._next])
            self._bytes[start : self._next] = bytes(size)
        return taken


_stock = Stock()
random_bytes = _stock.take
"""The process's own stock. A forked process takes nothing of what its parent takes."""
os.register_at_fork(after_in_child=_stock.begin)
