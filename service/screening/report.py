"""The counts that the law asks for, by unit and month, from the records of one calendar year.

What is counted: requests of immigration authorities by outcome, transfers and task forces (Cal. Gov. Code 7284.4 and
7284.6(c)), TRUTH Act notices due and given (7283.1), and access to licence-plate reader data (Cal. Civ. Code 1798.90.52).
Only answers that could be acted on count; one that was superseded, or that was erased before it was counted, is counted
as that and nothing else. Months are those of Los Angeles.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from city.screening.v1 import decision_pb2, information_request_facts_pb2, screening_service_pb2

from screening.decisionlog.decision_record import Erased, open_call, was_erased
from screening.decisionlog.keyring import SealBroken
from screening.decisionlog.port import DecisionLog, Stored
from screening.decisionlog.record import DECISION, FULFILMENT, SUPERSEDE
from screening.decisionlog.seal import Sealer
from screening.suppression import Line, suppress

TOTAL = "total"
MONTHS = tuple(f"{month:02}" for month in range(1, 13))
_PAGE = 500
_LOS_ANGELES = ZoneInfo("America/Los_Angeles")
_facts = information_request_facts_pb2
_OUTCOMES = tuple(name.removeprefix("OUTCOME_").lower() for name, number in decision_pb2.Outcome.items() if number)
_IMMIGRATION_AGENCIES = frozenset(
    _facts.RequesterAgency.Value(f"REQUESTER_AGENCY_{name}")
    for name in ("ICE", "ICE_ERO", "ICE_HSI", "CBP", "CBP_OFO", "CBP_USBP", "DHS")
)
_IMMIGRATION_PURPOSES = frozenset(
    (_facts.PURPOSE_CIVIL_IMMIGRATION_ENFORCEMENT, _facts.PURPOSE_CRIMINAL_IMMIGRATION_ENFORCEMENT)
)
GIVEN, OUTSTANDING, COUNTED = "given", "outstanding", "counted"


@dataclass(frozen=True)
class Table:
    """One table of the report."""

    id: str
    title: str
    citation: str
    parts: tuple[str, ...]
    """What is counted apart; more than one add up to a total."""


_NOTICES = {
    "serve_copy_on_individual": "TRUTH Act: copies of requests to the person",
    "tell_individual_compliance_intent": "TRUTH Act: words to the person whether the request is complied with",
    "notify_individual_and_attorney_or_designee": "TRUTH Act: notices of release dates to person and attorney or designee",
    "written_consent_form": "TRUTH Act: consent forms before interviews",
}
_REPORTED = {
    "annual_doj_report_transfer": "Transfers to report to the Department of Justice",
    "annual_doj_report_task_force": "Task forces to report to the Department of Justice",
}
TABLES: Mapping[str, Table] = {
    table.id: table
    for table in (
        Table(
            "immigration_requests", "Requests of immigration authorities", "Cal. Gov. Code 7284.4, 7284.6", _OUTCOMES
        ),
        *(Table(token, title, "Cal. Gov. Code 7284.6(c)", (COUNTED,)) for token, title in _REPORTED.items()),
        *(Table(token, title, "Cal. Gov. Code 7283.1", (GIVEN, OUTSTANDING)) for token, title in _NOTICES.items()),
        Table("alpr_access", "Access to licence-plate reader data", "Cal. Civ. Code 1798.90.52", _OUTCOMES),
        Table("superseded", "Answers that were superseded and are not counted above", "", (COUNTED,)),
        Table("erased", "Answers that were erased and are not counted above", "", (COUNTED,)),
    )
}


class Cell(NamedTuple):
    """One count's place; each of the last three may be TOTAL."""

    table: str
    part: str
    unit: str
    month: str


@dataclass
class Annual:
    """The counts of one year."""

    year: int
    counts: Counter[Cell] = field(default_factory=Counter)
    decisions: int = 0
    """Answers on information requests of the year that could be acted on."""

    def units(self, table: str) -> list[str]:
        """Return the units that have a count in a table."""
        return sorted({cell.unit for cell in self.counts if cell.table == table})

    def published(self, threshold: int) -> dict[Cell, int | None]:
        """Return every cell with its totals; None where it is suppressed. A threshold of 1 suppresses nothing."""
        found: dict[Cell, int | None] = {}
        for table in TABLES.values():
            if units := self.units(table.id):
                counts, lines = self._with_totals(table, units)
                hidden = suppress(counts, lines, threshold)
                found |= {cell: None if cell in hidden else count for cell, count in counts.items()}
        return found

    def _with_totals(self, table: Table, units: Sequence[str]) -> tuple[dict[Cell, int], list[Line[Cell]]]:
        parts = (*table.parts, TOTAL) if len(table.parts) > 1 else table.parts
        counts = {
            Cell(table.id, part, unit, month): self.counts[Cell(table.id, part, unit, month)]
            for part in table.parts
            for unit in units
            for month in MONTHS
        }
        lines = [*_part_lines(table, units), *_unit_lines(table, parts, units), *_month_lines(table, parts, units)]
        for line in lines:  # parts before units before months, so that each total finds its parts
            counts[line.total] = sum(counts[part] for part in line.parts)
        return counts, [*lines, *_total_part_lines(table, units)]


def _part_lines(table: Table, units: Sequence[str]) -> Iterator[Line[Cell]]:
    if len(table.parts) > 1:
        for unit in units:
            for month in MONTHS:
                yield _line(table, table.parts, unit, month)


def _unit_lines(table: Table, parts: Sequence[str], units: Sequence[str]) -> Iterator[Line[Cell]]:
    for part in parts:
        for month in MONTHS:
            yield Line(Cell(table.id, part, TOTAL, month), tuple(Cell(table.id, part, unit, month) for unit in units))


def _month_lines(table: Table, parts: Sequence[str], units: Sequence[str]) -> Iterator[Line[Cell]]:
    for part in parts:
        for unit in (*units, TOTAL):
            yield Line(Cell(table.id, part, unit, TOTAL), tuple(Cell(table.id, part, unit, month) for month in MONTHS))


def _total_part_lines(table: Table, units: Sequence[str]) -> Iterator[Line[Cell]]:
    """Yield what holds between totals as well: they add up in every direction."""
    if len(table.parts) > 1:
        for month in (*MONTHS, TOTAL):
            yield _line(table, table.parts, TOTAL, month)
        for unit in units:
            yield _line(table, table.parts, unit, TOTAL)
    for part in (*table.parts, TOTAL) if len(table.parts) > 1 else table.parts:
        yield Line(Cell(table.id, part, TOTAL, TOTAL), tuple(Cell(table.id, part, unit, TOTAL) for unit in units))


def _line(table: Table, parts: Iterable[str], unit: str, month: str) -> Line[Cell]:
    return Line(Cell(table.id, TOTAL, unit, month), tuple(Cell(table.id, part, unit, month) for part in parts))


class _Entry(NamedTuple):
    """One answer of the year, as far as it is counted."""

    decision_id: str
    unit: str
    month: str
    counted: tuple[tuple[str, str], ...]
    """Tables and parts."""
    due: tuple[str, ...]
    """Obligations of which is counted whether they were done."""


async def count(log: DecisionLog, sealer: Sealer, year: int, end: int) -> Annual:
    """Count the records before place `end`. Raises SealBroken where a key does not fit or is lost, LogUnavailable."""
    annual = Annual(year)
    entries: list[_Entry] = []
    done: set[tuple[str, str]] = set()
    superseded: set[str] = set()
    start = 0
    while start < end and (page := await log.read(start, min(_PAGE, end - start))):
        start = page[-1].index + 1
        for stored in page:
            fields = json.loads(stored.canonical)
            if fields["kind"] == FULFILMENT:
                done |= {(decision_id, fields["obligation"]) for decision_id in fields["decisions"]}
            elif fields["kind"] == SUPERSEDE:
                superseded.update(fields["decisions"])
            elif fields["kind"] == DECISION and (entry := _entry(stored, fields, sealer, year)):
                if stored.wrapped_key is None and not await was_erased(log, entry.decision_id):
                    raise SealBroken(f"the key of {entry.decision_id} is lost, and no record says that it was erased")
                entries.append(entry)
    for entry in entries:
        annual.decisions += 1
        for table, part in _places(entry, done, superseded):
            annual.counts[Cell(table, part, entry.unit, entry.month)] += 1
    return annual


def _entry(stored: Stored, fields: Mapping[str, str], sealer: Sealer, year: int) -> _Entry | None:
    """Return what is counted of a decision; None if it is of another year, another kind, or could not be acted on."""
    time = datetime.fromisoformat(fields["time"]).astimezone(_LOS_ANGELES)
    if time.year != year or not fields["unit"] or fields["basis"] != "CURRENT":
        return None
    head = (fields["id"], fields["unit"], f"{time.month:02}")
    try:
        call = open_call(stored, sealer)
    except Erased:
        return _Entry(*head, (("erased", COUNTED),), ())
    facts = screening_service_pb2.ScreenInformationRequestRequest.FromString(call.request).facts
    tokens = {each.token for each in call.decision.obligations}
    outcome = fields["outcome"].lower()
    counted = [(token, COUNTED) for token in _REPORTED if token in tokens]
    counted += [("immigration_requests", outcome)] if _of_immigration_authority(facts) else []
    counted += [("alpr_access", outcome)] if _asks_for_alpr(facts) else []
    return _Entry(*head, tuple(counted), tuple(token for token in _NOTICES if token in tokens))


def _places(entry: _Entry, done: set[tuple[str, str]], superseded: set[str]) -> Iterator[tuple[str, str]]:
    if entry.decision_id in superseded:
        yield "superseded", COUNTED
        return
    yield from entry.counted
    for token in entry.due:
        yield token, GIVEN if (entry.decision_id, token) in done else OUTSTANDING


def _of_immigration_authority(facts: information_request_facts_pb2.InformationRequestFacts) -> bool:
    """Say whether an immigration authority asks: by name, by what it is doing, or by its purpose (7284.4(c), (f))."""
    return (
        facts.requester_agency in _IMMIGRATION_AGENCIES
        or facts.requester_function == _facts.REQUESTER_FUNCTION_IMMIGRATION_ENFORCEMENT
        or facts.purpose in _IMMIGRATION_PURPOSES
    )


def _asks_for_alpr(facts: information_request_facts_pb2.InformationRequestFacts) -> bool:
    return facts.request_kind == _facts.REQUEST_KIND_ALPR or _facts.DATA_CATEGORY_ALPR in facts.data_categories
