"""Files that survive the loss of power, and are never seen half-written.

open(new), write, fsync, close, rename over the old one, fsync the directory
"""

import contextlib
import os
import secrets
from pathlib import Path


def write(path: Path, data: bytes, *, mode: int = 0o644, replace: bool = True) -> None:
    """Write a file so that after a crash it is there whole or not at all; one that is there stays unless `replace` is set.

    Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")  # processes in containers share their numbers
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        _write_all(handle, data)
        os.fsync(handle)
    finally:
        os.close(handle)
    if replace:
        fresh.rename(path)
    else:
        _keep_the_first(fresh, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _keep_the_first(fresh: Path, path: Path) -> None:
    """Give a file its name unless another process was first."""
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(fresh)
    fresh.unlink()


def prove_writable(directory: Path, mode: int = 0o700) -> None:
    """Make a directory, or write a file in it and remove that. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True, mode=mode)
    probe = directory / f".probe.{os.getpid()}"
    probe.write_bytes(b"0")
    probe.unlink(missing_ok=True)


def _write_all(handle: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]
