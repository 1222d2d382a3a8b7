"""The vocabulary: what the facts messages declare about each fact.

The proto messages are the one set of words for API, law files, records and tests. This module reads from their
descriptors which facts exist, what type each has, and what its absence means (`fact.proto`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, TypeAlias

from city.screening.v1 import (
    employment_facts_pb2,
    fact_pb2,
    information_request_facts_pb2,
    reading_pb2,
)

REQUIRED = fact_pb2.FACT_KIND_REQUIRED
DECISIVE = fact_pb2.FACT_KIND_DECISIVE
CLAIM = fact_pb2.FACT_KIND_CLAIM

DEFAULT_MAX_CHARS = 500
DEFAULT_MAX_ITEMS = 64

EmploymentFacts = employment_facts_pb2.EmploymentFacts
InformationRequestFacts = information_request_facts_pb2.InformationRequestFacts
Facts = EmploymentFacts | InformationRequestFacts
Reading = reading_pb2.EmploymentReading | reading_pb2.InformationReading
Item = reading_pb2.RequestedItem


class EnumDescriptor(Protocol):
    """The part of a protobuf enum descriptor that is used here."""

    name: str
    full_name: str

    @property
    def values(self) -> "list[EnumValue]":
        """Return the values in declaration order."""


class EnumValue(Protocol):
    """The part of a protobuf enum value descriptor that is used here."""

    name: str
    number: int


@dataclass(frozen=True)
class Fact:
    """One fact: its path such as `facts.paid`, what absence means, and its type."""

    path: str
    kind: int
    type: str
    """One of `bool`, `enum`, `text`, `date`, `int`, `message`."""
    repeated: bool
    max_chars: int
    max_items: int
    values: "Values | None"


class Values:
    """The values of one enum by short name (`ICE_ERO` for `REQUESTER_AGENCY_ICE_ERO`)."""

    def __init__(self, descriptor: EnumDescriptor) -> None:
        self.full_name = descriptor.full_name
        prefix = next(value.name for value in descriptor.values if value.number == 0).removesuffix("UNSPECIFIED")
        self.number = {value.name.removeprefix(prefix): value.number for value in descriptor.values if value.number}
        self.name = {number: name for name, number in self.number.items()}
        self.cel = {name: f"{descriptor.full_name}.{prefix}{name}" for name in self.number}
        self.unknown = self.number.get("UNKNOWN")


_TYPES = {8: "bool", 9: "text", 5: "int", 14: "enum", 11: "message"}
_MESSAGES: dict[str, dict[str, type[Facts | Reading | Item]]] = {
    "employment": {"facts": EmploymentFacts, "reading": reading_pb2.EmploymentReading, "item": Item},
    "information_request": {"facts": InformationRequestFacts, "reading": reading_pb2.InformationReading, "item": Item},
}

Value: TypeAlias = str | bool | tuple[str, ...] | None
"""A value of a fact: the short name of an enum value, yes or no, names in a list, some text; None is absent."""


def variables(subject: str) -> dict[str, str]:
    """Return the CEL variables of a subject (`employment` or `information_request`) with their message types."""
    return {name: message.DESCRIPTOR.full_name for name, message in _MESSAGES[subject].items()}


def stating(subject: str, values: Mapping[str, Value]) -> dict[str, Any]:
    """Return the messages of a subject by variable, with values by path and all else absent. Texts are taken as given."""
    made: dict[str, Any] = {name: message() for name, message in _MESSAGES[subject].items()}
    for path, value in values.items():
        variable, *names = path.split(".")
        message = made[variable]
        for name in names[:-1]:
            message = getattr(message, name)
        named = vocabulary(subject)[path].values
        if isinstance(value, tuple):
            getattr(message, names[-1]).extend(named.number[each] if named else each for each in value)
        elif vocabulary(subject)[path].type in ("date", "int"):
            raise NotImplementedError(f"no rule reads {path}")
        elif value is not None:
            setattr(message, names[-1], named.number[value] if named and isinstance(value, str) else value)
    return made


@cache
def vocabulary(subject: str) -> dict[str, Fact]:
    """Return every fact of a subject by path, nested messages included, lists of messages excluded."""
    paths: dict[str, Fact] = {}
    for name, message in _MESSAGES[subject].items():
        paths.update((fact.path, fact) for fact in declared(message.DESCRIPTOR, name))
    return paths


def declared(descriptor: object, prefix: str) -> Iterator[Fact]:
    """Yield the facts that a message declares; `prefix` is put before each path."""
    for field in descriptor.fields:  # type: ignore[attr-defined]  # descriptors are typed by google.protobuf only
        options = field.GetOptions().Extensions[fact_pb2.fact]
        path = f"{prefix}.{field.name}"
        kind = _TYPES[field.type]
        is_date = kind == "message" and field.message_type.full_name == "google.type.Date"
        yield Fact(
            path=path,
            kind=options.kind,
            type="date" if is_date else kind,
            repeated=field.is_repeated,
            max_chars=options.max_chars or DEFAULT_MAX_CHARS,
            max_items=options.max_items or DEFAULT_MAX_ITEMS,
            values=Values(field.enum_type) if kind == "enum" else None,
        )
        if kind == "message" and not is_date and not field.is_repeated:
            yield from declared(field.message_type, path)
