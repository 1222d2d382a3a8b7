"""One contract, run over every implementation of DecisionLog."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from screening.decisionlog import merkle
from screening.decisionlog.checkpoint import Head, Signer
from screening.decisionlog.port import DecisionLog, Erasure, Filter, Mark
from screening.decisionlog.receipt import NotIntegrated, prove_consistency, prove_inclusion
from screening.decisionlog.record import Idempotency, Listing, Record, make
from screening.decisionlog.tile import Edge
from screening.errors import OnHold
from screening.transport.identity import new_id

START = datetime(2026, 11, 20, tzinfo=UTC)


def decision(
    number: int = 0,
    *,
    outcome: int = 1,
    unit: int = 0,
    rules: tuple[str, ...] = ("r.one",),
    key: str = "",
    body: str = "",
) -> Record:
    """Make a decision record."""
    time = START + timedelta(seconds=number)
    identity = new_id(time)
    record = make(
        "decision",
        identity,
        time,
        {"n": number},
        listing=Listing("ScreenEmployment", outcome, unit, rules, "la_city", "b"),
        wrapped_key=(identity, b"wrapped"),
        references=(b"ref",),
    )
    return record._replace(idempotency=Idempotency("caller", key.encode(), body.encode())) if key else record


async def test_records_keep_the_order_in_which_they_were_appended(log: DecisionLog) -> None:
    """One total order, from 0, without a gap."""
    appended = [outcome for batch in range(3) for outcome in await log.append([decision(batch), decision(batch)])]
    assert [outcome.index for outcome in appended] == list(range(6))


async def test_appends_at_once_all_get_their_own_place(log: DecisionLog) -> None:
    """Concurrent appends share commits and never an index."""
    appended = await asyncio.gather(*(log.append([decision(n)]) for n in range(200)))
    assert sorted(outcome.index for [outcome] in appended) == list(range(200))


async def test_a_decision_is_found_as_it_was_appended(log: DecisionLog) -> None:
    """Bytes, hash and key come back."""
    record = decision()
    [outcome] = await log.append([record])
    found = await log.find_decision(record.id)
    assert found is not None
    assert (found.index, found.canonical, found.leaf_hash, found.wrapped_key) == (
        outcome.index,
        record.canonical,
        record.leaf_hash,
        b"wrapped",
    )
    assert await log.find_decision("unknown") is None


async def test_a_record_of_another_kind_is_no_decision(log: DecisionLog) -> None:
    """Refusals are in the log but are not decisions."""
    refusal = make("refusal", new_id(START), START, {})
    await log.append([refusal])
    assert await log.find_decision(refusal.id) is None
    assert await log.list_decisions(Filter(), 10) == []


async def test_a_repeated_request_id_gives_the_first_record(log: DecisionLog) -> None:
    """The second is not appended; whether the body was the same is said."""
    first = decision(1, key="k", body="b")
    await log.append([first])
    [again] = await log.append([decision(2, key="k", body="b")])
    [other] = await log.append([decision(3, key="k", body="x")])
    assert again.earlier is not None
    assert (again.earlier.canonical, again.same_body, other.same_body) == (first.canonical, True, False)
    assert len(await log.list_decisions(Filter(), 10)) == 1
    found = await log.find_request(Idempotency("caller", b"k", b"b"))
    assert found is not None
    assert (found[0].index, found[1]) == (0, True)
    assert await log.find_request(Idempotency("another", b"k", b"b")) is None


async def test_fifty_appends_of_one_request_id_at_once_leave_one_record(log: DecisionLog) -> None:
    """Also where several stand in one commit."""
    appended = await asyncio.gather(*(log.append([decision(n, key="k", body="b"), decision(n)]) for n in range(50)))
    firsts = [pair[0] for pair in appended]
    assert sum(outcome.earlier is None for outcome in firsts) == 1
    assert len({outcome.leaf_hash for outcome in firsts}) == 1
    assert len(await log.list_decisions(Filter(), 100)) == 51


async def test_decisions_are_listed_newest_first_by_what_is_asked(log: DecisionLog) -> None:
    """Time, outcome, rule, unit, and the index to go on from."""
    await log.append([decision(n, outcome=1 + n % 2, unit=n % 3, rules=(f"r.{n}", "r.all")) for n in range(10)])

    async def listed(**chosen: object) -> list[int]:
        return [stored.index for stored in await log.list_decisions(Filter(**chosen), 100)]  # type: ignore[arg-type]

    assert await listed() == list(range(9, -1, -1))
    assert await listed(outcome=2) == [9, 7, 5, 3, 1]
    assert await listed(city_unit=1) == [7, 4, 1]
    assert await listed(rule_id="r.3") == [3]
    assert len(await listed(rule_id="r.all")) == 10
    assert await listed(rule_id="r") == []
    assert await listed(start_time=START + timedelta(seconds=8)) == [9, 8]
    assert await listed(end_time=START + timedelta(seconds=2)) == [1, 0]
    assert await listed(before_index=3) == [2, 1, 0]
    assert [stored.index for stored in await log.list_decisions(Filter(), 2)] == [9, 8]


SIGNER = Signer("a.log", b"k" * 32)


async def test_a_checkpoint_covers_what_was_appended(log: DecisionLog) -> None:
    """It is signed over the root that an independent tree has, and a new one only if records came."""
    empty = await log.integrate(SIGNER)
    assert empty is not None
    assert (empty.head.size, empty.head.root) == (0, merkle.EMPTY_ROOT)
    records = [decision(n) for n in range(600)]
    await log.append(records)
    made = await log.integrate(SIGNER)
    edge = Edge()
    edge.extend(record.leaf_hash for record in records)
    assert made is not None
    assert made.head == Head("a.log", 600, edge.root())
    assert await log.integrate(SIGNER) == made == await log.checkpoint()


async def test_the_tree_is_that_of_all_records_also_of_those_that_come_while_it_grows(log: DecisionLog) -> None:
    """Whichever piece they came in."""
    records = [decision(n) for n in range(1_500)]
    await log.append(records[:1_000])
    integration = asyncio.ensure_future(log.integrate(SIGNER))
    for start in range(1_000, 1_500, 100):
        await log.append(records[start : start + 100])
    await integration
    made = await log.integrate(SIGNER)
    edge = Edge()
    edge.extend(record.leaf_hash for record in records)
    assert made is not None
    assert made.head == Head("a.log", 1_500, edge.root())
    hashes = [await prove_inclusion(log, index, records[index].leaf_hash) for index in (0, 999, 1_000, 1_499)]
    assert None not in hashes


async def test_every_record_is_proven_and_the_log_only_grows(log: DecisionLog) -> None:
    """Proofs from the stored tiles hold under the newest checkpoint."""
    heads: list[Head] = []
    for size in (1, 300, 700):
        have = heads[-1].size if heads else 0
        await log.append([decision(n) for n in range(have, size)])
        checkpoint = await log.integrate(SIGNER)
        assert checkpoint is not None
        heads.append(checkpoint.head)
    for stored in await log.read(0, 700):
        proof = await prove_inclusion(log, stored.index, stored.leaf_hash)
        assert proof is not None
        assert merkle.verify_inclusion(stored.index, 700, stored.leaf_hash, proof.hashes, heads[-1].root)
    for head in heads:
        hashes, newest = await prove_consistency(log, head.size)
        assert merkle.verify_consistency(head.size, 700, head.root, newest.head.root, hashes)
    assert await prove_inclusion(log, 5, bytes(32)) is None
    assert await prove_inclusion(log, 700, bytes(32)) is None


async def test_what_no_checkpoint_covers_is_not_proven_yet(log: DecisionLog) -> None:
    """The caller asks again."""
    [one] = await log.append([decision(1)])
    with pytest.raises(NotIntegrated):
        await prove_inclusion(log, 0, one.leaf_hash)
    await log.integrate(SIGNER)
    assert await prove_inclusion(log, 0, one.leaf_hash) is not None
    [two] = await log.append([decision(2)])
    with pytest.raises(NotIntegrated):
        await prove_inclusion(log, 1, two.leaf_hash)
    with pytest.raises(NotIntegrated):
        await prove_consistency(log, 2)


async def test_an_erasure_takes_key_and_look_ups_and_leaves_the_record(log: DecisionLog) -> None:
    """The record's bytes stay, so the tree still verifies; the request_id is free again."""
    one, two = decision(1, key="k", body="b"), decision(2)
    await log.append([one, two])
    before = await log.integrate(SIGNER)
    assert before is not None
    assert one.wrapped_key is not None
    erasure = make("erasure", new_id(START), START, {"decisions": [one.id]})
    appended = await log.erase(erasure, [Erasure(one.id, 0, one.wrapped_key[0])])
    assert appended.index == 2
    gone, kept = await log.find_decision(one.id), await log.find_decision(two.id)
    assert gone is not None
    assert kept is not None
    assert (gone.canonical, gone.wrapped_key, kept.wrapped_key) == (one.canonical, None, b"wrapped")
    assert await log.find_request(Idempotency("caller", b"k", b"b")) is None
    assert await log.find_references([b"ref"]) == [1]
    assert await log.marks(one.id) == [Mark("erasure", 2)]
    hashes, newest = await prove_consistency(log, 2) if await log.integrate(SIGNER) else ([], before)
    assert merkle.verify_consistency(2, 3, before.head.root, newest.head.root, hashes)


async def test_a_legal_hold_forbids_to_erase_until_every_hold_is_released(log: DecisionLog) -> None:
    """Nothing is appended where nothing may be done."""
    one = decision(1)
    await log.append([one])
    assert one.wrapped_key is not None
    doomed = [Erasure(one.id, 0, one.wrapped_key[0])]

    def record(kind: str) -> Record:
        return make(kind, new_id(START), START, {"decisions": [one.id]})

    for kind in ("hold", "hold", "release"):
        await log.annotate(record(kind), [one.id])
    with pytest.raises(OnHold):
        await log.erase(record("erasure"), doomed)
    assert len(await log.read(0, 10)) == 4
    await log.annotate(record("release"), [one.id])
    assert (await log.erase(record("erasure"), doomed)).index == 5


async def test_time_never_goes_back(log: DecisionLog) -> None:
    """Whatever the clock does, records become durable in the order of their times."""
    times = [(await log.append([decision(n)]))[0].durable_time for n in range(5)]
    assert times == sorted(times)


async def test_an_empty_append_is_nothing(log: DecisionLog) -> None:
    """A batch whose items all failed appends nothing."""
    assert await log.append([]) == []
