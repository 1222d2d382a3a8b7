"""The registry: organisations that enforce immigration law, help to, or are easily mistaken for such."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from city.screening.v1 import employment_facts_pb2, information_request_facts_pb2, reading_pb2

from screening.yamlfile import Entry, parse

EmployerKind: TypeAlias = employment_facts_pb2.EmployerKind.ValueType
RequesterAgency: TypeAlias = information_request_facts_pb2.RequesterAgency.ValueType
EnforcementGrade: TypeAlias = reading_pb2.EnforcementGrade.ValueType

_FIELDS = frozenset(
    [
        "id",
        "name",
        "kind",
        "parent",
        "parent_name",
        "grade",
        "directness",
        "employer_kind",
        "requester_agency",
        "uniformed_service",
        "facility",
        "roles",
        "aliases",
        "weak_aliases",
        "collision_prone",
        "domains",
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
_KINDS = ("agency", "component", "sub_unit", "not_enforcement", "contractor", "partner_agency")
_BY_KIND = {
    "contractor": employment_facts_pb2.EMPLOYER_KIND_CONTRACTOR,
    "partner_agency": employment_facts_pb2.EMPLOYER_KIND_OTHER_LAW_ENFORCEMENT,
}
_CUSTODY_ROLES = frozenset(("detention", "transport", "removal", "guard", "escort", "custody-staffing", "charter"))


@dataclass(frozen=True)
class Entity:
    """One organisation."""

    id: str
    name: str
    kind: str
    parent: str
    grade: EnforcementGrade
    employer_kind: EmployerKind
    requester_agency: RequesterAgency
    roles: frozenset[str]
    aliases: tuple[str, ...]
    weak_aliases: tuple[str, ...]
    collision_prone: bool
    domains: tuple[str, ...]
    uniformed_service: bool
    facility: bool
    detention_operator: bool
    agreement_287g: bool
    immigration_court: bool
    best_source: str


@dataclass(frozen=True)
class Registry:
    """All entities by id."""

    entities: Mapping[str, Entity] = field(repr=False)

    @classmethod
    def load(cls, files: Mapping[str, str]) -> "Registry":
        """Load registry files, given as text by file name. Raises DataFileError; an empty registry is one."""
        entries: dict[str, Entry] = {}
        for name, text in sorted(files.items()):
            document = parse(text, name).only({"entities"})
            if not document.entries("entities"):
                raise document.fail("the registry file has no entity", "Restore it, or remove the file")
            for entry in document.entries("entities"):
                identity = entry.only(_FIELDS).text("id")
                if identity in entries:
                    raise entry.fail(f"the id '{identity}' stands twice", "Give each entity its own id")
                entries[identity] = entry
        if not entries:
            raise parse("{}", "registry").fail("the registry is empty", "Restore the files in registry/")
        registry = cls({identity: _entity(entry, entries) for identity, entry in entries.items()})
        _check_aliases(registry.entities.values(), entries)
        return registry


def _entity(entry: Entry, entries: Mapping[str, Entry]) -> Entity:
    line = list(_ancestry(entry, entries))
    kind = entry.text("kind")
    if kind not in _KINDS:
        raise entry.fail(f"unknown kind '{kind}'", f"Use one of: {', '.join(_KINDS)}")
    roles = frozenset(entry.texts("roles"))
    custody = bool(roles & _CUSTODY_ROLES)
    return Entity(
        id=entry.text("id"),
        name=entry.text("name"),
        kind=kind,
        parent=str(entry.get("parent", "")),
        grade=_enum(entry, reading_pb2.EnforcementGrade, "ENFORCEMENT_GRADE_", entry.text("grade").upper()),
        employer_kind=_employer_kind(line),
        requester_agency=_requester_agency(line),
        roles=roles,
        aliases=entry.texts("aliases"),
        weak_aliases=entry.texts("weak_aliases"),
        collision_prone=bool(entry.get("collision_prone", False)),
        domains=entry.texts("domains"),
        uniformed_service=bool(entry.get("uniformed_service", False)),
        facility=bool(entry.get("facility", False)),
        detention_operator=custody and (kind == "contractor" or bool(entry.get("facility", False))),
        agreement_287g=kind == "partner_agency",
        immigration_court=any(ancestor["id"] == "eoir" for ancestor in line),
        best_source=entry.text("best_source"),
    )


def _ancestry(entry: Entry, entries: Mapping[str, Entry]) -> Iterable[Entry]:
    """Yield the entry, its parent, and so on to the top."""
    seen: set[str] = set()
    while True:
        identity = entry.text("id")
        if identity in seen:
            raise entry.fail("the parents form a circle", "Break it")
        seen.add(identity)
        yield entry
        parent = entry.get("parent")
        if not parent:
            return
        if parent not in entries:
            raise entry.fail(f"the parent '{parent}' does not exist", "Register it, or use parent_name")
        entry = entries[parent]


def _employer_kind(line: list[Entry]) -> EmployerKind:
    for ancestor in line:
        if "employer_kind" in ancestor:
            kinds = employment_facts_pb2.EmployerKind
            found: EmployerKind = _enum(ancestor, kinds, "EMPLOYER_KIND_", ancestor.text("employer_kind"))
            return found
        if ancestor["kind"] in _BY_KIND:
            return _BY_KIND[ancestor["kind"]]
    raise line[0].fail("neither the entity nor a parent has an employer_kind", "Add one")


def _requester_agency(line: list[Entry]) -> RequesterAgency:
    for ancestor in line:
        if "requester_agency" in ancestor:
            agencies = information_request_facts_pb2.RequesterAgency
            found: RequesterAgency = _enum(ancestor, agencies, "REQUESTER_AGENCY_", ancestor.text("requester_agency"))
            return found
        if ancestor["kind"] == "partner_agency":
            return information_request_facts_pb2.REQUESTER_AGENCY_OUT_OF_STATE_POLICE
    return information_request_facts_pb2.REQUESTER_AGENCY_UNSPECIFIED


def _enum(entry: Entry, enum: Any, prefix: str, name: str) -> Any:  # the enum wrappers share no base
    try:
        return enum.Value(prefix + name)
    except ValueError:
        raise entry.fail(f"unknown value '{name}'", "Use a value of the vocabulary in proto/") from None


def _check_aliases(entities: Iterable[Entity], entries: Mapping[str, Entry]) -> None:
    owner: dict[str, str] = {}
    for entity in entities:
        for alias in (entity.name, *entity.aliases):
            other = owner.setdefault(alias.casefold(), entity.id)
            if other != entity.id:
                raise entries[entity.id].fail(f"the alias '{alias}' belongs to '{other}' too", "Leave it to one")
