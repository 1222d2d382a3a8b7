import hashlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from screening.decisionlog.record import (
    MOST_BYTES,
    VERSION,
    Form,
    Json,
    canonical_bytes,
    hole,
    leaf_hash,
    make,
    timestamp,
)
from screening.decisionlog.tile import entry_bundle
from screening.errors import RecordTooLong

KEYS = st.text("abcxyzABC_09", min_size=1, max_size=8)
VALUES = st.recursive(
    st.text(max_size=20) | st.integers(-(2**53) + 1, 2**53 - 1) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_canonical_bytes_are_those_of_rfc_8785(fields: dict[str, object]) -> None:
    """Another program that follows the standard computes the same bytes."""
    assert canonical_bytes(fields) == rfc8785.dumps(fields)  # type: ignore[arg-type]


@given(
    st.dictionaries(KEYS, VALUES | st.text('%b()\\"u0{}\n', max_size=12), max_size=5),
    st.text("abcABC019.:_/+=-", max_size=40),
    st.text("abcABC019.:_/+=-", max_size=40),
)
def test_a_form_that_is_filled_in_is_the_record_serialised(fields: dict[str, Json], one: str, two: str) -> None:
    """To the byte, whatever stands around the places left open, and wherever they stand."""

    def whole(first: str, second: str) -> dict[str, Json]:
        return {**fields, "mine": first, "part": {"b": first, "a": second}}

    filled = Form(whole(hole("one"), hole("two"))).fill({b"one": one.encode(), b"two": two.encode()})
    assert filled == canonical_bytes({"v": VERSION, **whole(one, two)})


def test_the_leaf_hash_is_that_of_rfc_9162() -> None:
    """SHA-256 over a zero byte and the record."""
    assert leaf_hash(b"record") == hashlib.sha256(b"\x00record").digest()


def test_times_are_written_in_utc_with_microseconds() -> None:
    """Whatever zone a time comes in."""
    time = datetime(2026, 11, 20, 10, 0, 0, 5, timezone(timedelta(hours=-8)))
    assert timestamp(time) == "2026-11-20T18:00:00.000005Z"


def test_every_record_says_its_version_kind_id_and_time() -> None:
    """What is common to all kinds."""
    record = make("refusal", "an-id", datetime(2026, 11, 20, tzinfo=UTC), {"rpc": "X"})
    assert record.canonical == b'{"id":"an-id","kind":"refusal","rpc":"X","time":"2026-11-20T00:00:00.000000Z","v":1}'
    assert record.leaf_hash == leaf_hash(record.canonical)


@pytest.mark.parametrize("over", [0, 1])
def test_no_record_is_longer_than_an_exported_entry_can_be(over: int) -> None:
    """65,535 bytes, because an entry has its length in two bytes."""
    moment = datetime(2026, 11, 20, tzinfo=UTC)
    room = MOST_BYTES - len(make("repair", "an-id", moment, {"what": ""}).canonical)
    if over:
        with pytest.raises(RecordTooLong):
            make("repair", "an-id", moment, {"what": "w" * (room + over)})
    else:
        record = make("repair", "an-id", moment, {"what": "w" * room})
        assert entry_bundle([record.canonical]) == b"\xff\xff" + record.canonical
