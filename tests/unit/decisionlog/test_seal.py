import os

import pytest
from screening.decisionlog.keyring import KeyRing, SealBroken, WrongKey, fixed
from screening.decisionlog.seal import Sealer

SEALER = Sealer(fixed(b"k" * 32), b"r" * 32, os.urandom)


def test_what_is_sealed_opens_with_its_key_and_its_record() -> None:
    """A round trip."""
    sealed = SEALER.seal(b"secret", "record-1")
    assert b"secret" not in sealed.ciphertext
    assert SEALER.open(sealed.fields(), sealed.wrapped_key, "record-1") == b"secret"


def test_it_opens_under_no_other_record_key_or_bytes() -> None:
    """Moved, altered or foreign seals do not open."""
    sealed = SEALER.seal(b"secret", "record-1")
    fields = sealed.fields()
    with pytest.raises(SealBroken):
        SEALER.open(fields, sealed.wrapped_key, "record-2")
    with pytest.raises(SealBroken):
        SEALER.open({**fields, "data": fields["data"][:-4] + "AAAA"}, sealed.wrapped_key, "record-1")
    with pytest.raises(SealBroken):
        Sealer(fixed(b"x" * 32), b"r" * 32, os.urandom).open(fields, sealed.wrapped_key, "record-1")
    with pytest.raises(SealBroken):
        SEALER.open({}, sealed.wrapped_key, "record-1")


def test_every_record_has_a_key_of_its_own() -> None:
    """Destroying one key destroys one record."""
    first, second = SEALER.seal(b"same", "a"), SEALER.seal(b"same", "a")
    assert (first.key_id, first.ciphertext, first.wrapped_key) != (second.key_id, second.ciphertext, second.wrapped_key)


def test_references_are_hashed_with_a_key_and_apart_by_kind() -> None:
    """The same text as another kind of reference has another hash; without the key nobody can try texts."""
    assert SEALER.reference("person_ref", "p-1") == SEALER.reference("person_ref", "p-1")
    assert SEALER.reference("person_ref", "p-1") != SEALER.reference("case_ref", "p-1")
    assert SEALER.reference("person_ref", "p-1") != Sealer(fixed(b"k" * 32), b"x" * 32, os.urandom).reference(
        "person_ref", "p-1"
    )


def test_a_rotated_key_opens_old_seals_and_makes_new_ones() -> None:
    """The first key wraps; the others open what they wrapped."""
    old = SEALER.seal(b"secret", "record-1")
    both = KeyRing([b"n" * 32, b"k" * 32])
    rotated = Sealer(lambda: both, b"r" * 32, os.urandom)
    assert rotated.open(old.fields(), old.wrapped_key, "record-1") == b"secret"
    fresh = rotated.seal(b"secret", "record-2")
    assert (both.is_current(old.wrapped_key), both.is_current(fresh.wrapped_key)) == (False, True)
    with pytest.raises(WrongKey, match=both.current.hex()):
        SEALER.open(fresh.fields(), fresh.wrapped_key, "record-2")


@pytest.mark.parametrize("keys", [[], [b"short"], [b"k" * 32, b""]])
def test_a_ring_of_no_proper_key_is_refused(keys: list[bytes]) -> None:
    """Nothing is ever sealed under half a key."""
    with pytest.raises(ValueError, match="32 bytes"):
        KeyRing(keys)
