"""The key files of the embedded default: made once, 32 random bytes each, readable by the owner only."""

import secrets
from pathlib import Path

from screening.errors import DataDirectoryError
from screening.storage import durable_file

KEY_BYTES = 32


def load_or_create(path: Path) -> bytes:
    """Return the key in a file, making it durably if there is none. Raises DataDirectoryError."""
    try:
        if not path.exists():
            durable_file.write(path, secrets.token_hex(KEY_BYTES).encode() + b"\n", mode=0o600)
        key = bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError):
        raise DataDirectoryError(f"the key file {path} cannot be read or written") from None
    if len(key) != KEY_BYTES:
        raise DataDirectoryError(f"the key file {path} does not hold {KEY_BYTES} bytes in hexadecimal")
    return key
