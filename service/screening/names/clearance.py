"""A reviewer's recorded "not the same": this written name is not that entity.

A clearance takes one near miss of one name away and nothing else. It ends on its day, and when the registry entry is
no longer the one that the reviewer saw. It never takes a match away: a match is mended in the registry itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from screening.names.entity import Entity
from screening.yamlfile import Entry, parse

CLEARANCES_FILE = "clearances.yaml"
LONGEST = timedelta(days=731)
_FIELDS = frozenset(("name", "entity", "entry", "why", "proposed_by", "approved_by", "recorded", "expires"))


@dataclass(frozen=True)
class Clearance:
    """One clearance: in force from the day it was recorded (inclusive) until it expires (exclusive)."""

    name: str
    """The written name that is cleared."""
    entity: str
    entry: str
    """SHA-256 of the registry entry that the reviewer saw."""
    why: str
    proposed_by: str
    approved_by: str
    recorded: date
    expires: date

    @property
    def told(self) -> str:
        """Say who cleared it, why, and until when."""
        return (
            f"cleared on {self.recorded} by {self.proposed_by}, approved by {self.approved_by}, "
            f"until {self.expires}: {self.why}"
        )

    def lapsed(self, entity: Entity, as_of: date | None) -> str:
        """Return why the clearance does not count on a day; empty if it does. Without a day, only the entry counts."""
        if entity.digest != self.entry:
            return "the registry entry has changed since"
        if as_of and as_of < self.recorded:
            return f"recorded only on {self.recorded}"
        if as_of and as_of >= self.expires:
            return f"expired on {self.expires}"
        return ""


def load(text: str, entities: Mapping[str, Entity]) -> tuple[Clearance, ...]:
    """Load the clearances from the text of their file; none if there is none. Raises DataFileError with the line."""
    return tuple(_clearances(parse(text, CLEARANCES_FILE), entities)) if text else ()


def _clearances(document: Entry, entities: Mapping[str, Entity]) -> Iterator[Clearance]:
    seen: set[tuple[str, str]] = set()
    for entry in document.only({"clearances"}).entries("clearances"):
        clearance = _clearance(entry.only(_FIELDS))
        if clearance.entity not in entities:
            raise entry.fail(f"no entity '{clearance.entity}'", "Name an entity of the registry")
        if (clearance.name.casefold(), clearance.entity) in seen:
            raise entry.fail("this name is cleared of this entity twice", "Remove the older entry")
        seen.add((clearance.name.casefold(), clearance.entity))
        yield clearance


def _clearance(entry: Entry) -> Clearance:
    recorded, expires = entry.day("recorded"), entry.day("expires")
    if not recorded or not expires or not recorded < expires <= recorded + LONGEST:
        raise entry.fail("'recorded' and 'expires' are not two days at most two years apart", "Give both")
    clearance = Clearance(
        entry.text("name"),
        entry.text("entity"),
        entry.text("entry"),
        entry.text("why"),
        entry.text("proposed_by"),
        entry.text("approved_by"),
        recorded,
        expires,
    )
    if clearance.proposed_by.casefold() == clearance.approved_by.casefold():
        raise entry.fail("proposed and approved by the same person", "A second person approves")
    return clearance
