"""How far the rules reach in one share of the questions: which decide, which disagree, where none speaks.

Gathered over the laws of all days that are looked at.
"""

from collections import Counter
from collections.abc import Mapping
from itertools import combinations

from screening.policy.answers import Answers
from screening.policy.combine import SILENCE
from screening.policy.condition import FALSE, TRUE, Condition
from screening.policy.rule import ALLOW_IN_PART, OUTCOMES, REVIEW, Duty, Outcome


class Reach:
    """What was found so far."""

    def __init__(self, many: int = 1) -> None:
        self._many = many
        """How many real combinations each combination that is looked at stands for."""
        self.decisive: set[str] = set()
        """Ids of the rules that give the outcome somewhere."""
        self.arising: set[str] = set()
        """Ids of the duties that may arise somewhere."""
        self.disagreeing: set[tuple[str, str]] = set()
        """Pairs of rules of one source and rank that hold together with different outcomes, neither an exception."""
        self.outcomes: Counter[Outcome] = Counter()
        """For how many combinations each outcome is given by the last law; their sum is all of them."""
        self.silent = 0
        """For how many combinations no rule of the last law speaks, so that a person decides."""

    def add(self, answers: Answers, duties: Mapping[Duty, Condition]) -> None:
        """Look at one law."""
        for rule in answers.rules:
            if rule.id not in self.decisive and answers.is_decisive(rule):
                self.decisive.add(rule.id)
        for duty, condition in duties.items():
            if duty.id not in self.arising and _arises(answers, duty, condition):
                self.arising.add(duty.id)
        self._add_disagreeing(answers)

    def count(self, answers: Answers) -> None:
        """Count the combinations by what the last law says of them."""
        weights = [variable.weights for variable in answers.space.variables]
        count = answers.space.diagrams.count
        self.outcomes = Counter(
            {outcome: count(answers.outcome, outcome, weights) * self._many for outcome in OUTCOMES.values()}
        )
        self.silent = count(answers.possible, SILENCE, weights) * self._many

    def joined(self, other: "Reach") -> "Reach":
        """Return what was found of two parts of a space together."""
        both = Reach()
        both.decisive = self.decisive | other.decisive
        both.arising = self.arising | other.arising
        both.disagreeing = self.disagreeing | other.disagreeing
        both.outcomes = self.outcomes + other.outcomes
        both.silent = self.silent + other.silent
        return both

    def _add_disagreeing(self, answers: Answers) -> None:
        diagrams = answers.space.diagrams
        for one, other in combinations([rule for rule in answers.rules if rule.outcome is not None], 2):
            alike = (one.source.id, one.rank) == (other.source.id, other.rank)
            excepted = one.id in other.exception_to or other.id in one.exception_to
            if not alike or excepted or one.outcome == other.outcome or (one.id, other.id) in self.disagreeing:
                continue
            if diagrams.apply(_both_true, answers.settled(one), answers.settled(other)) != diagrams.leaf(False):  # noqa: FBT003  # a value
                self.disagreeing.add((one.id, other.id))


def _arises(answers: Answers, duty: Duty, condition: Condition) -> bool:
    """Say whether a duty may arise. The whole request may be REVIEW or ALLOW_IN_PART where a part is not."""
    diagrams = answers.space.diagrams
    arises = diagrams.image(_may_hold, answers.space.truth(condition))
    if not duty.on & {REVIEW, ALLOW_IN_PART}:
        arises = diagrams.both(arises, answers.given(duty.on))
    return arises != diagrams.leaf(False)  # noqa: FBT003  # a value


def _may_hold(code: int) -> bool:
    return code != FALSE


def _both_true(one: int, other: int) -> bool:
    return one == other == TRUE
