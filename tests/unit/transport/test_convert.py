from datetime import date
from typing import Any

import pytest
from city.screening.v1 import decision_pb2, screening_service_pb2
from google.type import date_pb2
from screening.errors import InvalidField, Unparseable
from screening.screen import Asked, Request
from screening.transport import convert

from tests.factories import employment, request

TODAY = date(2026, 11, 20)
NAMES = {number: name.removeprefix("BASIS_") for name, number in decision_pb2.Basis.items()}


def ask(question: Request) -> Asked:
    """Check a question as of today."""
    return convert.ask(question, today=TODAY, rpc="rpc", caller="caller", trace_id="trace")


def wrong_fields(question: Request) -> list[str]:
    """Return the fields that are found wrong."""
    with pytest.raises(InvalidField) as raised:
        ask(question)
    return [violation.field for violation in raised.value.violations]


def test_a_whole_question_is_accepted_with_its_defaults() -> None:
    """Today, and the City's pack."""
    asked = ask(employment())
    assert (asked.as_of, NAMES[asked.basis], asked.request.policy_pack) == (TODAY, "CURRENT", "la_city")


@pytest.mark.parametrize(
    ("day", "basis"), [("2026-11-20", "CURRENT"), ("2026-11-21", "PREVIEW"), ("2026-11-19", "RETROSPECTIVE")]
)
def test_the_basis_says_which_law_was_asked_for(day: str, basis: str) -> None:
    """Only today's law may be acted on."""
    assert NAMES[ask(employment(as_of=day)).basis] == basis


def test_an_empty_message_names_what_it_lacks() -> None:
    """Facts are required, and in them what is REQUIRED."""
    assert wrong_fields(screening_service_pb2.ScreenEmploymentRequest()) == ["facts"]
    empty = screening_service_pb2.ScreenInformationRequestRequest()
    empty.facts.SetInParent()
    assert wrong_fields(empty) == [
        "facts.city_unit",
        "facts.requester_agency",
        "facts.request_kind",
        "facts.instrument",
        "facts.purpose",
    ]


def broken(name: str) -> Any:
    """Return a question with one thing wrong."""
    question: Any = request()
    form: Any = employment()
    match name:
        case "facts.purpose":
            question.facts.purpose = 999
        case "facts.instrument":
            question.facts.instrument = 0
        case "facts.data_categories[0]":
            question.facts.data_categories.append(0)
        case "facts.data_categories":
            question.facts.data_categories.extend([1] * 65)
        case "facts.mission":
            question.facts.mission = "x" * 501
        case "facts.site":
            question.facts.site = "  "
        case "facts.received":
            question.facts.received.CopyFrom(date_pb2.Date(year=2026, month=2, day=30))
        case "facts.requested_days":
            question.facts.requested_days = -1
        case "facts.convictions[0].offense":
            question.facts.convictions.add(level=1)
        case "facts.task_force.primary_purpose":
            question.facts.task_force.primary_purpose = "y" * 201
        case "as_of":
            question.as_of.CopyFrom(date_pb2.Date(year=1978, month=12, day=31))
        case "request_id":
            question.request_id = "short"
        case "policy_pack":
            question.policy_pack = "../etc"
        case "person_ref":
            question.person_ref = "Jane Doe"
        case "facts.employer_name":
            form.facts.employer_name = "\u00a0\t "
            return form
        case "employee_ref":
            form.employee_ref = ""
            return form
        case "facts.duties[1]":
            form.facts.duties.extend(["fine", "z" * 201])
            return form
    return question


WRONG = [
    "facts.purpose",
    "facts.instrument",
    "facts.data_categories[0]",
    "facts.data_categories",
    "facts.mission",
    "facts.site",
    "facts.received",
    "facts.requested_days",
    "facts.convictions[0].offense",
    "facts.task_force.primary_purpose",
    "as_of",
    "request_id",
    "policy_pack",
    "person_ref",
    "facts.employer_name",
    "employee_ref",
    "facts.duties[1]",
]


@pytest.mark.parametrize("field", WRONG)
def test_each_wrong_field_is_named_by_its_path(field: str) -> None:
    """Unknown and zero enum values, lengths, counts, dates, patterns."""
    assert wrong_fields(broken(field)) == [field]


@pytest.mark.parametrize("name", ["", " ", "\t\n", "\u00a0\u2003", "\u200b\ufeff", "\x00", "x" * 513, "\u00e9" * 513])
def test_a_name_that_shows_nothing_or_is_too_long_is_refused_by_both_questions(name: str) -> None:
    """Up to 512 characters are taken, whatever their bytes."""
    form, question = employment(), request()
    form.facts.employer_name, question.facts.requester_name = name, name
    assert wrong_fields(form) == ["facts.employer_name"]
    assert wrong_fields(question) == ["facts.requester_name"]


def test_the_longest_name_is_accepted_by_both_questions() -> None:
    """Characters are counted, not bytes."""
    form, question = employment(), request()
    form.facts.employer_name = question.facts.requester_name = "\u00e9" * 512
    assert ask(form)
    assert ask(question)


def test_all_wrong_fields_are_named_at_once() -> None:
    """Nobody mends a form one error at a time."""
    question = request()
    question.facts.site = " "
    question.facts.requested_days = 9999
    question.request_id = "?"
    assert set(wrong_fields(question)) == {"request_id", "facts.site", "facts.requested_days"}


def test_the_text_of_a_violation_repeats_nothing_that_was_sent() -> None:
    """Errors travel further than forms."""
    form = employment()
    form.facts.role = "SENTINEL" * 100
    with pytest.raises(InvalidField) as raised:
        ask(form)
    assert "SENTINEL" not in str(raised.value.violations)


@pytest.mark.parametrize("body", [b"\xff\xff\xff", b"\x0a\x05abc", b"\x08"])
def test_bytes_that_are_no_message_are_unparseable(body: bytes) -> None:
    """A truncated or foreign message is refused before anything reads it."""
    with pytest.raises(Unparseable):
        convert.parse(screening_service_pb2.ScreenEmploymentRequest, body)
