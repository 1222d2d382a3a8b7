import pytest
from city.screening.v1 import recorded_call_pb2, screening_service_pb2
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from screening.wire import fixed64, nested, occurrences

_KEYS = st.lists(st.text(max_size=200), max_size=20)
_NEWER = st.sampled_from([b"", b"\x48\x96\x01", fixed64(9, 7), b"\x4d\x01\x02\x03\x04", nested(9, b"x")])
"""Fields that only a newer API would know, of each wire type."""


@given(st.binary(max_size=70_000), st.binary(max_size=300))
def test_fields_put_together_are_the_message(request: bytes, more: bytes) -> None:
    """As protobuf itself reads them, whatever their length."""
    message = recorded_call_pb2.RecordedCall.FromString(nested(1, more) + nested(1, request))
    assert message.request == request


@given(_KEYS, _NEWER, _NEWER)
def test_a_message_is_taken_apart_as_protobuf_itself_would(keys: list[str], before: bytes, between: bytes) -> None:
    """Each occurrence of the field, in order; fields that are not known are passed over."""
    kind = screening_service_pb2.BatchScreenEmploymentRequest
    message = kind(items=[screening_service_pb2.ScreenEmploymentItem(key=key) for key in keys])
    body = before + b"".join(nested(1, item.SerializeToString()) + between for item in message.items)
    found = [screening_service_pb2.ScreenEmploymentItem.FromString(part) for part in occurrences(body, 1)]
    assert found == list(kind.FromString(body).items)


@given(st.binary(max_size=40))
def test_what_protobuf_takes_is_taken_apart_with_the_same_elements(body: bytes) -> None:
    """Whatever the bytes; groups, which no field of ours is, may be refused."""
    kind = screening_service_pb2.BatchScreenEmploymentRequest
    try:
        parsed = len(kind.FromString(body).items)
    except DecodeError:
        return
    try:
        assert len(list(occurrences(body, 1))) == parsed
    except ValueError:
        assert any(byte & 7 in (3, 4) for byte in body)


@pytest.mark.parametrize("body", [b"\x0a\x05ab", b"\x0a", b"\x80", b"\x09\x00", b"\x0b\x0c", b"\xff" * 12])
def test_what_is_cut_off_or_no_message_is_refused(body: bytes) -> None:
    """Also when the end is missed by a field that was not asked for."""
    with pytest.raises(ValueError, match=r"^$"):
        list(occurrences(body, 1))
