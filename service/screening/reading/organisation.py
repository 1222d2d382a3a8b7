"""What the readings need to know of a registered organisation; the registry's entities have it."""

from typing import Protocol

from city.screening.v1 import employment_facts_pb2, information_request_facts_pb2, reading_pb2


class Organisation(Protocol):
    """A registered organisation, as far as law cares."""

    @property
    def employer_kind(self) -> employment_facts_pb2.EmployerKind.ValueType:
        """Return what it is as an employer."""

    @property
    def requester_agency(self) -> information_request_facts_pb2.RequesterAgency.ValueType:
        """Return what it is as a requester; 0 where the vocabulary has no word for it."""

    @property
    def grade(self) -> reading_pb2.EnforcementGrade.ValueType:
        """Return its part in immigration enforcement."""

    @property
    def facility(self) -> bool:
        """Say whether it is itself a place of detention."""

    @property
    def detention_operator(self) -> bool:
        """Say whether it detains or transports people for immigration authorities."""

    @property
    def agreement_287g(self) -> bool:
        """Say whether it has an agreement under 8 USC 1357(g)."""

    @property
    def uniformed_service(self) -> bool:
        """Say whether it is a uniformed service."""

    @property
    def immigration_court(self) -> bool:
        """Say whether it is the immigration court system or part of it."""
