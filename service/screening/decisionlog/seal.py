"""Sealing: the part of a record that only a key holder can read.

Each record has a data key of its own (AES-256-GCM). The data key is wrapped by a key-encryption key (`keyring.py`) and
kept in the key store, apart from the records; destroying it there makes the sealed part unreadable for good, while the
record's bytes, and so its hash, stay. References to people are kept as HMAC-SHA-256
under a key that is in neither.
"""

import base64
import hashlib
import hmac
from binascii import b2a_base64
from collections.abc import Callable
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from screening.decisionlog.keyring import KEY_BYTES, NONCE_BYTES, Ring, SealBroken

ALGORITHM = "A256GCM"
_CHECKED = b"screening reference key"
"""What a reference key is known by; no reference is hashed in this form, because a zero byte follows its kind."""
RandomBytes = Callable[[int], bytes]


class Sealed(NamedTuple):
    """A sealed part: what stands in the record, and the wrapped key for the key store."""

    key_id: str
    """The record's id: ids of version 7 come in order, which keeps the key store compact."""
    nonce: bytes
    ciphertext: bytes
    wrapped_key: bytes

    def fields(self) -> dict[str, str]:
        """Return the sealed part as it stands in a record."""
        nonce, data = self.texts()
        return {"alg": ALGORITHM, "key": self.key_id, "nonce": nonce.decode(), "data": data.decode()}

    def texts(self) -> tuple[bytes, bytes]:
        """Return nonce and ciphertext as they stand in a record."""
        return b2a_base64(self.nonce, newline=False), b2a_base64(self.ciphertext, newline=False)


class Sealer:
    """Seals and opens with the key-encryption keys in force, and hashes references with one reference key."""

    def __init__(self, ring: Ring, reference_key: bytes, random_bytes: RandomBytes) -> None:
        """Take what returns the key-encryption keys, a key of 32 bytes, and a source of random bytes."""
        self._ring = ring
        self._reference_key = reference_key
        self._random = random_bytes

    def seal(self, plaintext: bytes, record_id: str) -> Sealed:
        """Seal bytes for one record; they open only together with that record's id."""
        fresh = self._random(KEY_BYTES + 2 * NONCE_BYTES)
        data_key, nonce, wrapping_nonce = fresh[:32], fresh[32:44], fresh[44:]
        ciphertext = AESGCM(data_key).encrypt(nonce, plaintext, record_id.encode())
        return Sealed(record_id, nonce, ciphertext, self._ring().wrap(data_key, wrapping_nonce, record_id))

    def open(self, sealed: dict[str, str], wrapped_key: bytes, record_id: str) -> bytes:
        """Open the sealed part of a record. Raises WrongKey, SealBroken."""
        try:
            data_key = self._ring().unwrap(wrapped_key, sealed["key"])
            ciphertext = base64.b64decode(sealed["data"])
            return AESGCM(data_key).decrypt(base64.b64decode(sealed["nonce"]), ciphertext, record_id.encode())
        except SealBroken:
            raise
        except (InvalidTag, KeyError, ValueError) as error:
            raise SealBroken("the sealed part cannot be opened") from error

    def reference(self, kind: str, value: str | bytes) -> bytes:
        """Return the keyed hash of a reference; `kind` keeps hashes of different things apart."""
        data = value.encode() if isinstance(value, str) else value
        return hmac.new(self._reference_key, kind.encode() + b"\x00" + data, hashlib.sha256).digest()


def reference_check(reference_key: bytes) -> bytes:
    """Return what tells a reference key from any other, 32 bytes that give nothing of it away."""
    return hmac.new(reference_key, _CHECKED, hashlib.sha256).digest()
