"""What is in force: how old it is, and who released it.

A release is signed by a note beside its folders, `release.note`: a C2SP signed note of four lines, which are the name of
the key, a serial number, the hash of all files, and when it was signed. The serial grows with each release, so that an
older one, whose signature is as good, is not taken for the newest. The time says when somebody last answered for the files,
changed or not: law and registry are as old as that. Where nobody signed, they are as old as their newest file.
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
_SIGNED, _TIME = "signed ", "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Signed:
    """What a note says beside the hash of the files."""

    serial: int
    time: datetime
    """When it was signed, by the signer's clock; UTC, whole seconds."""


def sign(files: Mapping[str, str], serial: int, signer: Signer, time: datetime) -> str:
    """Return the note that releases files, by path such as `laws/us/terms.yaml`, under a serial from 1 on."""
    signed = f"{_SIGNED}{time.astimezone(UTC):{_TIME}}"
    return signer.sign(serial, bytes.fromhex(revision(files, {})), (signed,)).note


def verify(files: Mapping[str, str], note: str, key: VerifierKey) -> Signed:
    """Return under which serial and when a key released files. Raises DataFileError if it did not release these."""
    try:
        head = open_note(note, [key]).head
    except BadNote as error:
        raise DataFileError(NOTE, 1, str(error), "Have the release signed: screening laws sign") from None
    if head.origin != key.name or head.root.hex() != revision(files, {}):
        raise DataFileError(NOTE, 3, "other files were signed than are here", "Restore the files, or sign them anew")
    if not 1 <= head.size <= LARGEST_SERIAL:
        raise DataFileError(NOTE, 2, "the serial is out of range", f"Use a serial from 1 to {LARGEST_SERIAL}")
    return Signed(head.size, _time(head.extensions))


def _time(lines: tuple[str, ...]) -> datetime:
    try:
        (line,) = lines
        return datetime.strptime(line, f"{_SIGNED}{_TIME}").replace(tzinfo=UTC)
    except ValueError:
        raise DataFileError(
            NOTE, 4, "it does not say when it was signed", "Sign it anew: screening laws sign"
        ) from None


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


def of_files(bundle: Bundle, files: Mapping[str, Path]) -> Release:
    """Return a bundle that was read from files, by path such as `laws/us/terms.yaml`, with the age of its parts."""
    if bundle.signed:
        return Release(bundle, bundle.signed, bundle.signed)
    return Release(bundle, _newest(files, LAWS), _newest(files, REGISTRY))


def _newest(files: Mapping[str, Path], folder: str) -> datetime:
    times = [path.stat().st_mtime for name, path in files.items() if name.startswith(folder)]
    return datetime.fromtimestamp(max(times), UTC) if times else LONG_AGO
