"""Tiles and checkpoint as files in the layout of c2sp.org/tlog-tiles, for any static web server.

They are copies: whatever is lost or altered is made anew from the log. Entries are exported only where that is wanted,
because an entry says openly who asked when, and because the copy doubles the space. Files are written in a thread: a disk
that hangs must not hang the event loop, which says that the service is not ready.
"""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from screening.decisionlog import tile
from screening.decisionlog.checkpoint import BadNote, Checkpoint, VerifierKey, open_note
from screening.decisionlog.merkle import HASH_BYTES
from screening.decisionlog.port import DecisionLog, Stored
from screening.decisionlog.tile import WIDTH, TileId

CHECKPOINT = "checkpoint"
EXPORTED_ANEW = "tiles_exported_anew"
"""The repair that is recorded where exported tiles were missing or short."""
_AT_ONCE = 64


class TileFiles:
    """One export directory."""

    def __init__(self, directory: Path, key: VerifierKey, *, entries: bool) -> None:
        self._directory = directory
        self._entries = entries
        size = self._exported(key) if (directory / CHECKPOINT).exists() else 0
        self._size = size or 0
        self._repairs = [EXPORTED_ANEW] if size is None else []

    def repairs(self) -> list[str]:
        """Return what is mended with the next export, since the last call, as tokens to record."""
        taken, self._repairs = self._repairs, []
        return taken

    def _exported(self, key: VerifierKey) -> int | None:
        """Return the size that was exported; None, so that everything is written anew, if that cannot be known."""
        try:
            size = open_note((self._directory / CHECKPOINT).read_text(encoding="utf-8"), [key]).head.size
            return size if self._is_whole(size) else None
        except (BadNote, OSError, ValueError):
            return None

    def _is_whole(self, size: int) -> bool:
        """Say whether every tile has its length; a loss of power may leave one short or empty. Raises OSError."""
        bundles = range(-(-size // WIDTH)) if self._entries else ()
        return all(
            (self._directory / each.path(width)).stat().st_size == width * HASH_BYTES
            for each, width in tile.all_ids(size)
        ) and all(
            (self._directory / tile.entries_path(n, min(WIDTH, size - n * WIDTH))).stat().st_size for n in bundles
        )

    async def publish(self, checkpoint: Checkpoint, log: DecisionLog) -> None:
        """Export what a checkpoint covers and was not exported yet, the checkpoint last. Raises OSError."""
        size = checkpoint.head.size
        if self._size > size:
            self._size = 0
        async for some in _tiles(log, self._size, size):
            await asyncio.to_thread(self._write_tiles, some)
        if self._entries:
            await self._publish_entries(log, size)
        await asyncio.to_thread(self._write, CHECKPOINT, checkpoint.note.encode())
        self._size = size

    def _write_tiles(self, some: Iterable[tuple[TileId, int, bytes]]) -> None:
        for each, width, hashes in some:
            self._write(each.path(width), hashes)
            if width == WIDTH:
                self._drop_partial(each.path())

    async def _publish_entries(self, log: DecisionLog, size: int) -> None:
        for n in range(self._size // WIDTH, -(-size // WIDTH)):
            width = min(WIDTH, size - n * WIDTH)
            records = await log.read(n * WIDTH, width)
            await asyncio.to_thread(self._write_entries, n, width, records)

    def _write_entries(self, n: int, width: int, records: Iterable[Stored]) -> None:
        self._write(tile.entries_path(n, width), tile.entry_bundle(record.canonical for record in records))
        if width == WIDTH:
            self._drop_partial(tile.entries_path(n))

    def _write(self, path: str, data: bytes) -> None:
        """Write a file that is never seen half-written; it need not survive a loss of power.

        Makes the directories in the export, and never those that it stands in: they may have been taken away.
        """
        target = self._directory / path
        if not target.parent.is_dir():
            for folder in reversed(Path(path).parents):
                (self._directory / folder).mkdir(exist_ok=True)
        fresh = target.with_name(f"{target.name}.{os.getpid()}.new")
        fresh.write_bytes(data)
        fresh.rename(target)

    def _drop_partial(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._directory / f"{path}.p")


async def _tiles(log: DecisionLog, old: int, new: int) -> AsyncIterator[list[tuple[TileId, int, bytes]]]:
    """Yield the tiles, with width, in which a tree of one size differs from its earlier size; some at a time."""
    level, before, after = 0, old, new
    while after:
        wanted = [TileId(level, n) for n in range(before // WIDTH, -(-after // WIDTH))]
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            found = await log.tiles(some)
            widths = {each: min(WIDTH, after - each.n * WIDTH) for each in some}
            yield [(each, width, found[each][: width * HASH_BYTES]) for each, width in widths.items()]
        level, before, after = level + 1, before // WIDTH, after // WIDTH
