"""The reading of an employment form: who the employer is, and what the words of role and duties say."""

from collections.abc import Mapping

from city.screening.v1 import employment_facts_pb2, reading_pb2

from screening.reading.lexicon import Found, Lexicon
from screening.reading.organisation import Organisation

CONTRACTOR = employment_facts_pb2.EMPLOYER_KIND_CONTRACTOR
_FLAGS = (
    "dhs_contract",
    "detention_operator",
    "subcontractor",
    "subpoenaed",
    "enforcement_words",
    "houses_immigration_detainees",
    "bail_recovery",
    "task_force",
    "community_alert",
    "agreement_287g",
    "passive_income",
    "no_duties",
)


def texts(facts: employment_facts_pb2.EmploymentFacts) -> dict[str, list[str]]:
    """Return the free text of a form by fact name."""
    return {
        "employer_name": [facts.employer_name],
        "employer_dhs_contract": [facts.employer_dhs_contract],
        "role": [facts.role],
        "duties": list(facts.duties),
    }


def read(
    facts: employment_facts_pb2.EmploymentFacts,
    lexicon: Lexicon,
    employer: Organisation | None,
    *,
    near_miss: bool,
) -> tuple[list[reading_pb2.EmploymentReading], dict[str, Found]]:
    """Read a form: one reading for each thing that the employer may be, and what was found in which words.

    The registry says what the employer is. A declared kind that differs is a second reading, so that it can make the
    answer stricter and never milder; where the registry is silent, the declared kind stands.
    """
    found = lexicon.read("employment", texts(facts))
    kinds = [employer.employer_kind] if employer else []
    if facts.HasField("employer_kind") and facts.employer_kind not in kinds:
        kinds.append(facts.employer_kind)
    readings = [_reading(found, employer, near_miss=near_miss) for _ in kinds or (0,)]
    for reading, kind in zip(readings, kinds, strict=False):
        reading.employer_kind = kind
    return readings, found


def _reading(
    found: Mapping[str, Found], employer: Organisation | None, *, near_miss: bool
) -> reading_pb2.EmploymentReading:
    reading = reading_pb2.EmploymentReading(near_miss=near_miss)
    for flag in _FLAGS:
        if flag in found and found[flag].value == "true":
            setattr(reading, flag, True)
    if "workplace" in found:
        reading.workplace = reading_pb2.Workplace.Value(f"WORKPLACE_{found['workplace'].value}")
    if "engagement" in found:
        reading.engagement = reading_pb2.Engagement.Value(f"ENGAGEMENT_{found['engagement'].value}")
    words = found["employer_words"].value if "employer_words" in found else ""
    reading.immigration_court = words == "IMMIGRATION_COURT"
    reading.uniformed_service = words == "UNIFORMED_SERVICE"
    reading.military_auxiliary = words == "MILITARY_AUXILIARY"
    if employer:
        _add_registry(reading, employer)
    return reading


def _add_registry(reading: reading_pb2.EmploymentReading, employer: Organisation) -> None:
    reading.employer_grade = employer.grade
    if employer.facility:
        reading.workplace = reading_pb2.WORKPLACE_FACILITY
    reading.dhs_contract = reading.dhs_contract or employer.employer_kind == CONTRACTOR
    reading.detention_operator = reading.detention_operator or employer.detention_operator
    reading.agreement_287g = reading.agreement_287g or employer.agreement_287g
    reading.uniformed_service = reading.uniformed_service or employer.uniformed_service
    reading.immigration_court = reading.immigration_court or employer.immigration_court
