"""One entry of a registry file to the entity that it registers. Each mistake is a DataFileError with the line."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from city.screening.v1 import employment_facts_pb2, information_request_facts_pb2, reading_pb2

from screening.names.entity import (
    COMPONENT_OF,
    PARTNER_OF,
    RELATIONS,
    SUBSIDIARY_OF,
    Alias,
    EmployerKind,
    Entity,
    Relation,
    RequesterAgency,
)
from screening.yamlfile import Entry

_KINDS = ("agency", "component", "sub_unit", "not_enforcement", "contractor", "partner_agency")
_SOURCES = ("official", "dataset", "press", "mirror", "knowledge")
_BY_KIND = {
    "contractor": employment_facts_pb2.EMPLOYER_KIND_CONTRACTOR,
    "partner_agency": employment_facts_pb2.EMPLOYER_KIND_OTHER_LAW_ENFORCEMENT,
}
_CUSTODY_ROLES = frozenset(("detention", "transport", "removal", "guard", "escort", "custody-staffing", "charter"))


def registered(entry: Entry, entries: Mapping[str, Entry]) -> Entity:
    """Return the entity of an entry; `entries` are all, by id."""
    line = list(_ancestry(entry, entries))
    kind = _choice(entry, "kind", _KINDS)
    best_source = _choice(entry, "best_source", _SOURCES)
    roles = frozenset(entry.texts("roles"))
    relations = _relations(entry, entries, kind)
    facility = bool(entry.get("facility", False))
    return Entity(
        id=entry.text("id"),
        name=entry.text("name"),
        kind=kind,
        parent=str(entry.get("parent", "")),
        grade=_enum(entry, reading_pb2.EnforcementGrade, "ENFORCEMENT_GRADE_", entry.text("grade").upper()),
        employer_kind=_employer_kind(line),
        requester_agency=_requester_agency(line),
        roles=roles,
        aliases=tuple(_aliases(entry, best_source)),
        relations=relations,
        state=str(entry.get("state", "")),
        collision_prone=bool(entry.get("collision_prone", False)),
        domains={
            **dict.fromkeys(entry.texts("domains_unchecked"), False),
            **dict.fromkeys(entry.texts("domains"), True),
        },
        uniformed_service=bool(entry.get("uniformed_service", False)),
        facility=facility,
        detention_operator=bool(roles & _CUSTODY_ROLES) and (kind == "contractor" or facility),
        agreement_287g=any(relation.kind == PARTNER_OF for relation in relations),
        immigration_court=any(ancestor["id"] == "eoir" for ancestor in line),
        best_source=best_source,
        sources=entry.texts("sources"),
        valid_from=_day(entry, "valid_from"),
        valid_to=_day(entry, "valid_to"),
        note=str(entry.get("note", "")),
        line=(entry.file, entry.line),
        digest=hashlib.sha256(json.dumps(entry, sort_keys=True, default=str).encode()).hexdigest(),
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


def _relations(entry: Entry, entries: Mapping[str, Entry], kind: str) -> tuple[Relation, ...]:
    """Return the relation to the parent, if there is one, and those that are listed."""
    found = []
    if parent := entry.get("parent"):
        found.append(Relation(SUBSIDIARY_OF if kind == "contractor" else COMPONENT_OF, parent))
    for listed in entry.entries("relations"):
        for relation, other in listed.only(RELATIONS).items():
            if other not in entries:
                raise listed.fail(f"{relation} '{other}': no such entity", "Register it, or remove the relation")
            found.append(Relation(relation, other))
    return tuple(found)


def _aliases(entry: Entry, best_source: str) -> Iterator[Alias]:
    """Yield the names of an entity; one without a source of its own rests on the entity's."""
    yield Alias(entry.text("name"), best_source)
    for listed, weak in (("aliases", False), ("weak_aliases", True)):
        values = entry.get(listed, [])
        if not isinstance(values, list):
            raise entry.fail(f"'{listed}' is not a list", f"Start each of {listed} with a dash")
        for value in values:
            if isinstance(value, Entry):
                value.only({"alias", "source", "valid_from", "valid_to"})
                source = _choice(value, "source", _SOURCES) if "source" in value else best_source
                yield Alias(value.text("alias"), source, weak, _day(value, "valid_from"), _day(value, "valid_to"))
            elif isinstance(value, str) and value.strip():
                yield Alias(value, best_source, weak)
            else:
                raise entry.fail(f"an entry of '{listed}' is no name", "Write a text, or alias: with source:")


def _day(entry: Entry, key: str) -> date | None:
    """Return a day that may be given as a year or a month, whose first day is meant; None if absent."""
    value = entry.get(key)
    if value is None or type(value) is date:
        return value
    text = f"{value}-01-01"[:10] if len(str(value)) == 4 else f"{value}-01"[:10]  # noqa: PLR2004
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise entry.fail(f"'{key}' is not a date", "Write it as 2018-01-01, 2018-01 or 2018") from None


def _choice(entry: Entry, key: str, allowed: tuple[str, ...]) -> str:
    value = entry.text(key)
    if value not in allowed:
        raise entry.fail(f"unknown {key} '{value}'", f"Use one of: {', '.join(allowed)}")
    return value


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
