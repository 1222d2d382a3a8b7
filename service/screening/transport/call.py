"""One call in progress, as the wrapper of all calls hands it to the servicers."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from city.screening.v1 import decision_pb2

from screening.callers import Caller
from screening.screen import Answer
from screening.telemetry import attributes as names
from screening.telemetry.trace import CallTrace

OUTCOMES = {number: name.removeprefix("OUTCOME_") for name, number in decision_pb2.Outcome.items()}


@dataclass
class Call:
    """One call in progress."""

    rpc: str
    caller: Caller
    known: bool
    """The caller has proven who it is; otherwise `caller` has no rights and bears its address as a name."""
    trace: CallTrace
    began: float
    count: Callable[[str, str, Answer], None]
    """Counts a decision, by rpc and outcome."""
    time_left: Callable[[], float | None]
    """Returns the seconds until the caller's deadline; None: it has none."""
    outcomes: Counter[str] = field(default_factory=Counter)
    answer: Answer | None = None
    failed_items: int = 0
    faults: set[str] = field(default_factory=set)
    """Classes of unforeseen errors that its items met, each of which is logged once."""
    held: int = 0
    """Decisions in flight that it counts for."""

    def answered(self, answer: Answer, trace: CallTrace | None = None) -> bytes:
        """Note a decision that is answered, and return it as the caller gets it.

        One that is not ALLOW is a span inside `trace`, if that is the trace of several.
        """
        self.answer = answer
        outcome = OUTCOMES.get(answer.decision.outcome, "UNSPECIFIED")
        self.outcomes[outcome] += 1
        self.count(self.rpc, outcome, answer)
        if trace and outcome != "ALLOW":
            trace.note(answer.decision_id, (names.OUTCOME, outcome), (names.RULES, answer.rules))
        return answer.serialized

    @property
    def only_allowed(self) -> bool:
        """Say whether all that was asked, if anything, was answered with ALLOW."""
        return not self.failed_items and self.outcomes.keys() <= {"ALLOW"}
