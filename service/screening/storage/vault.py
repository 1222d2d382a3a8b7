"""Who keeps the key-encryption keys: their file alone, or a key management service that must first reveal them.

A key management service is reached through a program, so that any of them will do: it is called with `protect` or
`reveal`, gets base64 on its standard input and answers with base64 on its standard output. It is asked once for each key
when the keys are read, never for a record: the service works on while the key management service does not.
"""

import base64
import binascii
import subprocess
from pathlib import Path

from screening.errors import DataDirectoryError

_SECONDS = 30
_MARK = "kms:"


class Vault:
    """The file alone: keys stand in it in hexadecimal."""

    def protect(self, key: bytes) -> str:
        """Return a key as one word for its file. Raises DataDirectoryError."""
        return key.hex()

    def reveal(self, word: str) -> bytes:
        """Return the key in a word of its file. Raises ValueError, DataDirectoryError."""
        if word.startswith(_MARK):
            raise DataDirectoryError("the key is kept by a key management service: set SCREENING_KMS to its program")
        return bytes.fromhex(word)


class ProgramVault(Vault):
    """A key management service behind a program. A key in hexadecimal is taken too: it is protected at its rotation."""

    def __init__(self, program: Path) -> None:
        """Take the program, such as one that calls a cloud's command for its key management service."""
        self._program = program

    def protect(self, key: bytes) -> str:
        """Return a key as the key management service protects it; see Vault."""
        return _MARK + base64.b64encode(self._ask("protect", key)).decode()

    def reveal(self, word: str) -> bytes:
        """Return a key that the key management service reveals; see Vault."""
        if not word.startswith(_MARK):
            return bytes.fromhex(word)
        return self._ask("reveal", base64.b64decode(word.removeprefix(_MARK), validate=True))

    def _ask(self, what: str, data: bytes) -> bytes:
        try:
            done = subprocess.run(  # noqa: S603  # the operator names the program
                [self._program, what], input=base64.b64encode(data), capture_output=True, timeout=_SECONDS, check=True
            )
            return base64.b64decode(done.stdout.strip(), validate=True)
        except (OSError, subprocess.SubprocessError, binascii.Error) as error:
            problem = type(error).__name__
        raise DataDirectoryError(f"the key management service did not {what} a key ({self._program}: {problem})")


def vault_of(program: Path | None) -> Vault:
    """Return the key management service behind a program; None: the file alone."""
    return ProgramVault(program) if program else Vault()
