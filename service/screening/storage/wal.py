"""Looks at SQLite's write-ahead log before SQLite does, because SQLite ends at the first damaged frame without a word.

A crash leaves at most one commit that was not synced, so at most one commit may stand behind a damaged frame: it was never
acknowledged, or it is the last one, and that cannot be told apart. More than one means that the file was damaged after
commits were acknowledged. The format is that of sqlite.org/fileformat2.html, section 4.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

CUT = "last_commit_cut"
"""The repair that is recorded where the last commit was damaged, as a loss of power leaves it."""
_HEADER, _FRAME = 32, 24
_PAGES = {2**power for power in range(9, 17)}
_MAGIC = 0x377F0682
"""The lowest bit says that checksums are over big-endian words."""


@dataclass(frozen=True)
class Damage:
    """What stands behind the first damaged frame."""

    frame: int
    """Number of the damaged frame, from 1."""
    commits: int
    """Commits from there on that belong to the same log."""


def damage(path: Path) -> Damage | None:
    """Return what is damaged in a write-ahead log; None if nothing is, or if there is none. Raises OSError."""
    if not path.exists() or path.stat().st_size < _HEADER + _FRAME:
        return None
    with path.open("rb") as file:
        return _damage(file)


def _damage(file: BinaryIO) -> Damage | None:
    header = file.read(_HEADER)
    magic, _, page, _ = struct.unpack(">4I", header[:16])
    order = ">" if magic & 1 else "<"
    if magic & ~1 != _MAGIC or _sum(order, header[:24], (0, 0)) != struct.unpack(">2I", header[24:]):
        page = page if page in _PAGES else 4_096
        first = file.read(_FRAME)
        file.seek(_HEADER)
        return Damage(0, sum(1 for _ in _commits(file, page, first[8:16])))
    sums = struct.unpack(">2I", header[24:])
    number = 0
    while len(frame := file.read(_FRAME + page)) == _FRAME + page:
        number += 1
        if frame[8:16] != header[16:24]:
            return None  # an older log stood here before
        sums = _sum(order, frame[:8] + frame[_FRAME:], sums)
        if sums != struct.unpack(">2I", frame[16:24]):
            file.seek(-len(frame), 1)
            return Damage(number, sum(1 for _ in _commits(file, page, header[16:24])))
    return None


def _commits(file: BinaryIO, page: int, salts: bytes) -> Iterator[int]:
    """Yield the size of the database after each commit that a log with these salts has from here on."""
    while len(frame := file.read(_FRAME + page)) == _FRAME + page:
        (size,) = struct.unpack(">I", frame[4:8])
        if frame[8:16] == salts and size:
            yield size


def _sum(order: str, data: bytes, start: tuple[int, ...]) -> tuple[int, ...]:
    """Return the running checksum of SQLite over pairs of 32-bit words."""
    one, two = start
    words = iter(struct.unpack(f"{order}{len(data) // 4}I", data))
    for word, following in zip(words, words, strict=True):
        one = (one + word + two) & 0xFFFFFFFF
        two = (two + following + one) & 0xFFFFFFFF
    return one, two
