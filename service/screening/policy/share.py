"""Shares of the questions, small enough to look at whole: a question is in exactly one.

Questions are shared out by what is asked for: an act of each kind, and each category of data, whatever the kind.
Categories that no rule tells apart are one share. In each share most rules have nothing to say, so it is small.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from screening.facts import vocabulary
from screening.policy.condition import atoms
from screening.policy.invariant import Invariant
from screening.policy.law import Pack
from screening.policy.rule import Duty, Rule

_KIND, _CATEGORY = "facts.request_kind", "item.category"


@dataclass(frozen=True)
class Share:
    """A share of the questions of a subject."""

    subject: str
    known: Mapping[str, str]
    """Facts by path that are the same in all its questions; empty text is absent."""
    many: int
    """Categories for which the one that is named stands."""

    @property
    def name(self) -> str:
        """Return its name for people."""
        return self.known.get(_CATEGORY) or self.known.get(_KIND) or self.subject


def shares(pack: Pack, invariants: Sequence[Invariant]) -> list[Share]:
    """Return the shares that together are all questions of a pack."""
    subject = "information_request"
    kinds, categories = vocabulary(subject)[_KIND].values, vocabulary(subject)[_CATEGORY].values
    assert kinds is not None
    assert categories is not None
    provisions: list[Rule | Duty] = [*pack.rules, *pack.duties]
    conditions = [each.when for each in provisions if each.subject == subject]
    conditions += [part for each in invariants if each.subject == subject for part in (each.when, each.exempt)]
    read = set().union(*map(atoms, conditions))
    named = sorted({atom.values for atom in read if atom.path == _CATEGORY and atom.values})
    alike: dict[tuple[bool, ...], list[str]] = {}
    for category in categories.number:
        alike.setdefault(tuple(category in values for values in named), []).append(category)
    found = [Share("employment", {}, 1)] if any(rule.subject == "employment" for rule in pack.rules) else []
    found += [Share(subject, {_KIND: kind, _CATEGORY: ""}, 1) for kind in kinds.number]
    return found + [Share(subject, {_CATEGORY: each[0]}, len(each)) for each in alike.values()]
