"""Compares exported files with the log: every tile, every bundle of entries, and the checkpoint over them.

The tiles in the log were compared with the records before, so that the files are compared with those.
"""

from pathlib import Path

from screening.decisionlog import tile
from screening.decisionlog.checkpoint import BadNote, Head, VerifierKey, open_note
from screening.decisionlog.merkle import HASH_BYTES
from screening.decisionlog.tile import WIDTH
from screening.decisionlog.verify import Report
from screening.storage import rows
from screening.storage.database import Session
from screening.storage.tile_files import CHECKPOINT

_ENTRIES = "tile/entries"


def head_of(directory: Path, key: VerifierKey) -> Head | str | None:
    """Return what the exported checkpoint states, or what is wrong with it; None if there is none."""
    try:
        head = open_note((directory / CHECKPOINT).read_text(encoding="utf-8"), [key]).head
    except FileNotFoundError:
        return None
    except BadNote as error:
        return f"the exported checkpoint: {error}"
    except (OSError, ValueError):
        return "the exported checkpoint cannot be read"
    return head if head.origin == key.name else "the exported checkpoint is that of another log"


def compare(log: Session, directory: Path, head: Head | str | None, report: Report, *, entries: bool) -> None:
    """Report what is missing or altered in a directory of exported files; `entries`: entries must be there too.

    `head` was read before the records were counted, so that it is not ahead of them, and after the anchor: what is
    anchored was exported before, so that then the files must be there.
    """
    if not directory.exists():
        if report.anchored:
            report.fault(f"the exported tiles are gone: there is no {directory}")
    elif head is None:
        if report.anchored:  # else the first export may be under way
            report.fault("the exported checkpoint is gone")
    elif isinstance(head, str):
        report.fault(head)
    elif head.size > report.records:
        report.missing.append(f"records {report.records} to {head.size - 1}, of which tiles are exported")
    else:
        _compare_tiles(log, directory, head.size, report)
        if entries or (directory / _ENTRIES).exists():
            _compare_entries(log, directory, head.size, report, needed=entries)


def _compare_tiles(log: Session, directory: Path, size: int, report: Report) -> None:
    for each, width in tile.all_ids(size):
        files = _files(directory, each.path(), width, needed=True)
        hashes = rows.tile(log, each)
        for path, held, data in files:
            if data != hashes[: held * HASH_BYTES]:
                report.fault(f"the exported {path} is missing or altered")


def _compare_entries(log: Session, directory: Path, size: int, report: Report, *, needed: bool) -> None:
    query = "SELECT canonical FROM record WHERE log_index >= ? AND log_index < ? ORDER BY log_index"
    for n in range(-(-size // WIDTH)):
        files = _files(directory, tile.entries_path(n), min(WIDTH, size - n * WIDTH), needed=needed)
        if files:
            found = [row[0] for row in log.execute(query, (n * WIDTH, (n + 1) * WIDTH)).fetchall()]
            for path, held, data in files:
                if data != _bundle(found[:held]):
                    report.fault(f"the exported {path} is missing or altered")


def _files(directory: Path, path: str, width: int, *, needed: bool) -> list[tuple[str, int, bytes | None]]:
    """Return what is exported of a tile: path, width and bytes of each file; None for bytes that are needed and missing.

    A full tile replaces the partial ones; until then all of them are there, and meanwhile it may have become full. So
    the files are read before the log, which is never behind them.
    """
    widths = sorted(int(each.name) for each in (directory / f"{path}.p").glob("*") if each.name.isdecimal())
    found = [(f"{path}.p/{each}", each, _read(directory / f"{path}.p/{each}")) for each in widths if each <= width]
    found = [each for each in found if each[2] is not None]
    if (full := _read(directory / path)) is not None:
        found.append((path, WIDTH, full))
    elif needed and width not in [held for _, held, _ in found]:
        found.append((path if width == WIDTH else f"{path}.p/{width}", width, None))
    return found


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _bundle(entries: list[object]) -> bytes:
    """Return a bundle of entries; empty if it cannot be made of what is there."""
    try:
        return tile.entry_bundle(entry for entry in entries if isinstance(entry, bytes))
    except OverflowError:
        return b""
