"""What is read from files and read anew while the service runs: law, callers, keys, certificates.

A change is taken up when the files have been at rest for one look, so that a half-copied directory is not read; what
was changed again while it was read is read once more. A bad one leaves the old in force, and says why.
"""

import asyncio
import gc
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from screening.errors import StartError

LOOK_SECONDS = 1.0

Stamp = tuple[object, ...]
Told = Callable[[str, str], None]
"""Told the name of what was read anew, and why it was not taken; an empty reason: it was."""

_Value = TypeVar("_Value")


def stamp_files(paths: Iterable[Path]) -> Stamp:
    """Return what changes when any of the files, or a file under any of the directories, changes or is replaced."""
    files: list[Path] = []
    for path in paths:
        files += sorted(path.rglob("*")) if path.is_dir() else [path]
    return tuple(_stamp(file) for file in files)


def _stamp(file: Path) -> Stamp:
    try:
        status = file.stat()
    except OSError:
        return (str(file), None)
    return (str(file), status.st_mtime_ns, status.st_size, status.st_ino)


def gently(steps: Iterable[None]) -> None:
    """Go through all steps, and after each rest for as long as it took, so that calls get their turn. Blocks."""
    began = time.thread_time()
    for _ in steps:
        time.sleep(time.thread_time() - began)
        began = time.thread_time()


class Watched(Generic[_Value]):
    """One thing that is read from files. `read` raises StartError for what it cannot take."""

    def __init__(self, name: str, stamp: Callable[[], Stamp], read: Callable[[], _Value]) -> None:
        """Read for the first time. Raises StartError."""
        self.name = name
        self._stamp = stamp
        self._read = read
        self._tried = self._seen = stamp()
        self.value = read()
        """What is in force."""
        self.problem = ""
        """Why the newest files were not taken; empty while they are in force."""
        self.taken = 0
        """How often newer files came into force."""
        self.refused = 0
        """How often they were not taken."""

    def look(self, *, forced: bool = False) -> bool:
        """Read anew if the files changed, or if `forced`; say whether that was tried. Blocks."""
        stamp = self._stamp()
        at_rest = stamp == self._seen
        self._seen = stamp
        if not forced and (stamp == self._tried or not at_rest):
            return False
        self._try()
        self._seen = self._stamp()
        self._tried = stamp
        return True

    def _try(self) -> None:
        try:
            self.value = self._read()
        except StartError as error:
            self.problem = str(error)
        except Exception as error:  # noqa: BLE001  # whatever a bad file leads to, the old one stays in force
            self.problem = f"{self.name} cannot be read: {type(error).__name__}"
        else:
            self.problem = ""
        self.taken += not self.problem
        self.refused += bool(self.problem)


class Reloader:
    """Looks after everything that is watched, in a thread, so that calls go on meanwhile."""

    def __init__(self, watched: Sequence[Watched[Any]], told: Told) -> None:
        self.watched = watched
        self._told = told
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Read everything anew soon, changed or not."""
        self._asked.set()

    async def run(self) -> None:
        """Look every LOOK_SECONDS, until cancelled."""
        while True:
            try:
                await asyncio.wait_for(self._asked.wait(), LOOK_SECONDS)
            except TimeoutError:
                await self._look(forced=False)
            else:
                self._asked.clear()
                await self._look(forced=True)

    async def _look(self, *, forced: bool) -> None:
        for each in self.watched:
            if await asyncio.to_thread(each.look, forced=forced):
                self._told(each.name, each.problem)
                gc.collect()  # what was replaced refers to itself, and its own time would come many reloads later
