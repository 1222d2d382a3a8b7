"""Both sides driven in turn, A B A B, so that what the machine does meanwhile hits both alike.

A leg is one kind of load on one side. Its rate counts only decisions that are found in that side's log afterwards.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.load import Outcome

LEG_SECONDS = 4
"""How long one leg sends. By time and not by number, or the last connection to end would decide the rate."""
_WARM_SECONDS = 1


@dataclass
class Leg:
    """One kind of load on one side, and its rates so far in decisions a second."""

    name: str
    drive: Callable[[int], Outcome]
    """Send calls for so many seconds."""
    decisions: Callable[[], int]
    """How many decisions the side's log holds."""
    cpu_seconds: Callable[[], float]
    """Processor time that the side has used."""
    per_call: int = 1
    rates: list[float] = field(default_factory=list)
    cpu_micros: list[float] = field(default_factory=list)
    """Processor time for each decision, in microseconds."""

    def run(self) -> None:
        """Run the leg once. Raises RuntimeError if an answered decision is not in the log."""
        before, used = self.decisions(), self.cpu_seconds()
        outcome = self.drive(LEG_SECONDS)
        logged = self.decisions() - before
        answered = outcome.calls * self.per_call
        if not answered or logged < answered:
            raise RuntimeError(f"{self.name}: {answered} decisions answered, {logged} in the log")
        self.rates.append(answered / outcome.seconds)
        self.cpu_micros.append((self.cpu_seconds() - used) / answered * 1e6)

    @property
    def median(self) -> float:
        """Return the median rate."""
        return statistics.median(self.rates)


def fight(legs: Sequence[Leg], rounds: int) -> None:
    """Run every leg once in each round, in the order given."""
    for leg in legs:
        leg.drive(_WARM_SECONDS)
    for _ in range(rounds):
        for leg in legs:
            leg.run()


def ratios(ours: Leg, theirs: Leg) -> list[float]:
    """Return our rate to theirs, round by round."""
    return [first / second for first, second in zip(ours.rates, theirs.rates, strict=True)]
