import json
import os
from datetime import UTC, date, datetime, timedelta

import pytest
import rfc8785
from city.screening.v1 import decision_pb2
from hypothesis import given
from hypothesis import strategies as st
from screening.decisionlog.decision_record import AnsweredCall, decision_record, opinion
from screening.decisionlog.keyring import fixed
from screening.decisionlog.record import MOST_BYTES, Record
from screening.decisionlog.seal import Sealer
from screening.errors import RecordTooLong
from screening.transport.identity import new_id

SEALER = Sealer(fixed(b"k" * 32), b"r" * 32, os.urandom)
DAY = date(2026, 11, 20)
START = datetime(2026, 11, 20, tzinfo=UTC)


def recorded(rules: list[str], *, caller: str = "payroll", seconds: float = 0.0, request: bytes = b"") -> Record:
    """Record a decision by rules, which was asked so many seconds after the start."""
    decision = decision_pb2.Decision(outcome=decision_pb2.OUTCOME_DENY, policy_pack="la_city")
    decision.as_of.year, decision.as_of.month, decision.as_of.day = DAY.year, DAY.month, DAY.day
    for rule in rules:
        decision.reasons.add(rule_id=rule, decisive=True)
    time = START + timedelta(seconds=seconds)
    formed = opinion("ScreenEmployment", decision, 0)
    call = AnsweredCall(
        formed, new_id(time), time, decision_pb2.BASIS_CURRENT, caller, "0" * 32, request, (("case_ref", "c"),), None
    )
    return decision_record(call, call.decision(), SEALER)


@given(st.lists(st.text("abc._%", min_size=1), max_size=4), st.floats(0, 1e9))
def test_the_record_of_a_decision_is_in_canonical_form(rules: list[str], seconds: float) -> None:
    """Another program that follows RFC 8785 computes the same bytes from its fields."""
    record = recorded(rules, seconds=seconds)
    assert rfc8785.dumps(json.loads(record.canonical)) == record.canonical


def test_the_open_part_says_what_oversight_must_see() -> None:
    """And nothing of a person or a case."""
    record = recorded(["la.one", "la.two"], caller="hr", seconds=1.5)
    fields = json.loads(record.canonical)
    sealed = fields.pop("sealed")
    assert fields == {
        "v": 1,
        "kind": "decision",
        "id": record.id,
        "time": "2026-11-20T00:00:01.500000Z",
        "rpc": "ScreenEmployment",
        "outcome": "DENY",
        "rules": ["la.one", "la.two"],
        "unit": "",
        "pack": "la_city",
        "bundle": "",
        "as_of": "2026-11-20",
        "needs_verification": False,
        "caller": "hr",
        "trace": "0" * 32,
        "basis": "CURRENT",
    }
    assert (sealed["alg"], sealed["key"]) == ("A256GCM", record.id)


def test_two_records_of_one_opinion_share_nothing_of_their_own() -> None:
    """Each has its own id, key, nonce and ciphertext."""
    one, two = (json.loads(recorded(["la.one"]).canonical) for _ in range(2))
    assert one["id"] != two["id"]
    assert all(one["sealed"][name] != two["sealed"][name] for name in ("key", "nonce", "data"))


def test_a_decision_that_fits_in_no_record_is_refused() -> None:
    """An entry has its length in two bytes."""
    with pytest.raises(RecordTooLong):
        recorded(["la.one"], request=bytes(MOST_BYTES))
