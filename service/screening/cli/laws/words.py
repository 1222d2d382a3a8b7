"""Facts, values and standings in plain words."""

from collections.abc import Mapping, Sequence
from typing import Any

from screening.facts import vocabulary
from screening.policy.condition import Condition, Negation
from screening.policy.explanation import Account, Test, Unmet
from screening.policy.rule import Rule
from screening.screen import Question

_FACTS = {
    "facts.request_kind": "the kind of request",
    "item.category": "the kind of data",
    "item.already_public": "whether it is open to everyone",
    "item.coverage": "what the paper covers",
    "facts.instrument": "the paper",
    "facts.signed_by": "who signed the paper",
    "facts.city_unit": "the City unit",
}


class Words:
    """Speaks of the facts of one question as they were given and read."""

    def __init__(self, question: Question, reading: int, place: int, meanings: Mapping[Condition, str]) -> None:
        self._subject = question.subject
        self._said = {"facts": question.facts, "reading": question.readings[reading], "item": question.parts[place]}
        self._meanings = meanings

    def unmet(self, account: Account) -> list[str]:
        """Return a sentence for each fact for which a rule does not hold."""
        return list(dict.fromkeys(line for each in account.unmet for line in self._lines(each)))

    def terms(self, account: Account) -> list[str]:
        """Return what the entries of the rule that do not hold mean, where they are terms of the law."""
        return [meaning for each in account.unmet if (meaning := self._meaning(each.entry))]

    def _meaning(self, entry: Condition) -> str:
        if isinstance(entry, Negation) and entry.part in self._meanings:
            return f"not: {self._meanings[entry.part]}"
        return self._meanings.get(entry, "")

    def _lines(self, unmet: Unmet) -> list[str]:
        by_fact: dict[str, list[Test]] = {}
        for test in unmet.tests:
            by_fact.setdefault(test.atom.path, []).append(test)
        return [self._line(path, tests) for path, tests in by_fact.items()]

    def _line(self, path: str, tests: Sequence[Test]) -> str:
        wanted = " and ".join(dict.fromkeys(_wanted(test) for test in tests))
        return f"{fact_name(path)} is {self.value(path)}; it would have to be {wanted}"

    def value(self, path: str) -> str:
        """Return the value of a fact; free text is never repeated."""
        variable, *names = path.split(".")
        message: Any = self._said[variable]
        for name in names[:-1]:
            message = getattr(message, name)
        fact = vocabulary(self._subject)[path]
        value = getattr(message, names[-1])
        if not value if fact.repeated else not message.HasField(names[-1]):
            return "not given"
        if fact.values:
            shown = [fact.values.name.get(number, "unknown") for number in (value if fact.repeated else [value])]
            return _any_of([each.lower() for each in shown])
        return {True: "yes", False: "no"}[value] if fact.type == "bool" else "given"


def fact_name(path: str) -> str:
    """Return what a fact is called."""
    plain = path.partition(".")[2].replace(".", " ").replace("_", " ")
    return _FACTS.get(path, f"{plain}, as read," if path.startswith("reading.") else plain)


def place_of(rule: Rule) -> str:
    """Return where a rule stands."""
    return f"{rule.source.file}:{rule.line}"


def _wanted(test: Test) -> str:
    if test.atom.text.startswith("has("):
        return "given" if test.wanted else "left open"
    if not test.atom.values:
        return "yes" if test.wanted else "no"
    values = _any_of([value.lower() for value in test.atom.values])
    return values if test.wanted else f"other than {values}"


def _any_of(words: Sequence[str]) -> str:
    plain = [word.replace("_", " ") for word in words]
    return " or ".join([", ".join(plain[:-1]), plain[-1]] if len(plain) > 1 else plain)
