"""The key files of the embedded default: made once, 32 random bytes each, readable by the owner only."""

import os
import secrets
from pathlib import Path

from screening.errors import DataDirectoryError

KEY_BYTES = 32


def load_or_create(path: Path) -> bytes:
    """Return the key in a file, making it durably if there is none. Raises DataDirectoryError."""
    try:
        if not path.exists():
            _create(path)
        key = bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError):
        raise DataDirectoryError(f"the key file {path} cannot be read or written") from None
    if len(key) != KEY_BYTES:
        raise DataDirectoryError(f"the key file {path} does not hold {KEY_BYTES} bytes in hexadecimal")
    return key


def _create(path: Path) -> None:
    """Write a new key beside its place, sync it, and move it there, so that no half key is ever read."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_suffix(".new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, secrets.token_hex(KEY_BYTES).encode() + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
    fresh.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
