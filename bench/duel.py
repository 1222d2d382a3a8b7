"""Both sides driven in turn, A B A B, so that what the machine does meanwhile hits both alike.

A leg is one kind of load on one side. Its rate counts only decisions that are found in that side's log afterwards.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.load import Outcome

LEG_SECONDS = 4.0
"""About how long one leg takes; the number of calls is set by a short trial."""
_TRIAL_CALLS = 40
_LEAST_CALLS = 8


@dataclass
class Leg:
    """One kind of load on one side, and its rates so far in decisions a second."""

    name: str
    drive: Callable[[int], Outcome]
    """Send so many calls."""
    decisions: Callable[[], int]
    """How many decisions the side's log holds."""
    cpu_seconds: Callable[[], float]
    """Processor time that the side has used."""
    per_call: int = 1
    calls: int = 0
    answered: int = 0
    """Calls answered so far."""
    rates: list[float] = field(default_factory=list)
    cpu_micros: list[float] = field(default_factory=list)
    """Processor time for each decision, in microseconds."""

    def trial(self) -> None:
        """Set the number of calls, so that the leg takes about LEG_SECONDS."""
        outcome = self.drive(_TRIAL_CALLS)
        self.answered += outcome.calls
        self.calls = max(_LEAST_CALLS, int(outcome.calls / outcome.seconds * LEG_SECONDS))

    def run(self) -> None:
        """Run the leg once. Raises RuntimeError if an answered decision is not in the log."""
        before, used = self.decisions(), self.cpu_seconds()
        outcome = self.drive(self.calls)
        self.answered += outcome.calls
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
        leg.trial()
    for _ in range(rounds):
        for leg in legs:
            leg.run()


def ratios(ours: Leg, theirs: Leg) -> list[float]:
    """Return our rate to theirs, round by round."""
    return [first / second for first, second in zip(ours.rates, theirs.rates, strict=True)]
