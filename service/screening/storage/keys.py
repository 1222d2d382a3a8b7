"""The key files of the log: made once, 32 random bytes each, readable by the owner only.

`wrapping.key` may hold several keys, one a line: the first wraps, the others still unwrap. Each line is a key in
hexadecimal, or what a key management service made of it (`vault.py`).
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from screening.decisionlog.keyring import KEY_BYTES, KeyRing
from screening.errors import DataDirectoryError
from screening.storage import durable_file
from screening.storage.vault import Vault, vault_of

WRAPPING = "wrapping.key"


@dataclass(frozen=True)
class KeyFile:
    """The key-encryption keys in a file that is only read; a plain value, for processes of their own."""

    path: Path
    kms: Path | None = None
    """Program of the key management service; None: the file alone."""

    def ring(self) -> KeyRing:
        """Return the keys. Raises DataDirectoryError."""
        return KeyRing(_read_keys(self.path, vault_of(self.kms)))


def load_or_create(path: Path) -> bytes:
    """Return the key in a file, making it durably if there is none. Raises DataDirectoryError."""
    keys = load_keys(path, Vault())
    if len(keys) > 1:
        raise DataDirectoryError(f"the key file {path} holds more than one key")
    return keys[0]


def load_ring(path: Path, vault: Vault) -> KeyRing:
    """Return the key-encryption keys in a file, making one durably if there is none. Raises DataDirectoryError."""
    return KeyRing(load_keys(path, vault))


def load_keys(path: Path, vault: Vault) -> list[bytes]:
    """Return the keys in a file, making one durably if there is none. Raises DataDirectoryError."""
    try:
        if not path.exists():
            write_keys(path, [secrets.token_bytes(KEY_BYTES)], vault, replace=False)  # another instance may be first
    except OSError:
        raise DataDirectoryError(f"the key file {path} cannot be read or written") from None
    return _read_keys(path, vault)


def _read_keys(path: Path, vault: Vault) -> list[bytes]:
    try:
        keys = [vault.reveal(line) for line in path.read_text(encoding="ascii").split()]
    except (OSError, ValueError):
        raise DataDirectoryError(f"the key file {path} cannot be read or written") from None
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise DataDirectoryError(f"the key file {path} does not hold {KEY_BYTES} bytes in hexadecimal")
    return keys


def write_keys(path: Path, keys: Sequence[bytes], vault: Vault, *, replace: bool = True) -> None:
    """Write keys durably, the one that wraps first. Raises OSError, DataDirectoryError."""
    lines = "".join(f"{vault.protect(key)}\n" for key in keys)
    durable_file.write(path, lines.encode("ascii"), mode=0o600, replace=replace)
