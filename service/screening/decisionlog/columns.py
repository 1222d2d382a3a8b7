"""What stands in columns and tables beside a record's bytes, so that it can be found: all of it follows from the bytes.

Storage writes it from a record that is at hand; whoever verifies a log makes it anew from the bytes and compares.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from city.screening.v1 import decision_pb2, information_request_facts_pb2

from screening.decisionlog.record import (
    ACTIVATION,
    DECISION,
    ERASURE,
    FULFILMENT,
    HOLD,
    LAW,
    RELEASE,
    SUPERSEDE,
)

MARKING = frozenset((ERASURE, FULFILMENT, HOLD, RELEASE, SUPERSEDE))
"""Kinds of records that are about decisions, and leave a mark on each."""
_OUTCOME = {name.removeprefix("OUTCOME_"): number for name, number in decision_pb2.Outcome.items()}
_UNIT = {
    name.removeprefix("CITY_UNIT_") if number else "": number
    for name, number in information_request_facts_pb2.CityUnit.items()
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Columns(NamedTuple):
    """The columns of one record that follow from its bytes."""

    id: str
    kind: str
    time: int
    """Microseconds since 1970."""
    outcome: int | None = None
    """Number of the Outcome; None for all but decisions, as the next two."""
    city_unit: int | None = None
    rule_ids: str | None = None
    """As `joined` gives them."""
    key_id: str | None = None
    """Id of the data key of its sealed part; None if it has none."""


class MarkRow(NamedTuple):
    """That a record is about a decision, or about the law."""

    place: int
    """That of the record that says so."""
    kind: str
    about: str
    """Id of the decision, or LAW."""


def columns(fields: Mapping[str, Any]) -> Columns:
    """Return the columns of a record, from its fields.

    Raises ValueError, KeyError, TypeError or AttributeError if they are those of no record.
    """
    kind = fields["kind"]
    head = (fields["id"], kind, micros(datetime.fromisoformat(fields["time"])))
    key_id = fields["sealed"]["key"] if "sealed" in fields else None
    if kind != DECISION:
        return Columns(*head, key_id=key_id)
    unit = _UNIT[fields.get("unit", "")]
    return Columns(*head, _OUTCOME[fields["outcome"]], unit, joined(fields["rules"]), key_id)


def marks(fields: Mapping[str, Any], place: int) -> list[MarkRow]:
    """Return the marks that a record leaves, from its fields; raises as `columns` does."""
    kind = fields["kind"]
    if kind == ACTIVATION:
        return [MarkRow(place, kind, LAW)]
    return [MarkRow(place, kind, str(about)) for about in fields["decisions"]] if kind in MARKING else []


def joined(rule_ids: Iterable[str]) -> str:
    """Return rule ids as they stand in one column, each between two bars."""
    return f"|{'|'.join(rule_ids)}|"


def micros(moment: datetime) -> int:
    """Return whole microseconds since 1970. Raises TypeError for a time without its zone."""
    return (moment - _EPOCH) // _MICROSECOND
