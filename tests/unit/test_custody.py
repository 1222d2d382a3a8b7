"""What the keeper of the log does to records, over every implementation of it."""

import json
import os
from datetime import UTC, date, datetime, timedelta

import pytest
from screening.custody import AlreadyErased, Custody, NoSuchDecision, callers_of, explanation, identity
from screening.decisionlog.keyring import fixed
from screening.decisionlog.port import DecisionLog, Stored
from screening.decisionlog.record import Json, Listing, make
from screening.decisionlog.seal import Sealer
from screening.errors import OnHold
from screening.transport.identity import new_id

SEALER = Sealer(fixed(b"k" * 32), b"r" * 32, os.urandom)
NOW = datetime.now(UTC)
WHY = "Court order in the matter of Zzyzx"


def custody(log: DecisionLog, now: datetime = NOW) -> Custody:
    """Act in the name of the clerk."""
    return Custody(log, SEALER, lambda: now, new_id, "clerk")


async def recorded(log: DecisionLog, number: int = 1, *, rpc: str = "ScreenEmployment") -> list[Stored]:
    """Append decisions with a sealed part and a reference."""
    made = []
    for place in range(number):
        own = new_id(NOW)
        sealed = SEALER.seal(b"secret", own)
        fields: dict[str, Json] = {"rpc": rpc, "caller": f"system-{place % 2}", "sealed": sealed.fields()}
        record = make(
            "decision",
            own,
            NOW,
            fields,
            listing=Listing(rpc, 5, 0, ("r.one",), "la_city", "b"),
            wrapped_key=(sealed.key_id, sealed.wrapped_key),
            references=(SEALER.reference("person_ref", "p-1"),),
        )
        made.append(record)
    appended = await log.append(made)
    return await log.read(appended[0].index, number)


async def last(log: DecisionLog) -> tuple[dict[str, object], Stored]:
    """Return the last record, parsed and as it is stored."""
    stored = (await log.read(0, 10_000))[-1]
    return json.loads(stored.canonical), stored


async def test_an_erased_decision_cannot_be_opened_and_its_record_says_who_did_it(log: DecisionLog) -> None:
    """Why it was done is sealed, because those words may name somebody."""
    one, two = await recorded(log, 2)
    await custody(log).erase([one], WHY)
    left = await log.read(0, 2)
    assert [stored.wrapped_key is None for stored in left] == [True, False]
    assert [stored.canonical for stored in left] == [one.canonical, two.canonical]
    fields, stored = await last(log)
    assert (fields["kind"], fields["by"], fields["decisions"]) == ("erasure", "clerk", [identity(one)])
    assert WHY.encode() not in stored.canonical
    assert explanation(stored, SEALER) == WHY


async def test_what_was_erased_is_not_erased_twice(log: DecisionLog) -> None:
    """Nothing is recorded the second time."""
    (one,) = await recorded(log)
    await custody(log).erase([one], WHY)
    with pytest.raises(AlreadyErased):
        await custody(log).erase(await custody(log).find([identity(one)]), WHY)
    assert len(await log.read(0, 10)) == 2


async def test_an_unknown_decision_is_named(log: DecisionLog) -> None:
    """The keeper mistyped."""
    with pytest.raises(NoSuchDecision, match="nowhere"):
        await custody(log).find(["nowhere"])


async def test_a_hold_keeps_a_decision_from_erasure_and_retention(log: DecisionLog) -> None:
    """Retention takes the others, and says what it left."""
    one, two, three = await recorded(log, 3)
    keeper = custody(log, NOW + timedelta(days=400))
    await keeper.hold([two], WHY)
    with pytest.raises(OnHold):
        await keeper.erase([one, two], WHY)
    done = await keeper.retain({"employment": 365})
    assert (done.erased, done.held) == ({"employment": 2}, [identity(two)])
    assert [stored.wrapped_key is None for stored in await log.read(0, 3)] == [True, False, True]
    await keeper.release([two], WHY)
    assert (await keeper.retain({"employment": 365})).erased == {"employment": 1}
    assert identity(three)


async def test_retention_goes_by_kind_and_age_and_is_recorded(log: DecisionLog) -> None:
    """What is younger, or of a kind that is not named, stays."""
    await recorded(log, 2)
    await recorded(log, 1, rpc="BatchScreenInformationRequest")
    assert (await custody(log, NOW + timedelta(days=10)).retain({"employment": 365})).erased == {}
    later = custody(log, NOW + timedelta(days=400))
    assert (await later.retain({"employment": 365}, dry=True)).erased == {"employment": 2}
    assert (await later.retain({"employment": 365})).erased == {"employment": 2}
    fields, _ = await last(log)
    assert (fields["cause"], fields["kept_days"]) == ("retention", {"employment": 365})
    assert [stored.wrapped_key is None for stored in await log.read(0, 3)] == [True, True, False]
    assert (await later.retain({"information_request": 399})).erased == {"information_request": 1}


async def test_reasons_are_erased_in_their_time_too(log: DecisionLog) -> None:
    """They are a kind of their own."""
    (one,) = await recorded(log)
    await custody(log).hold([one], WHY)
    done = await custody(log, NOW + timedelta(days=400)).retain({"explanation": 30})
    assert (done.erased, done.held) == ({"explanation": 1}, [])
    assert explanation((await log.read(1, 1))[0], SEALER) == ""


async def test_a_superseded_decision_is_marked_and_its_callers_are_listed(log: DecisionLog) -> None:
    """The record names whom to tell."""
    found = await recorded(log, 3)
    await custody(log).supersede(found, WHY, "law")
    fields, _ = await last(log)
    assert (fields["cause"], fields["tell"]) == ("law", ["system-0", "system-1"])
    assert callers_of(found) == {
        "system-0": [identity(found[0]), identity(found[2])],
        "system-1": [identity(found[1])],
    }
    assert [mark.kind for mark in await log.marks(identity(found[2]))] == ["supersede"]


async def test_a_duty_that_was_done_is_recorded_with_its_day(log: DecisionLog) -> None:
    """The day of the notice, not that of the record."""
    found = await recorded(log)
    await custody(log).fulfil(found, "serve_copy_on_individual", date(2026, 3, 2), "")
    fields, stored = await last(log)
    assert (fields["kind"], fields["obligation"], fields["day"]) == (
        "fulfilment",
        "serve_copy_on_individual",
        "2026-03-02",
    )
    assert stored.wrapped_key is None


async def test_decisions_are_found_by_an_opaque_reference(log: DecisionLog) -> None:
    """As a legal hold on everything about one person needs; an erased decision has none."""
    found = await recorded(log, 2)
    assert await custody(log).find_reference("person_ref", "p-1") == found
    assert await custody(log).find_reference("case_ref", "p-1") == []
    await custody(log).erase(found[:1], WHY)
    assert [stored.index for stored in await custody(log).find_reference("person_ref", "p-1")] == [1]


async def test_more_decisions_than_one_record_holds_are_erased_in_several(log: DecisionLog) -> None:
    """Each record stays small."""
    found = await recorded(log, 501)
    appended = await custody(log).erase(found, WHY)
    assert [outcome.index for outcome in appended] == [501, 502]
    assert {stored.wrapped_key for stored in await log.read(0, 501)} == {None}
