"""What a soak says in figures, and what in them must not be."""

import statistics
from dataclasses import dataclass

from tests.soak.load import Load, Second
from tests.soak.soak import Course
from tests.soak.store import Store

CALM_FACTOR, CALM_SECONDS = 2.0, 0.05
"""A second is normal again if its p99 is within this factor of the calm one, or within this much of it."""
BACK_SECONDS = 5.0
GROWTH = 0.05
LONG_SECONDS = 300.0
"""Soaks that are shorter say nothing on memory: the service is still filling what it remembers."""


@dataclass(frozen=True)
class Report:
    """One soak, looked at afterwards."""

    store: Store
    load: Load
    course: Course
    seconds: float

    @property
    def calm(self) -> float:
        """Return the p99 before the first fault, in seconds: the median of the whole seconds."""
        first = self.course.faults[0][1] if self.course.faults else self.course.begin + self.seconds
        quiet = [
            self.load.by_second[at].p99
            for at in range(int(self.course.begin) + 2, int(first))
            if at in self.load.by_second
        ]
        return statistics.median(quiet)

    def back(self, end: float) -> float:
        """Return the seconds from the end of a fault until a second is normal: answered as before, nothing failed."""
        limit = max(self.calm * CALM_FACTOR, self.calm + CALM_SECONDS)
        for at in range(int(end) + 1, int(self.course.begin + self.seconds)):
            second = self.load.by_second.get(at)
            if second and not second.failed and second.p99 <= limit:
                return max(0.0, at - end)
        return float("inf")

    @property
    def memory(self) -> tuple[float, float]:
        """Return the mean memory in bytes of the third tenth and of the last tenth."""
        held = [sample.memory for sample in self.course.samples]
        tenth = len(held) // 10
        return statistics.mean(held[2 * tenth : 3 * tenth + 1]), statistics.mean(held[9 * tenth :])

    @property
    def files(self) -> tuple[int, int]:
        """Return the most open files in the third tenth and in the last."""
        held = [sample.files for sample in self.course.samples]
        tenth = len(held) // 10
        return max(held[2 * tenth : 3 * tenth + 1]), max(held[9 * tenth :])

    def wrong(self) -> list[str]:
        """Return what must never be, whatever the machine; a sentence each."""
        checks = {
            f"{self.course.lost} acknowledged decisions are not in the log": self.course.lost == 0,
            f"calls ended as {sorted(set(self.load.details))}": not self.load.details,
            f"the service did not foresee: {self.course.defects[:5]}": not self.course.defects,
            f"the service ended with exit code {self.course.exit_code}": self.course.exit_code == 0,
            f"the log does not verify: {self.course.wrong}": not self.course.wrong,
        }
        never = [name for name, _, end in self.course.faults if not self._answered_after(end)]
        return [sentence for sentence, holds in checks.items() if not holds] + [
            f"nothing was answered any more after: {name}" for name in never
        ]

    def _answered_after(self, end: float) -> bool:
        return any(second.seconds for at, second in self.load.by_second.items() if at > end)

    def missed(self) -> list[str]:
        """Return the targets of speed and memory that were missed; they depend on the machine."""
        slow = [
            f"{self.back(end):.1f} s until normal after: {name}"
            for name, _, end in self.course.faults
            if self.back(end) > BACK_SECONDS
        ]
        third, last = self.memory
        if self.seconds >= LONG_SECONDS and last > third * (1 + GROWTH):
            slow.append(f"memory grew by {last / third - 1:.1%}")
        return slow

    def lines(self) -> list[str]:
        """Return the figures, one a line."""
        (third, last), (some, end) = self.memory, self.files
        names = list(dict.fromkeys(name for name, _, _ in self.course.faults))
        meanwhile = ", ".join(f"{code} {count}" for code, count in sorted(self.load.codes.items())) or "nothing"
        lines = [
            f"{self.store.name}: {self.seconds:.0f} s at {self.course.rate:.0f} calls/s, calm p99 {self.calm * 1000:.0f} ms",
            f"{len(self.load.acknowledged)} acknowledged decisions, {self.course.lost} lost",
            f"{self.load.vanished} calls whose caller vanished; the law was rewritten {self.course.reloads} times",
            f"not decided meanwhile: {meanwhile}",
            f"memory, third tenth to last: {third / 1e6:.0f} to {last / 1e6:.0f} MB ({last / third - 1:+.1%})",
            f"open files, third tenth to last: {some} to {end}",
        ]
        for name in names:
            back = [self.back(end) for each, _, end in self.course.faults if each == name]
            lines.append(f"{name}, {len(back)} times: normal again within {max(back):.1f} s")
        return lines

    def timeline(self) -> list[str]:
        """Return what each second was like, as lines of CSV with a heading."""
        lines = ["second,answered,failed,p99_ms,callers_late_ms,service_processor_s,memory_mb,fault"]
        used = 0.0
        for sample in self.course.samples:
            second = self.load.by_second.get(int(sample.at), Second())
            faults = [name for name, begin, end in self.course.faults if begin < sample.at <= end]
            p99 = f"{second.p99 * 1000:.0f}" if second.seconds else ""
            lines.append(
                f"{sample.at:.0f},{len(second.seconds)},{second.failed},{p99},{second.late * 1000:.0f},"
                f"{sample.used - used:.2f},{sample.memory / 1e6:.0f},{' '.join(faults)}"
            )
            used = sample.used
        return lines
