"""Anchors: the second place where checkpoints are kept, which whoever can change the log should not be able to change.

    log.vkey                  the log's public key, written once
    checkpoint                the newest checkpoint
    checkpoints/N             the first checkpoint of each hour and the last of each run, by size
    checkpoints/N.tsr         an RFC 3161 time stamp on it, if an authority is set

Witnesses may add their cosignature lines to any of these notes.
"""

from datetime import datetime
from pathlib import Path

from screening.decisionlog.checkpoint import BadNote, Checkpoint, VerifierKey, open_note
from screening.errors import DataDirectoryError
from screening.storage import durable_file

KEY, NEWEST, HISTORY = "log.vkey", "checkpoint", "checkpoints"


class Anchor:
    """One anchor directory, for one log."""

    def __init__(self, directory: Path, key: VerifierKey) -> None:
        """Create the directory or open it. Raises DataDirectoryError if it cannot be used or is another log's."""
        self._directory = directory
        self._key = key
        self._hour = ""
        try:
            durable_file.prove_writable(directory, mode=0o755)
            if not (directory / KEY).exists():
                durable_file.write(directory / KEY, f"{key}\n".encode())
        except OSError as error:
            raise DataDirectoryError(f"the anchor {directory} cannot be written: {error.strerror}") from None
        if read_key(directory / KEY) != key:
            raise DataDirectoryError(
                f"the anchor {directory} belongs to another log or another signing key; see deploy/README.md"
            )

    def newest(self) -> Checkpoint | None:
        """Return the newest anchored checkpoint. Raises DataDirectoryError if it is not one of this log."""
        path = self._directory / NEWEST
        try:
            return open_note(path.read_text(encoding="utf-8"), [self._key]) if path.exists() else None
        except (BadNote, OSError, ValueError) as error:
            raise DataDirectoryError(f"the anchored checkpoint {path} cannot be used: {error}") from None

    def put(self, checkpoint: Checkpoint, now: datetime, *, keep: bool = False) -> None:
        """Anchor a checkpoint durably; keep it for good if it is the first of an hour, or where `keep` is set.

        Raises OSError, DataDirectoryError.
        """
        held = self.newest()
        if held is None or held.head.size < checkpoint.head.size:
            durable_file.write(self._directory / NEWEST, checkpoint.note.encode())
        hour = now.strftime("%Y-%m-%dT%H")
        if not keep and hour == self._hour:
            return
        path = self._directory / HISTORY / str(checkpoint.head.size)
        if not path.exists():
            durable_file.write(path, checkpoint.note.encode())
        self._hour = hour

    def unstamped(self, suffix: str) -> list[Path]:
        """Return the kept checkpoints, by size, that have no file beside them with a suffix."""
        return [path for path in kept(self._directory) if not path.with_name(path.name + suffix).exists()]


def read_key(path: Path) -> VerifierKey:
    """Return the verifier key in a file. Raises DataDirectoryError."""
    try:
        return VerifierKey.parse(path.read_text(encoding="utf-8"))
    except (BadNote, OSError, ValueError) as error:
        raise DataDirectoryError(f"the verifier key {path} cannot be read: {error}") from None


def notes(directory: Path) -> list[Path]:
    """Return the files of an anchor directory that hold checkpoints."""
    newest = directory / NEWEST
    return [*kept(directory), *([newest] if newest.exists() else [])]


def kept(directory: Path) -> list[Path]:
    """Return the files of an anchor directory with the checkpoints that are kept for good, by size."""
    found = (path for path in (directory / HISTORY).glob("*") if path.name.isdecimal())
    return sorted(found, key=lambda path: int(path.name))
