"""How long the commits of a log take, and how many records each holds: for telemetry."""

import time
from collections.abc import Callable, Sequence

from screening.decisionlog.port import Appended
from screening.decisionlog.record import Record
from screening.telemetry.distribution import Distribution

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_RECORDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000)
Commit = Callable[[Sequence[Record]], list[Appended]]


class Load:
    """The commits of one writer thread."""

    def __init__(self) -> None:
        self.seconds = Distribution(_SECONDS)
        self.records = Distribution(_RECORDS)

    def measured(self, commit: Commit) -> Commit:
        """Return `commit`, measured, whether it succeeds or fails."""

        def measure(records: Sequence[Record]) -> list[Appended]:
            began = time.perf_counter()
            try:
                return commit(records)
            finally:
                self.seconds.observe(time.perf_counter() - began)
                self.records.observe(len(records))

        return measure
