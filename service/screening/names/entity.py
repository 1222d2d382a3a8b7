"""What the registry knows of one organisation."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from city.screening.v1 import employment_facts_pb2, information_request_facts_pb2, reading_pb2

EmployerKind: TypeAlias = employment_facts_pb2.EmployerKind.ValueType
RequesterAgency: TypeAlias = information_request_facts_pb2.RequesterAgency.ValueType
EnforcementGrade: TypeAlias = reading_pb2.EnforcementGrade.ValueType

COMPONENT_OF, SUBSIDIARY_OF = "component-of", "subsidiary-of"
CONTRACTOR_FOR, PARTNER_OF = "contractor-for", "partner-of"
RELATIONS = (COMPONENT_OF, SUBSIDIARY_OF, CONTRACTOR_FOR, PARTNER_OF)


@dataclass(frozen=True)
class Alias:
    """One name of an organisation, where it was seen, and when it was in use: from inclusive, until exclusive."""

    text: str
    source: str
    """The kind of source: official, dataset, press, mirror or knowledge (nobody has checked it)."""
    weak: bool = False
    """Too common to stand alone."""
    valid_from: date | None = None
    valid_to: date | None = None


@dataclass(frozen=True)
class Relation:
    """How an organisation belongs to another."""

    kind: str
    """One of RELATIONS."""
    to: str
    """The other's id."""


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
    aliases: tuple[Alias, ...]
    """All names: the registered one first, weak ones last."""
    relations: tuple[Relation, ...]
    state: str
    """Of a local agency: the state, in small letters without spaces. Empty for all others."""
    collision_prone: bool
    domains: Mapping[str, bool]
    """Domains of the organisation, and whether each was seen in a source."""
    uniformed_service: bool
    facility: bool
    detention_operator: bool
    agreement_287g: bool
    immigration_court: bool
    best_source: str
    sources: tuple[str, ...]
    valid_from: date | None
    valid_to: date | None
    note: str
    line: tuple[str, int]
    """The file and line of the entry."""
    digest: str
    """SHA-256 of the entry's content, in hexadecimal."""

    @property
    def government(self) -> bool:
        """Say whether it is a public body, and no firm."""
        return self.kind != "contractor"
