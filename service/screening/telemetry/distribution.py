"""Counts of measured values by bucket: what a histogram is made of, at the price of a list index."""

import time
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple


class Example(NamedTuple):
    """One measured value and the trace that it was measured in."""

    trace_id: int
    value: float
    time: float
    """Seconds since 1970."""


class Distribution:
    """Values counted by bucket, each bucket with its latest example.

    One thread observes; any thread may read, and sees counts that were true a moment ago.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        """Count by `bounds`: upper ends, inclusive, ascending; what lies above the last has a bucket of its own."""
        self.bounds = [float(bound) for bound in bounds]
        self.sum = 0.0
        self._counts = [0] * (len(bounds) + 1)
        self._examples: list[Example | None] = [None] * (len(bounds) + 1)

    def observe(self, value: float, trace_id: int = 0) -> None:
        """Count one value; `trace_id` is that of a trace that is exported, or 0."""
        place = bisect_left(self.bounds, value)
        self._counts[place] += 1
        self.sum += value
        if trace_id:
            self._examples[place] = Example(trace_id, value, time.time())

    def counts(self) -> list[int]:
        """Return how many values lie in each bucket, the one above the last bound included."""
        return self._counts.copy()

    def examples(self) -> list[Example | None]:
        """Return the latest example of each bucket."""
        return self._examples.copy()
