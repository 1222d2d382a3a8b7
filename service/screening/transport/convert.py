"""From bytes to checked questions. After this nobody checks again.

The service parses messages itself, so that a message that does not parse is INVALID_ARGUMENT and no parser's text
reaches a caller. What a fact may be is read from its declaration (`fact.proto`).
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from functools import cache
from hashlib import sha256
from typing import TypeVar

from city.screening.v1 import decision_pb2, screening_service_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message
from google.type import date_pb2

from screening.errors import InvalidField, Unparseable, Violation
from screening.facts import REQUIRED, Fact, declared
from screening.memory import Memory
from screening.screen import REFERENCES, Asked, Request

EmploymentRequest = screening_service_pb2.ScreenEmploymentRequest
InformationRequest = screening_service_pb2.ScreenInformationRequestRequest

DEFAULT_PACK = "la_city"
FIRST_DAY, LAST_DAY = date(1979, 1, 1), date(2100, 12, 31)
"""Days for which the law can be asked, both inclusive."""

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
REFERENCE = re.compile(r"[A-Za-z0-9._-]{1,64}")
PACK = re.compile(r"[a-z][a-z0-9_]{0,31}")
_MOST_VIOLATIONS = 20
_MOST_DAYS = 3650

_WELL_FORMED: Memory[bytes, bool] = Memory(4_096)
"""Facts that were checked and found well formed, by hash. What is not is checked each time, for its path to be told."""

_NAMED: dict[type[Request], bytes] = {
    kind: kind.DESCRIPTOR.name.encode() + b"\x00" for kind in (EmploymentRequest, InformationRequest)
}
"""What goes before facts that are hashed, so that equal facts of two kinds of request have different hashes."""

_Message = TypeVar("_Message", bound=Message)


def parse(kind: type[_Message], body: bytes) -> _Message:
    """Parse a message. Raises Unparseable."""
    try:
        return kind.FromString(body)
    except DecodeError:
        raise Unparseable from None


def ask(request: Request, *, today: date, rpc: str, caller: str, trace_id: str, path: str = "") -> Asked:
    """Check a request and fill in its defaults, in place. Raises InvalidField with every violation found."""
    violations = list(_envelope(request, path))
    facts = _NAMED[type(request)] + request.facts.SerializeToString(deterministic=True)
    facts_hash = sha256(facts).digest()
    known = facts_hash in _WELL_FORMED
    if not known:
        violations += _facts(request, path)
    as_of, problems = _as_of(request, today, path)
    violations += problems
    if violations:
        raise InvalidField(*violations[:_MOST_VIOLATIONS])
    if not known:
        _WELL_FORMED.recall(facts_hash, lambda: True)
    if not request.policy_pack:
        request.policy_pack = DEFAULT_PACK
    if as_of == today:
        basis = decision_pb2.BASIS_CURRENT
    else:
        basis = decision_pb2.BASIS_PREVIEW if as_of > today else decision_pb2.BASIS_RETROSPECTIVE
    return Asked(request, facts_hash, as_of, basis, rpc, caller, trace_id)


def _envelope(request: Request, path: str) -> Iterator[Violation]:
    if request.HasField("request_id") and not REQUEST_ID.fullmatch(request.request_id):
        yield Violation(f"{path}request_id", "must be 8 to 64 characters of A-Z a-z 0-9 . _ -")
    if request.HasField("policy_pack") and not PACK.fullmatch(request.policy_pack):
        yield Violation(f"{path}policy_pack", "must name a pack of the service")
    for name in REFERENCES[type(request)]:
        given = request.HasField(name)  # type: ignore[arg-type]  # the request's own fields
        if given and not REFERENCE.fullmatch(getattr(request, name)):
            yield Violation(f"{path}{name}", "must be 1 to 64 characters of A-Z a-z 0-9 . _ -")


def _as_of(request: Request, today: date, path: str) -> tuple[date, list[Violation]]:
    if not request.HasField("as_of"):
        return today, []
    day = civil_date(request.as_of)
    if day is None or not FIRST_DAY <= day <= LAST_DAY:
        return today, [Violation(f"{path}as_of", f"must be a day of the calendar from {FIRST_DAY} to {LAST_DAY}")]
    return day, []


def civil_date(value: date_pb2.Date) -> date | None:
    """Return the civil date; None if it is not a whole day of the calendar."""
    try:
        return date(value.year, value.month, value.day)
    except ValueError:
        return None


def _facts(request: Request, path: str) -> Iterator[Violation]:
    if not request.HasField("facts"):
        yield Violation(f"{path}facts", "is required")
        return
    yield from _check_message(request.facts, f"{path}facts")


def _check_message(message: Message, path: str) -> Iterator[Violation]:
    required, checks = _checks(message.DESCRIPTOR)
    for name in required:
        if not message.HasField(name):
            yield Violation(f"{path}.{name}", "is required")
    for field, value in message.ListFields():
        yield from checks[field.name](value, f"{path}.{field.name}")
    # ListFields leaves out nothing that was sent: every scalar fact has presence


_Check = Callable[..., Iterable[Violation]]


@cache
def _checks(descriptor: Descriptor) -> tuple[tuple[str, ...], dict[str, _Check]]:
    """Return the required facts of a message, and the check of each fact."""
    facts = [fact for fact in declared(descriptor, "") if fact.path.count(".") == 1]
    fields = descriptor.fields_by_name
    required = tuple(fact.path[1:] for fact in facts if fact.kind == REQUIRED)
    return required, {fact.path[1:]: _check(fact, fields[fact.path[1:]]) for fact in facts}


def _check(fact: Fact, field: FieldDescriptor) -> _Check:
    one = _check_one(fact, field)
    if not fact.repeated:
        return one

    def check_list(values: Iterable[object], path: str) -> Iterator[Violation]:
        for index, value in enumerate(values):
            if index == fact.max_items:
                yield Violation(path, f"must have at most {fact.max_items} elements")
                return
            yield from one(value, f"{path}[{index}]")

    return check_list


def _check_one(fact: Fact, field: FieldDescriptor) -> _Check:
    match fact.type:
        case "enum":
            assert field.enum_type is not None
            return _enum_check(field.enum_type)
        case "text":
            return _text_check(fact)
        case "message":
            return _check_message
        case "date":
            return _check_date
        case "int":
            return _check_days
        case _:
            return _accept


def _enum_check(enum: EnumDescriptor) -> _Check:
    known = frozenset(value.number for value in enum.values if value.number)

    def check(value: int, path: str) -> Iterator[Violation]:
        if value not in known:
            yield Violation(path, f"must be a value of {enum.name}, and not the unspecified one")

    return check


def _text_check(fact: Fact) -> _Check:
    never_empty = fact.kind == REQUIRED or fact.path.endswith("_name")

    def check(value: str, path: str) -> Iterator[Violation]:
        if len(value) > fact.max_chars:
            yield Violation(path, f"must have at most {fact.max_chars} characters")
        elif _blank(value) and (never_empty or value):
            yield Violation(path, "must not be blank")

    return check


def _blank(value: str) -> bool:
    """Say whether a text shows nothing: spaces, controls, characters of no width."""
    return not value.strip() or all(unicodedata.category(char)[0] in "ZC" for char in value)


def _check_date(value: date_pb2.Date, path: str) -> Iterator[Violation]:
    if civil_date(value) is None:
        yield Violation(path, "must be a day of the calendar")


def _check_days(value: int, path: str) -> Iterator[Violation]:
    if not 0 <= value <= _MOST_DAYS:
        yield Violation(path, f"must be from 0 to {_MOST_DAYS}")


def _accept(_value: object, _path: str) -> Iterable[Violation]:
    return ()
