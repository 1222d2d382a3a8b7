"""Forms and requests for tests, by keyword; every default is a valid form."""

from typing import Any

from screening_client import employment_request, information_request
from screening_client.client import EmploymentRequest, InformationRequest

ICE_JOB: dict[str, Any] = {
    "employee_class": "civilian_non_filer",
    "employer_name": "U.S. Immigration and Customs Enforcement",
    "employer_kind": "ice",
    "duties_immigration_enforcement": True,
    "paid": True,
}
ORDINARY_JOB: dict[str, Any] = {
    "employee_class": "civilian_non_filer",
    "employer_name": "Valley Catering",
    "employer_kind": "private_unrelated",
    "duties_immigration_enforcement": False,
    "paid": True,
}
DETAINER: dict[str, Any] = {
    "city_unit": "lapd",
    "requester_agency": "ice_ero",
    "request_kind": "detainer_hold",
    "instrument": "i247a",
    "purpose": "civil_immigration_enforcement",
    "in_custody": True,
}
ADDRESS_REQUEST: dict[str, Any] = {
    "city_unit": "lapd",
    "requester_agency": "ice_ero",
    "request_kind": "personal_info",
    "instrument": "none",
    "purpose": "civil_immigration_enforcement",
    "data_categories": ["home_address"],
}


def employment(base: dict[str, Any] | None = None, /, **changes: Any) -> EmploymentRequest:
    """Return an employment question: an ordinary job unless a base is given."""
    return employment_request({**(ORDINARY_JOB if base is None else base), **changes})


def request(base: dict[str, Any] | None = None, /, **changes: Any) -> InformationRequest:
    """Return a question on an outside request: a detainer unless a base is given."""
    return information_request({**(DETAINER if base is None else base), **changes})
