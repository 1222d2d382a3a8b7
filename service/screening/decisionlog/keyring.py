"""The key-encryption keys of one log: the first wraps the data keys of new records, and all of them unwrap.

A wrapped key says which key-encryption key it needs: 4 bytes of that key's hash, 12 of nonce, then the data key under
AES-256-GCM with the record's id as associated data. So keys can be rotated while a service runs, and a wrong key is told
from altered bytes.
"""

import hashlib
from collections.abc import Callable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
ID_BYTES, NONCE_BYTES = 4, 12


class SealBroken(ValueError):
    """A sealed part cannot be opened: wrong key, or altered bytes."""


class WrongKey(SealBroken):
    """A data key was wrapped under a key-encryption key that is not at hand; the text names it by its id."""


class KeyRing:
    """One or more key-encryption keys of 32 bytes; never changed, only replaced as a whole."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Take the keys, the one that wraps first. Raises ValueError if there is none, or one of another length."""
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError("a key ring needs at least one key, each of 32 bytes")
        self._ciphers = {key_id(key): AESGCM(key) for key in reversed(keys)}
        self.current = key_id(keys[0])
        """Id of the key that wraps."""
        self._wrapping = self._ciphers[self.current]

    def wrap(self, data_key: bytes, nonce: bytes, bound_to: str) -> bytes:
        """Return a data key wrapped for one record; a nonce of 12 bytes serves once."""
        return self.current + nonce + self._wrapping.encrypt(nonce, data_key, bound_to.encode())

    def unwrap(self, wrapped: bytes, bound_to: str) -> bytes:
        """Return a record's data key. Raises WrongKey, SealBroken."""
        identity, nonce, ciphertext = (
            wrapped[:ID_BYTES],
            wrapped[ID_BYTES:][:NONCE_BYTES],
            wrapped[ID_BYTES + NONCE_BYTES :],
        )
        cipher = self._ciphers.get(identity)
        if cipher is None:
            raise WrongKey(f"the data key was wrapped under the key {identity.hex()}, which is not among those given")
        try:
            return cipher.decrypt(nonce, ciphertext, bound_to.encode())
        except (InvalidTag, ValueError) as error:
            raise SealBroken("the wrapped key was altered") from error

    def is_current(self, wrapped: bytes) -> bool:
        """Say whether a data key is wrapped under the key that wraps now."""
        return wrapped[:ID_BYTES] == self.current


Ring = Callable[[], KeyRing]
"""Returns the keys in force."""


def fixed(*keys: bytes) -> Ring:
    """Return keys that stay in force."""
    ring = KeyRing(keys)
    return lambda: ring


def key_id(key: bytes) -> bytes:
    """Return the id of a key-encryption key: the beginning of its hash, which tells nothing of the key."""
    return hashlib.sha256(b"screening key-encryption key\x00" + key).digest()[:ID_BYTES]
