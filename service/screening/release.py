"""What is in force: how old it is, and who released it.

A release is signed by a note beside its folders, `release.note`: a C2SP signed note of three lines, which are the name of
the key, a serial number, and the hash of all files. The serial grows with each release, so that an older one, whose
signature is as good, is not taken for the newest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from screening.bundle import LAWS, REGISTRY, Bundle, revision
from screening.decisionlog.checkpoint import BadNote, Signer, VerifierKey, open_note
from screening.errors import DataFileError

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
NOTE = "release.note"
LARGEST_SERIAL = 2**63 - 1


def sign(files: Mapping[str, str], serial: int, signer: Signer) -> str:
    """Return the note that releases files, by path such as `laws/us/terms.yaml`, under a serial from 1 on."""
    return signer.sign(serial, bytes.fromhex(revision(files, {}))).note


def verify(files: Mapping[str, str], note: str, key: VerifierKey) -> int:
    """Return the serial under which a key released files. Raises DataFileError if it did not release these."""
    try:
        head = open_note(note, [key]).head
    except BadNote as error:
        raise DataFileError(NOTE, 1, str(error), "Have the release signed: screening laws sign") from None
    if head.origin != key.name or head.root.hex() != revision(files, {}):
        raise DataFileError(NOTE, 3, "other files were signed than are here", "Restore the files, or sign them anew")
    if not 1 <= head.size <= LARGEST_SERIAL:
        raise DataFileError(NOTE, 2, "the serial is out of range", f"Use a serial from 1 to {LARGEST_SERIAL}")
    return head.size


def check_order(serial: int, before: int) -> None:
    """Refuse a release that is older than one that was in force before. Raises DataFileError."""
    if serial < before:
        problem = f"this is release {serial}, and release {before} was in force before"
        raise DataFileError(NOTE, 2, problem, "To go back, sign the old files under a higher serial")


@dataclass(frozen=True)
class Release:
    """A bundle, with the times from which the age of its parts is counted."""

    bundle: Bundle
    law_time: datetime
    registry_time: datetime

    def ages(self, now: datetime) -> tuple[timedelta, timedelta]:
        """Return the age of the law and that of the registry."""
        return now - self.law_time, now - self.registry_time


def of_files(bundle: Bundle, root: Path) -> Release:
    """Return a bundle that was read from the files under `root`, its parts as old as their newest files."""
    return Release(bundle, _newest(root / LAWS), _newest(root / REGISTRY))


def _newest(folder: Path) -> datetime:
    times = [datetime.fromtimestamp(file.stat().st_mtime, UTC) for file in folder.rglob("*.yaml")]
    return max(times, default=LONG_AGO)
