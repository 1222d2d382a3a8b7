"""What a set of rules answers, for every combination of a space at once.

The combining rule is the engine's own: the folds of `combine.py`, applied to functions instead of to single truths.
"""

from collections.abc import Callable, Collection, Mapping
from functools import cache, reduce

from screening.policy.combine import SILENCE, Possible, agreed, displaced, heard, ranked
from screening.policy.condition import FALSE, TRUE, Condition
from screening.policy.diagram import Function
from screening.policy.rule import REVIEW, Outcome, Rank, Rule
from screening.policy.space import Space


class Answers:
    """The answer of some rules, with their conditions, everywhere in a space that has been made of them."""

    def __init__(self, space: Space, rules: Mapping[Rule, Condition]) -> None:
        self.space = space
        self.rules = rules
        self._apply = space.diagrams.apply
        self._exceptions: dict[str, list[Rule]] = {}
        for rule in rules:
            for other in rule.exception_to:
                self._exceptions.setdefault(other, []).append(rule)
        self._settled: dict[Rule, Function] = {}
        ranks = dict.fromkeys(Rank, space.diagrams.leaf(SILENCE))
        for rule in rules:
            if rule.outcome is not None:
                ranks[rule.rank] = self._apply(_hearing(rule.outcome), ranks[rule.rank], self.settled(rule))
        self.possible = ranked(ranks, self._apply)
        """Every answer that some completion of the missing facts could give, everywhere."""
        self.outcome = space.diagrams.image(_answer, self.possible)
        """The outcome, everywhere."""

    def settled(self, rule: Rule) -> Function:
        """Return the truth of a rule beside its exceptions, everywhere."""
        made = self._settled.get(rule)
        if made is None:
            exceptions = (self.settled(exception) for exception in self._exceptions.get(rule.id, ()))
            own = self.space.truth(self.rules[rule])
            made = reduce(lambda code, exception: self._apply(displaced, code, exception), exceptions, own)
            self._settled[rule] = made
        return made

    def is_decisive(self, rule: Rule) -> bool:
        """Say whether a rule gives the outcome somewhere: it holds, none of a higher rank does, and its answer is given."""
        diagrams = self.space.diagrams
        if rule.outcome is None:
            return self.settled(rule) != diagrams.leaf(FALSE)
        speaks = self._apply(_speaks, self.settled(rule), self._holds_above(rule.rank, rule.outcome))
        return diagrams.both(speaks, self.given({rule.outcome})) != diagrams.leaf(False)  # noqa: FBT003  # a value

    def given(self, outcomes: Collection[Outcome]) -> Function:
        """Return where the outcome is one of some."""
        return self.space.diagrams.image(_among(frozenset(outcomes)), self.outcome)

    @cache  # noqa: B019  # lives as long as the space, which is one task of a proof
    def _holds_above(self, rank: Rank, outcome: Outcome) -> Function:
        """Return where a rule of a higher rank holds; OPENING gives way to what is milder."""
        above = [
            rule
            for rule in self.rules
            if rule.rank < rank
            and rule.outcome is not None
            and (rule.rank is not Rank.OPENING or rule.outcome == outcome)
        ]
        return reduce(
            lambda found, rule: self._apply(_either_true, found, self.settled(rule)),
            above,
            self.space.diagrams.leaf(FALSE),
        )


def _answer(possible: Possible) -> Outcome:
    answer = agreed(possible)
    return REVIEW if answer is None else answer


def _speaks(code: int, above: int) -> bool:
    return code == TRUE and above != TRUE


def _either_true(found: int, code: int) -> int:
    return TRUE if TRUE in (found, code) else FALSE


@cache
def _among(outcomes: frozenset[Outcome]) -> Callable[[Outcome], bool]:
    return outcomes.__contains__


@cache
def _hearing(outcome: Outcome) -> Callable[[Possible, int], Possible]:
    def hear(possible: Possible, code: int) -> Possible:
        return heard(possible, code, outcome)

    return hear
