"""Which refused calls are recorded one by one, and which are only counted.

Each caller has a few records of its own a minute; the rest of that minute becomes one record with counts, so that
nobody can fill the disk by asking badly, and nothing is left out.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

PER_MINUTE = 5
"""Refused calls recorded one by one per caller and minute."""
MOST_CALLERS = 1_000
"""Callers counted apart; the rest share one count under the name `others`."""


@dataclass
class Tally:
    """One caller's refused calls in one minute."""

    start: datetime
    seen: int = 0
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)


@dataclass(frozen=True)
class Counted:
    """The refused calls of one caller and minute that were only counted, by RPC and reason."""

    caller: str
    start: datetime
    end: datetime
    counts: dict[tuple[str, str], int]


class Refusals:
    """Decides for each refused call whether it is recorded by itself."""

    def __init__(self) -> None:
        self._open: dict[str, Tally] = {}

    def admit(self, caller: str, rpc: str, reason: str, now: datetime) -> bool:
        """Say whether the call gets a record of its own; otherwise count it."""
        name = caller if caller in self._open or len(self._open) < MOST_CALLERS else "others"
        tally = self._open.setdefault(name, Tally(now.replace(second=0, microsecond=0)))
        tally.seen += 1
        if tally.seen <= PER_MINUTE and now < tally.start + timedelta(minutes=1):
            return True
        tally.counts[rpc, reason] += 1
        return False

    def close(self, now: datetime, *, everything: bool = False) -> list[Counted]:
        """Return the counts of the minutes that are over (`everything`: of all) and forget them."""
        minute = now.replace(second=0, microsecond=0)
        over = [caller for caller, tally in self._open.items() if everything or tally.start < minute]
        closed = []
        for caller in over:
            tally = self._open.pop(caller)
            if tally.counts:
                end = min(now, tally.start + timedelta(minutes=1))
                closed.append(Counted(caller, tally.start, max(end, tally.start), dict(tally.counts)))
        return closed
