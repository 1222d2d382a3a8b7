"""The `when` lists of law files, and the terms that they share, to conditions.

when:
  - is: immigration_agency              # a term
  - facts.purpose == UNKNOWN            # an atom
  - any: [...]                          # also every: and none:
"""

from collections.abc import Iterable
from functools import cache

from screening.facts import vocabulary
from screening.policy.condition import Atom, Condition, ConditionError, Every, Negation, Some, parse_atom
from screening.policy.program import compile_atoms
from screening.yamlfile import Entry

_CONNECTIVES = ("every", "any", "none", "is", "is_not")


class Terms:
    """The terms of one subject; parses conditions that use them."""

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self._terms: dict[str, Entry] = {}

    def add(self, entries: Iterable[Entry]) -> None:
        """Add the terms of a file. Raises DataFileError."""
        for entry in entries:
            name = entry.only({"term", "means", "when"}).text("term")
            entry.text("means")
            if name in self._terms:
                raise entry.fail(f"the term '{name}' is defined twice", "Remove one definition")
            self._terms[name] = entry

    def check(self) -> None:
        """Parse every term, also those that no rule uses. Raises DataFileError."""
        for name, entry in self._terms.items():
            self.condition(entry, entry.get("when"), (name,))

    def meanings(self) -> dict[Condition, str]:
        """Return what each term means in words, by the condition that it stands for."""
        return {
            self.condition(entry, entry.get("when"), (name,)): entry.text("means")
            for name, entry in self._terms.items()
        }

    def condition(self, at: Entry, given: object, within: tuple[str, ...] = ()) -> Condition:
        """Parse a condition; `within` are the terms being expanded. Raises DataFileError at the entry `at`."""
        if isinstance(given, list):
            if not given:
                raise at.fail(
                    "a condition list is empty", "An empty list would hold for everything; write a condition", "when"
                )
            parts = tuple(self.condition(at, part, within) for part in given)
            return parts[0] if len(parts) == 1 else Every(parts)
        if isinstance(given, str):
            return self._atom(at, given)
        if isinstance(given, Entry) and len(given) == 1 and (connective := next(iter(given))) in _CONNECTIVES:
            return self._connective(given, connective, within)
        raise at.fail("a condition is missing or is not a list, an atom or a connective", "Write when: [...]")

    def _atom(self, at: Entry, text: str) -> Atom:
        try:
            return _checked(self.subject, text)
        except ConditionError as error:
            raise at.fail(str(error), "See the forms and facts in policy/condition.py and proto/", "when") from None
        except RuntimeError:
            raise at.fail(f"CEL refuses '{text}'", "Check fact and value names against proto/", "when") from None

    def _connective(self, entry: Entry, connective: str, within: tuple[str, ...]) -> Condition:
        given = entry[connective]
        if connective in ("is", "is_not"):
            meaning = self._term(entry, entry.text(connective), within)
            return meaning if connective == "is" else Negation(meaning)
        if not isinstance(given, list) or not given:
            raise entry.fail(f"'{connective}' needs a list that is not empty", f"Write {connective}: [one, two]")
        parts = tuple(self.condition(entry, part, within) for part in given)
        match connective:
            case "every":
                return Every(parts)
            case "any":
                return Some(parts)
            case _:
                return Negation(Some(parts))

    def _term(self, at: Entry, name: str, within: tuple[str, ...]) -> Condition:
        if name not in self._terms:
            raise at.fail(f"there is no term '{name}'", "Define it under terms:")
        if name in within:
            raise at.fail(f"the term '{name}' means itself", "Break the circle")
        entry = self._terms[name]
        return self.condition(entry, entry.get("when"), (*within, name))


@cache
def _checked(subject: str, text: str) -> Atom:
    """Parse an atom and let CEL check its types."""
    atom = parse_atom(text, vocabulary(subject))
    compile_atoms(subject, [atom])
    return atom
