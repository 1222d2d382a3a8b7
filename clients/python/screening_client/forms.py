"""Forms as people write them - JSON objects and CSV rows - to the facts of the API.

The words are those of the API in lower case without their prefix: `ice_ero` for REQUESTER_AGENCY_ICE_ERO, `yes` or
`true` for ANSWER_YES. Dates are written 2026-11-20. Unknown words and fields are errors that name the field; the text
of an error never repeats what was written.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from city.screening.v1 import screening_service_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.type import date_pb2

EmploymentRequest = screening_service_pb2.ScreenEmploymentRequest
InformationRequest = screening_service_pb2.ScreenInformationRequestRequest

_ENVELOPE = ("request_id", "as_of", "policy_pack", "employee_ref", "person_ref", "case_ref")

_STATUS = (
    (r"(the )?spouse( is)? employed.*|spouse s (job|employment|work)", "SPOUSE_EMPLOYED"),
    (r"not yet hired|applicant|job applicant", "NOT_YET_HIRED"),
    (r"no employment|royalt(y|ies)( only)?|passive income( only)?", "NO_EMPLOYMENT"),
    (r"(passive )?investment( only)?|investor( only)?|shareholder( only)?|stock ownership( only)?", "INVESTMENT_ONLY"),
    (r"retired( from .*)?|pension( only| from .*)?|pensioner", "RETIRED"),
    (r"(on )?paid leave.*", "PAID_LEAVE"),
    (
        r"(on )?(unpaid |nonpaid )?((medical|family|fmla|parental|military|sick|administrative|extended) )*leave( .*)?",
        "UNPAID_LEAVE",
    ),
    (r"(on )?sabbatical( leave)?", "UNPAID_LEAVE"),
    (r"(lapd |police )?reserve( officer)?|reserve police officer", "RESERVE_OFFICER"),
    (r"city assignment|assigned by the city|city overtime|task force overtime", "CITY_ASSIGNMENT"),
    (
        r"lausd|(la |los angeles )?(unified )?school district|los angeles county|la county|county|other entity",
        "OTHER_ENTITY",
    ),
    (r"((full|part) time|active|employed|current|regular|permanent|probationary)( (city )?employee)?", "ACTIVE"),
)
"""How people word an employment status that the API names. The whole text must be such wording: a status can make an
answer milder, so nothing is guessed from one word of a longer text."""


class FormError(ValueError):
    """A form is wrong: `field` says where, `expected` what should stand there."""

    def __init__(self, field: str, expected: str) -> None:
        super().__init__(f"{field}: {expected}")
        self.field = field
        self.expected = expected


def employment_request(form: Mapping[str, Any]) -> EmploymentRequest:
    """Turn a form into a ScreenEmploymentRequest. Raises FormError."""
    request = EmploymentRequest()
    _fill_envelope(request, form)
    _fill(request.facts, _without_envelope(form), "facts")
    return request


def information_request(form: Mapping[str, Any]) -> InformationRequest:
    """Turn a form into a ScreenInformationRequestRequest. Raises FormError."""
    request = InformationRequest()
    _fill_envelope(request, form)
    _fill(request.facts, _without_envelope(form), "facts")
    return request


def _without_envelope(form: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in form.items() if name not in _ENVELOPE}


def _fill_envelope(request: Message, form: Mapping[str, Any]) -> None:
    for name in _ENVELOPE:
        if form.get(name) in (None, ""):
            continue
        if name not in request.DESCRIPTOR.fields_by_name:
            raise FormError(name, "is not part of this kind of request")
        _set(request, request.DESCRIPTOR.fields_by_name[name], form[name], name)


def _fill(message: Message, form: Mapping[str, Any], path: str) -> None:
    for name, value in form.items():
        field = message.DESCRIPTOR.fields_by_name.get(name)
        if field is None:
            raise FormError(f"{path}.{name}" if name.isidentifier() else path, "there is no such fact")
        if name == "public_already" and isinstance(value, Mapping):
            _fill_public(message, value, path)
        elif value is not None and value != "":
            _set(message, field, value, f"{path}.{name}")


def _fill_public(message: Message, by_category: Mapping[str, Any], path: str) -> None:
    """Accept `{"arrest_log": true, "release_date": false}` for the categories that are open to everyone."""
    field = message.DESCRIPTOR.fields_by_name["public_categories"]
    opened = [category for category, value in by_category.items() if value is True]
    if opened:
        _set(message, field, opened, f"{path}.public_already")
    else:
        message.public_already = False  # type: ignore[attr-defined]  # only requests have the field


def _set(message: Message, field: Any, value: Any, path: str) -> None:
    if field.is_repeated:
        values = _split(value, path)
        target = getattr(message, field.name)
        for index, element in enumerate(values):
            if field.message_type:
                _fill(target.add(), _mapping(element, path), f"{path}[{index}]")
            else:
                target.append(_scalar(field, element, f"{path}[{index}]"))
    elif field.message_type and field.message_type.full_name == "google.type.Date":
        getattr(message, field.name).CopyFrom(_date(value, path))
    elif field.message_type:
        _fill(getattr(message, field.name), _mapping(value, path), path)
    else:
        setattr(message, field.name, _scalar(field, value, path))


def _split(value: Any, path: str) -> Sequence[Any]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(";") if part.strip()]
    if isinstance(value, Sequence):
        return value
    raise FormError(path, "expects a list, in CSV one text with semicolons")


def _mapping(value: Any, path: str) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    raise FormError(path, "expects an object")


def _scalar(field: Any, value: Any, path: str) -> Any:
    if field.enum_type:
        return _enum(field.enum_type, value, path)
    return _SCALARS[field.type](value, path)


def _text(value: Any, path: str) -> str:
    if isinstance(value, str):
        return value
    raise FormError(path, "expects text")


def _bool(value: Any, path: str) -> bool:
    if isinstance(value, bool):
        return value
    words = {"yes": True, "true": True, "y": True, "1": True, "no": False, "false": False, "n": False, "0": False}
    found = words.get(str(value).strip().casefold())
    if found is None:
        raise FormError(path, "expects yes or no")
    return found


def _int(value: Any, path: str) -> int:
    try:
        number = int(str(value))
    except ValueError:
        raise FormError(path, "expects a whole number") from None
    if not -(2**31) <= number < 2**31:
        raise FormError(path, "expects a smaller number")
    return number


_SCALARS: dict[int, Callable[[Any, str], Any]] = {
    FieldDescriptor.TYPE_STRING: _text,
    FieldDescriptor.TYPE_BOOL: _bool,
    FieldDescriptor.TYPE_INT32: _int,
}


def _date(value: Any, path: str) -> date_pb2.Date:
    try:
        day = date.fromisoformat(str(value).strip())
    except ValueError:
        raise FormError(path, "expects a date such as 2026-11-20") from None
    return date_pb2.Date(year=day.year, month=day.month, day=day.day)


def _enum(enum: Any, value: Any, path: str) -> int:
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    if enum.name == "Answer":
        value = _answer(value)
    word = re.sub(r"[\s-]+", "_", str(value).strip()).upper()
    if enum.name == "EmploymentStatus" and prefix + word not in enum.values_by_name:
        word = _status(str(value))
    found = enum.values_by_name.get(prefix + word)
    if found is None or found.number == 0:
        words = ", ".join(sorted(v.name.removeprefix(prefix).lower() for v in enum.values if v.number))
        raise FormError(path, f"expects one of: {words}")
    number: int = found.number
    return number


def _answer(value: Any) -> str:
    if isinstance(value, bool):
        return "YES" if value else "NO"
    return {"true": "YES", "false": "NO", "y": "YES", "n": "NO", "?": "UNKNOWN"}.get(str(value).casefold(), str(value))


def _status(text: str) -> str:
    words = " ".join(re.findall(r"[a-z]+", text.casefold()))
    return next((name for pattern, name in _STATUS if re.fullmatch(pattern, words)), "")


__all__ = ["EmploymentRequest", "FormError", "InformationRequest", "employment_request", "information_request"]
