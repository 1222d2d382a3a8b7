"""The registry: organisations that enforce immigration law, help to, or are easily mistaken for such."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from screening.names.clearance import CLEARANCES_FILE
from screening.names.entity import Entity
from screening.names.partners import PARTNERS_FILE, partners
from screening.names.registered import registered
from screening.names.vocabulary import WORDS_FILE
from screening.yamlfile import Entry, parse

_FIELDS = frozenset(
    [
        "id",
        "name",
        "kind",
        "parent",
        "parent_name",
        "relations",
        "grade",
        "directness",
        "employer_kind",
        "requester_agency",
        "uniformed_service",
        "facility",
        "roles",
        "state",
        "aliases",
        "weak_aliases",
        "collision_prone",
        "domains",
        "domains_unchecked",
        "codes",
        "valid_from",
        "valid_to",
        "confidence",
        "best_source",
        "evidence",
        "note",
        "sources",
    ]
)


@dataclass(frozen=True)
class Registry:
    """All entities by id."""

    entities: Mapping[str, Entity] = field(repr=False)

    @classmethod
    def load(cls, files: Mapping[str, str]) -> "Registry":
        """Load registry files, given as text by file name. Raises DataFileError; an empty registry is one."""
        entries: dict[str, Entry] = {}
        for entry in _entries(files):
            identity = entry.only(_FIELDS).text("id")
            if identity in entries:
                raise entry.fail(f"the id '{identity}' stands twice", "Give each entity its own id")
            entries[identity] = entry
        if not entries:
            raise parse("{}", "registry").fail("the registry is empty", "Restore the files in registry/")
        registry = cls({identity: registered(entry, entries) for identity, entry in entries.items()})
        _check_aliases(registry.entities.values(), entries)
        return registry

    def ancestors(self, entity: Entity) -> Iterator[Entity]:
        """Yield the parents of an entity, nearest first."""
        while entity.parent:
            entity = self.entities[entity.parent]
            yield entity


def _entries(files: Mapping[str, str]) -> Iterator[Entry]:
    for name, text in sorted(files.items()):
        if name == PARTNERS_FILE:
            yield from partners(text, name)
        elif name.endswith(".yaml") and name not in (WORDS_FILE, CLEARANCES_FILE, "thresholds.yaml"):
            document = parse(text, name).only({"entities"})
            if not document.entries("entities"):
                raise document.fail("the registry file has no entity", "Restore it, or remove the file")
            yield from document.entries("entities")


def _check_aliases(entities: Iterable[Entity], entries: Mapping[str, Entry]) -> None:
    owner: dict[str, str] = {}
    for entity in entities:
        for alias in entity.aliases:
            if alias.weak:
                continue
            written = f"{' '.join(alias.text.casefold().split())} {entity.state}"
            other = owner.setdefault(written, entity.id)
            if other != entity.id:
                raise entries[entity.id].fail(f"the alias '{alias.text}' belongs to '{other}' too", "Leave it to one")
