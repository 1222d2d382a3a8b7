"""A write-ahead log that was damaged is noticed before SQLite passes over what it lost."""

import sqlite3
from pathlib import Path

import pytest
from screening.errors import DataDirectoryError
from screening.storage import wal
from screening.storage.sqlite import SqliteDatabase

FRAME = 24 + 4096


def written(directory: Path, commits: int) -> Path:
    """Leave a write-ahead log with so many commits, as a killed process leaves it, and return its path."""
    live = directory / "live"
    live.mkdir()
    connection = sqlite3.connect(live / "log.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("CREATE TABLE t (n INTEGER, filler BLOB)")
    for number in range(commits - 1):
        connection.execute("INSERT INTO t VALUES (?, ?)", (number, bytes(5_000)))
    copy = directory / "data"
    copy.mkdir()
    for name in ("log.db", "log.db-wal"):
        (copy / name).write_bytes((live / name).read_bytes())
    (copy / "keys.db").touch()  # a log without its key store is refused before that
    connection.close()
    return copy / "log.db-wal"


def flip(path: Path, offset: int) -> None:
    """Change one byte."""
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(bytes(data))


def test_a_sound_log_is_sound(tmp_path: Path) -> None:
    """Also one that is empty, absent, or cut in the middle of its last frame."""
    path = written(tmp_path, 4)
    assert wal.damage(path) is None
    assert wal.damage(tmp_path / "nowhere") is None
    path.write_bytes(path.read_bytes()[:-100])
    assert wal.damage(path) is None
    path.write_bytes(b"")
    assert wal.damage(path) is None


@pytest.mark.parametrize("offset", [0, 20, 32 + 2, 32 + 24 + 7])
def test_damage_before_several_commits_stops_the_start(tmp_path: Path, offset: int) -> None:
    """SQLite would go on with what stands before it, or with nothing."""
    path = written(tmp_path, 4)
    flip(path, offset)
    found = wal.damage(path)
    assert found is not None
    assert found.commits >= 3
    before = path.read_bytes()
    with pytest.raises(DataDirectoryError, match="is damaged at frame"):
        SqliteDatabase(path.parent)
    assert path.read_bytes() == before


def test_damage_in_the_last_commit_is_a_repair(tmp_path: Path) -> None:
    """A loss of power leaves the commit that was being written so."""
    path = written(tmp_path, 4)
    flip(path, path.stat().st_size - 10)
    found = wal.damage(path)
    assert found is not None
    assert found.commits == 1
    database = SqliteDatabase(path.parent)
    assert database.repairs == [wal.CUT]
    database.close()


def test_frames_of_an_older_log_behind_the_newest_are_no_damage(tmp_path: Path) -> None:
    """SQLite begins at the front again after a checkpoint and leaves the rest."""
    connection = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (n INTEGER, filler BLOB)")
    for number in range(5):
        connection.execute("INSERT INTO t VALUES (?, ?)", (number, bytes(20_000)))
    connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
    connection.execute("INSERT INTO t VALUES (9, x'00')")
    assert wal.damage(tmp_path / "a.db-wal") is None
    connection.close()
