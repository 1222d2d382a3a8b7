"""The reading of an information request: who asks, on what paper, and what its words say."""

from collections.abc import Mapping
from datetime import date

from city.screening.v1 import employment_facts_pb2, information_request_facts_pb2, reading_pb2

from screening.reading.convictions import RECENT_YEARS, permits, serious, serious_charge, years_before
from screening.reading.inspection import due
from screening.reading.lexicon import Found, Lexicon
from screening.reading.organisation import Organisation

InformationRequestFacts = information_request_facts_pb2.InformationRequestFacts
InformationReading = reading_pb2.InformationReading

_FLAGS = (
    "instrument_defective",
    "administrative_title",
    "immigration_mission",
    "drifts_to_civil_arrests",
    "exigency_claimed",
    "clets",
    "served_on_vendor",
    "enforcement_unit",
    "care_area",
    "bulk",
    "other_crime",
)
_TEXTS = {
    "issuing_court",
    "offense",
    "instrument_title",
    "form",
    "ncic_file",
    "mission",
    "purpose_evidence",
    "stated_purpose",
    "planned_activity",
    "requester_claims",
    "incident",
    "system",
    "known_customer",
    "holder",
    "requester_unit",
    "site",
    "encounter",
    "scope",
}


def texts(facts: InformationRequestFacts) -> dict[str, list[str]]:
    """Return the free text of a request by fact name."""
    given = {name: [value] for field, value in facts.ListFields() if (name := field.name) in _TEXTS}
    given["instrument_defects"] = list(facts.instrument_defects)
    if facts.task_force.primary_purpose:
        given["task_force.primary_purpose"] = [facts.task_force.primary_purpose]
    return given


def read(
    facts: InformationRequestFacts,
    lexicon: Lexicon,
    requester: Organisation | None,
    *,
    near_miss: bool,
    as_of: date,
) -> tuple[list[InformationReading], dict[str, Found]]:
    """Read a request: one reading for each thing that the requester may be, and what was found in which words.

    The declared agency is the first reading; where the registry takes the written name for another agency, that is a
    second one, and the stricter answer of the two is given.
    """
    found = lexicon.read("information_request", texts(facts))
    reading = _reading(facts, found, lexicon, as_of)
    reading.near_miss = near_miss
    reading.requester_agency = facts.requester_agency
    if not requester or requester.requester_agency in (0, facts.requester_agency):
        return [reading], found
    other = InformationReading()
    other.CopyFrom(reading)
    other.requester_agency = requester.requester_agency
    return [reading, other], found


def _reading(
    facts: InformationRequestFacts, found: Mapping[str, Found], lexicon: Lexicon, as_of: date
) -> InformationReading:
    reading = InformationReading()
    for flag in _FLAGS:
        if flag in found and found[flag].value == "true":
            setattr(reading, flag, True)
    _add_named(reading, found)
    if facts.HasField("named_person_matches") and not facts.named_person_matches:
        reading.instrument_defective = True
    reading.purpose_documented = _documented(facts, found)
    reading.state_permits_notification, reading.state_permits_transfer = permits(facts, lexicon, as_of)
    reading.serious_conviction = serious(facts, lexicon)
    reading.recent_serious_conviction = serious(facts, lexicon, since=years_before(as_of, RECENT_YEARS))
    reading.serious_charge = serious_charge(facts, lexicon)
    if facts.HasField("received"):
        received = date(facts.received.year, facts.received.month, facts.received.day)
        is_due = due(received, as_of)
        reading.inspection_due = employment_facts_pb2.ANSWER_YES if is_due else employment_facts_pb2.ANSWER_NO
    return reading


def _add_named(reading: InformationReading, found: Mapping[str, Found]) -> None:
    if "issuing_court" in found:
        reading.issuing_court = reading_pb2.Court.Value(f"COURT_{found['issuing_court'].value}")
    if "offense" in found:
        reading.offense = reading_pb2.OffenseClass.Value(f"OFFENSE_CLASS_{found['offense'].value}")
    if "ncic_file" in found:
        reading.ncic_file = reading_pb2.NcicFile.Value(f"NCIC_FILE_{found['ncic_file'].value}")
    if "incident" in found:
        reading.incident = reading_pb2.Incident.Value(f"INCIDENT_{found['incident'].value}")
    if "customer" in found:
        reading.customer = reading_pb2.Customer.Value(f"CUSTOMER_{found['customer'].value}")


def _documented(facts: InformationRequestFacts, found: Mapping[str, Found]) -> bool:
    """Say whether an offence or evidence supports the purpose.

    Words that say nothing are no evidence, and no evidence speaks for an offence that is stated but not understood.
    """
    evidence = found["purpose_documented"].value if "purpose_documented" in found else ""
    understood = "offense" in found and found["offense"].value == "UNRELATED"
    return evidence != "false" and (understood or (evidence == "true" and not facts.offense))
