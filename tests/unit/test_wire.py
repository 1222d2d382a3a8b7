from city.screening.v1 import recorded_call_pb2
from hypothesis import given
from hypothesis import strategies as st
from screening.wire import nested


@given(st.binary(max_size=70_000), st.binary(max_size=300))
def test_fields_put_together_are_the_message(request: bytes, more: bytes) -> None:
    """As protobuf itself reads them, whatever their length."""
    message = recorded_call_pb2.RecordedCall.FromString(nested(1, more) + nested(1, request))
    assert message.request == request
