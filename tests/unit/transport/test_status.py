import inspect

import pytest
from city.screening.v1 import error_reason_pb2
from google.rpc import error_details_pb2
from screening import errors
from screening.errors import InvalidField, Violation
from screening.transport import status


def test_every_call_error_has_a_row_of_its_own() -> None:
    """No error falls through to INTERNAL by oversight."""
    classes = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, errors.CallError)]
    assert [cls for cls in classes if cls is not errors.CallError and cls not in status.TABLE] == []


def test_the_table_and_the_enum_have_the_same_reasons() -> None:
    """Each documented reason exists, and each that exists is documented."""
    named = {name.removeprefix("ERROR_REASON_") for name in error_reason_pb2.ErrorReason.keys()} - {"UNSPECIFIED"}  # noqa: SIM118
    assert {row.reason for row in status.TABLE.values()} == named


def test_details_name_the_reason_and_the_wrong_fields() -> None:
    """ErrorInfo for programs, BadRequest for forms."""
    rich = status.details(InvalidField(Violation("facts.purpose", "is required")), "ScreenEmployment")
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert rich.details[0].Unpack(info)
    assert rich.details[1].Unpack(bad)
    assert (info.reason, info.domain, dict(info.metadata)) == (
        "INVALID_FIELD",
        "screening.city",
        {"fields": "facts.purpose"},
    )
    assert bad.field_violations[0].field == "facts.purpose"


@pytest.mark.parametrize("error", [ValueError("JOHN DOE"), KeyError("JOHN DOE"), RuntimeError("JOHN DOE")])
def test_an_unforeseen_error_says_nothing_of_itself(error: Exception) -> None:
    """Exception text never reaches a caller."""
    rich = status.details(error, "ScreenEmployment")
    assert status.of(error).reason == "INTERNAL"
    assert "JOHN DOE" not in str(rich)
