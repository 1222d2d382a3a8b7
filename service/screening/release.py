"""What is in force, and how old it is."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from screening.bundle import LAWS, REGISTRY, Bundle

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


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
