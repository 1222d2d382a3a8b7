"""The counts that the law asks for."""

import json
import os
from datetime import UTC, date, datetime
from typing import Any

import pytest
from screening import clock
from screening.bundle import Bundle
from screening.custody import Custody
from screening.decisionlog.keyring import SealBroken, fixed
from screening.decisionlog.receipt import Receipts
from screening.decisionlog.record import make
from screening.decisionlog.seal import Sealer
from screening.report import TOTAL, Annual, Cell, count
from screening.screen import Screen
from screening.storage.memory import MemoryLog
from screening.transport import convert
from screening.transport.identity import new_id

from tests.factories import DETAINER, employment, request

SEALER = Sealer(fixed(b"k" * 32), b"r" * 32, os.urandom)
MARCH = datetime(2026, 3, 10, 18, tzinfo=UTC)
COPY = "serve_copy_on_individual"
ALPR: dict[str, Any] = {
    "city_unit": "lapd",
    "requester_agency": "ice_hsi",
    "request_kind": "alpr",
    "instrument": "none",
    "purpose": "civil_immigration_enforcement",
}


@pytest.fixture
def log() -> MemoryLog:
    """A log in memory."""
    return MemoryLog(clock.now)


async def asked(
    log: MemoryLog, bundle: Bundle, question: Any, time: datetime = MARCH, as_of: date | None = None
) -> str:
    """Have a question answered at a time and return the decision's id."""
    screen = Screen(
        bundle=lambda: bundle,
        log=log,
        sealer=SEALER,
        clock=lambda: time,
        new_id=new_id,
        receipts=Receipts("example.test/log", 60),
    )
    if as_of:
        question.as_of.year, question.as_of.month, question.as_of.day = as_of.timetuple()[:3]
    rpc = "ScreenEmployment" if "Employment" in question.DESCRIPTOR.name else "ScreenInformationRequest"
    today = time.astimezone(clock.LOS_ANGELES).date()
    answer = await screen.answer(convert.ask(question, today=today, rpc=rpc, caller="c", trace_id=""), lambda _: None)
    return answer.decision_id


async def annual(log: MemoryLog) -> Annual:
    """Count 2026."""
    return await count(log, SEALER, 2026, len(await log.read(0, 10_000)))


def place(table: str, part: str, unit: str = "LAPD", month: str = "03") -> Cell:
    """Return where a count stands."""
    return Cell(table, part, unit, month)


async def test_requests_of_immigration_authorities_are_counted_by_unit_month_and_outcome(
    log: MemoryLog, bundle: Bundle
) -> None:
    """Months are those of Los Angeles; other years, other days of law and employment do not count."""
    await asked(log, bundle, request())
    await asked(log, bundle, request(), datetime(2026, 4, 1, 6, tzinfo=UTC))
    await asked(log, bundle, request(city_unit="lawa_ops"), datetime(2026, 5, 1, 18, tzinfo=UTC))
    await asked(log, bundle, request(), datetime(2025, 12, 31, 18, tzinfo=UTC))
    await asked(log, bundle, request(), as_of=date(2027, 1, 1))
    await asked(log, bundle, employment())
    await asked(
        log, bundle, request(requester_agency="fbi", purpose="criminal_unrelated", instrument="judicial_arrest_warrant")
    )
    counts = (await annual(log)).counts
    found = {(cell.unit, cell.month): number for cell, number in counts.items() if cell.table == "immigration_requests"}
    assert found == {("LAPD", "03"): 2, ("LAWA_OPS", "05"): 1}


async def test_notices_are_due_until_they_were_given(log: MemoryLog, bundle: Bundle) -> None:
    """Given is what a record says was done."""
    one, _ = [await asked(log, bundle, request()) for _ in range(2)]
    custody = Custody(log, SEALER, lambda: MARCH, new_id, "clerk")
    await custody.fulfil(await custody.find([one]), COPY, date(2026, 3, 11), "")
    counts = (await annual(log)).counts
    assert (counts[place(COPY, "given")], counts[place(COPY, "outstanding")]) == (1, 1)
    assert counts[place("tell_individual_compliance_intent", "outstanding")] == 2


async def test_access_to_licence_plate_data_is_counted(log: MemoryLog, bundle: Bundle) -> None:
    """Whether it was asked for by name or as one kind of data among others."""
    await asked(log, bundle, request(ALPR))
    await asked(log, bundle, request(DETAINER, request_kind="records_request", data_categories=["alpr", "cctv"]))
    counts = (await annual(log)).counts
    assert sum(number for cell, number in counts.items() if cell.table == "alpr_access") == 2


async def test_what_was_superseded_or_erased_counts_as_that_alone(log: MemoryLog, bundle: Bundle) -> None:
    """Nothing is counted twice, and nothing disappears."""
    ids = [await asked(log, bundle, request()) for _ in range(3)]
    custody = Custody(log, SEALER, lambda: MARCH, new_id, "clerk")
    await custody.supersede(await custody.find(ids[:1]), "wrong person", "facts")
    await custody.erase(await custody.find(ids[1:2]), "ordered")
    found = await annual(log)
    assert found.decisions == 3
    assert (found.counts[place("superseded", "counted")], found.counts[place("erased", "counted")]) == (1, 1)
    assert sum(number for cell, number in found.counts.items() if cell.table == "immigration_requests") == 1


async def test_a_year_with_a_lost_key_is_not_counted(log: MemoryLog, bundle: Bundle) -> None:
    """What nobody ordered to be erased must not be counted as erased."""
    await asked(log, bundle, request())
    (stored,) = await log.read(0, 1)
    lost = MemoryLog(clock.now)
    fields = json.loads(stored.canonical)
    kept = {name: value for name, value in fields.items() if name not in {"v", "kind", "id", "time"}}
    await lost.append([make("decision", fields["id"], MARCH, kept)])
    with pytest.raises(SealBroken, match="is lost"):
        await annual(lost)


async def test_small_counts_are_hidden_with_what_would_give_them_away() -> None:
    """Totals stand in every direction; a threshold of 1 shows all of them."""
    found = Annual(2026)
    for unit, month, part, number in (
        ("LAPD", "01", "deny", 30),
        ("LAPD", "02", "deny", 2),
        ("LAPD", "03", "review", 25),
        ("LAWA", "01", "deny", 40),
        ("LAWA", "02", "deny", 50),
    ):
        found.counts[Cell("alpr_access", part, unit, month)] += number
    whole = found.published(1)
    assert whole[Cell("alpr_access", TOTAL, TOTAL, TOTAL)] == 147
    assert whole[Cell("alpr_access", TOTAL, "LAPD", TOTAL)] == 57
    assert whole[Cell("alpr_access", "deny", TOTAL, "02")] == 52
    shown = found.published(11)
    assert shown[Cell("alpr_access", "deny", "LAPD", "02")] is None
    assert shown[Cell("alpr_access", TOTAL, "LAPD", "02")] is None
    row = [shown[Cell("alpr_access", "deny", "LAPD", month)] for month in ("01", "02", TOTAL)]
    column = [shown[Cell("alpr_access", "deny", unit, "02")] for unit in ("LAPD", "LAWA", TOTAL)]
    assert row.count(None) >= 2
    assert column.count(None) >= 2
