import json
from pathlib import Path

import pytest
from city.screening.v1 import employment_facts_pb2
from screening_client import FormError, employment_request, information_request

from tests.factories import ADDRESS_REQUEST, ORDINARY_JOB

SCENARIOS = Path(__file__).parents[2] / "cases/scenarios.jsonl"


def test_every_case_of_the_research_file_is_in_the_vocabulary() -> None:
    """One set of words for API, law files, records and tests."""
    for line in SCENARIOS.read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        make = employment_request if case["rpc"] == "ScreenEmployment" else information_request
        make(case["facts"])


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("unpaid_leave", "UNPAID_LEAVE"),
        ("retired from ICE", "RETIRED"),
        ("spouse employed, employee not", "SPOUSE_EMPLOYED"),
        ("LAPD reserve officer", "RESERVE_OFFICER"),
        ("not yet hired", "NOT_YET_HIRED"),
        ("Investment only", "INVESTMENT_ONLY"),
    ],
)
def test_usual_wordings_of_a_status_are_understood(written: str, name: str) -> None:
    """As people write them."""
    request = employment_request({**ORDINARY_JOB, "employment_status": written})
    assert employment_facts_pb2.EmploymentStatus.Name(request.facts.employment_status) == f"EMPLOYMENT_STATUS_{name}"


@pytest.mark.parametrize("written", ["active, retired from the navy", "works for spouse", "not retired", "?"])
def test_a_status_is_never_guessed_from_one_word(written: str) -> None:
    """A status can make an answer milder."""
    with pytest.raises(FormError, match="employment_status"):
        employment_request({**ORDINARY_JOB, "employment_status": written})


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"employee_class": "wizard"}, "facts.employee_class"),
        ({"paid": "perhaps"}, "facts.paid"),
        ({"no_such_fact": "x"}, "facts.no_such_fact"),
        ({"military_orders": "maybe"}, "facts.military_orders"),
        ({"as_of": "tomorrow"}, "as_of"),
        ({"duties": 5}, "facts.duties"),
        ({"role": ["a"]}, "facts.role"),
        ({"person_ref": "x"}, "person_ref"),
    ],
)
def test_a_wrong_cell_names_its_field_and_not_its_content(change: dict[str, object], field: str) -> None:
    """A clerk finds the cell; a log finds no person."""
    with pytest.raises(FormError) as raised:
        employment_request({**ORDINARY_JOB, **change})
    assert raised.value.field == field


def test_nested_and_listed_facts_are_read() -> None:
    """Task forces, convictions, dates, lists written with semicolons."""
    request = information_request(
        {
            **ADDRESS_REQUEST,
            "task_force": {"primary_purpose": "narcotics", "local_policy_allows": True},
            "convictions": [{"offense": "burglary", "level": "felony", "date": "2015-01-01"}],
            "received": "2026-11-16",
            "data_categories": "phone; home_address",
            "requested_days": "2",
            "charge": None,
        }
    )
    assert request.facts.convictions[0].date.year == 2015
    assert len(request.facts.data_categories) == 2
    assert request.facts.requested_days == 2
    assert not request.facts.HasField("charge")


def test_public_by_category_or_for_all() -> None:
    """Both ways of the research file."""
    by_category = information_request({**ADDRESS_REQUEST, "public_already": {"phone": True, "home_address": False}})
    assert len(by_category.facts.public_categories) == 1
    assert information_request({**ADDRESS_REQUEST, "public_already": True}).facts.public_already
    nothing = information_request({**ADDRESS_REQUEST, "public_already": {"phone": False}})
    assert nothing.facts.HasField("public_already")
    assert not nothing.facts.public_already
