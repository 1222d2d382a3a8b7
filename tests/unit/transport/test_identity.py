import uuid
from datetime import UTC, datetime

import pytest
from screening.transport.identity import caller_of, new_id


def test_ids_are_uuids_of_version_7_and_sort_by_time() -> None:
    """RFC 9562, section 5.7."""
    early = new_id(datetime(2026, 11, 20, tzinfo=UTC))
    late = new_id(datetime(2026, 11, 21, tzinfo=UTC))
    parsed = uuid.UUID(early)
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert parsed.int >> 80 == int(datetime(2026, 11, 20, tzinfo=UTC).timestamp() * 1000)
    assert early < late
    assert new_id(datetime(2026, 11, 20, tzinfo=UTC)) != early


@pytest.mark.parametrize(
    ("peer", "caller"),
    [("ipv4:127.0.0.1:50111", "127.0.0.1"), ("ipv6:%5B::1%5D:50111", "::1"), ("unix:/run/x", "unix"), ("", "unknown")],
)
def test_a_caller_is_its_address_without_the_port(peer: str, caller: str) -> None:
    """A new connection is not a new caller."""
    assert caller_of(peer) == caller
