"""The two places where a decision log can be, each with the fault that befalls it: a full disk, a killed database."""

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psycopg
from screening.decisionlog.verify import Completeness
from screening.storage import anchor
from screening.storage.audit import Trust, audit
from screening.storage.database import Session
from screening.storage.postgres import PostgresSession

from tests.postgres import Postgres

DISK_BYTES = 6 * 2**30
_SPARE = tuple(4096 << step for step in range(12))
"""Bytes left free when the disk is made small: the least with which that succeeds."""
_DECISIONS = "SELECT id FROM record WHERE kind = 'decision'"


class Store(Protocol):
    """Where the log is kept."""

    name: str
    fault: str
    data: Path

    def environ(self) -> dict[str, str]:
        """Return the settings that choose it."""

    def fail(self) -> None:
        """Take away what an append needs."""

    def heal(self) -> None:
        """Give it back."""

    def decisions(self) -> set[str]:
        """Return the ids of all recorded decisions."""

    def verify(self) -> str:
        """Return what is wrong with the log; nothing if all of it verifies."""

    def close(self) -> None:
        """Leave nothing behind."""


@dataclass(frozen=True)
class Databases:
    """The two databases, for reading; a plain value, as processes of the auditor's need."""

    log: str
    keys: str

    def open_log(self) -> Session:
        """Connect to the log."""
        return PostgresSession(self.log, read_only=True)

    def open_keys(self) -> Session:
        """Connect to the key store."""
        return PostgresSession(self.keys, read_only=True)


class SmallDisk:
    """SQLite on a file system in memory that can be full; it takes root to mount it."""

    name, fault = "SQLite", "disk full"

    def __init__(self, scratch: Path) -> None:
        self._disk = scratch / "disk"
        self._disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", self._disk], check=True)
        self.data = self._disk / "data"

    def environ(self) -> dict[str, str]:
        """Return the settings that choose it."""
        return {}

    def _resize(self, size: int) -> bool:
        """Give the disk a size; say whether that was possible, which it is not below what is on it."""
        command = ["mount", "-o", f"remount,size={size}", str(self._disk)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def fail(self) -> None:
        """Make the disk as small as what is on it, though the service goes on writing meanwhile."""
        for spare in _SPARE:
            found = os.statvfs(self._disk)
            if self._resize((found.f_blocks - found.f_bfree) * found.f_frsize + spare):
                return
        raise RuntimeError("the disk cannot be made small")

    def heal(self) -> None:
        """Make it large again."""
        assert self._resize(DISK_BYTES)

    def decisions(self) -> set[str]:
        """Return the ids of all recorded decisions."""
        with sqlite3.connect(self.data / "log.db") as log:
            return {row[0] for row in log.execute(_DECISIONS)}

    def verify(self) -> str:
        """Run the auditor's command."""
        command = [sys.executable, "-m", "screening", "log", "verify", "--data", str(self.data), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return "" if done.returncode == 0 else json.dumps(done.stdout + done.stderr)

    def close(self) -> None:
        """Unmount it."""
        subprocess.run(["umount", "-l", self._disk], check=True)


class Database:
    """PostgreSQL; its fault kills the server."""

    name, fault = "PostgreSQL", "database killed"

    def __init__(self, scratch: Path) -> None:
        self._server = Postgres()
        self._log, self._keys = self._server.fresh()
        self.data = scratch / "data"

    def environ(self) -> dict[str, str]:
        """Return the settings that choose it."""
        return {"SCREENING_DATABASE": self._log, "SCREENING_KEYS_DATABASE": self._keys}

    def fail(self) -> None:
        """Kill the server; nothing is flushed."""
        self._server.kill()

    def heal(self) -> None:
        """Start it again."""
        self._server.start()

    def decisions(self) -> set[str]:
        """Return the ids of all recorded decisions."""
        with psycopg.connect(self._log) as log:
            return {row[0] for row in log.execute(_DECISIONS)}

    def verify(self) -> str:
        """Audit it against its anchor."""
        place = self.data.with_name(f"{self.data.name}-anchor")
        notes = [(str(path), path.read_text(encoding="utf-8")) for path in anchor.notes(place)]
        trust = Trust(anchor.read_key(place / anchor.KEY), notes)
        report = audit(Databases(self._log, self._keys), trust, None, with_keys=True)
        return "" if report.integrity and report.completeness == Completeness.VERIFIED else str(report)

    def close(self) -> None:
        """Stop it and remove its files."""
        self._server.__exit__()
