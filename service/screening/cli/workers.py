"""`screening serve --workers N`: several processes behind one port and on one decision log.

Each worker is a whole service with a listening socket of its own on the same port (SO_REUSEPORT), among which the kernel
shares out the connections. They write to one log in one total order. The first opens it and integrates; the others join.
The process that was started only watches: it passes signals on, and when one worker ends it ends them all, for whoever
started it to start it anew.
"""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import Process

import typer

from screening import crew
from screening.config import Settings
from screening.errors import ListenError, StartError

_START_SECONDS = 120


class WorkerFailed(StartError):
    """A worker did not start; it has said why."""


class Workers:
    """The processes that were started."""

    def __init__(self) -> None:
        self.processes: list[Process] = []
        self._stopped = False

    def add(self, process: Process) -> None:
        """Take on a worker; it is told to end at once if the others were told while it started."""
        self.processes.append(process)
        if self._stopped:
            process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """Tell every worker to drain and end; once, because a second signal would cut it short."""
        if not self._stopped:
            self._stopped = True
            self._signal(signal.SIGTERM)

    def reload(self) -> None:
        """Tell every worker to read its files anew."""
        self._signal(signal.SIGHUP)

    def _signal(self, number: signal.Signals) -> None:
        for process in self.processes:
            if process.returncode is None:
                process.send_signal(number)

    async def watch(self) -> int:
        """Wait until one worker ends, then end the others; return 0 if every one ended as it was told."""
        ends = [asyncio.create_task(process.wait()) for process in self.processes]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        self.stop()
        return int(any([await end for end in ends]))


async def supervise(settings: Settings) -> int:
    """Run the workers until told to stop; return the exit code. Raises StartError."""
    workers = Workers()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, workers.reload)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, workers.stop)
    shared = crew.make(settings.workers)
    with reserve(settings.listen) as held:
        listen = f"{settings.listen.rpartition(':')[0]}:{held.getsockname()[1]}"
        try:
            for worker in range(settings.workers):
                process = await _start(settings, listen, worker, shared)
                workers.add(process)
                line = await _serving(process)
            typer.echo(f"{line}; {settings.workers} workers")
            return await workers.watch()
        finally:
            workers.stop()
            await asyncio.gather(*(process.wait() for process in workers.processes))


def reserve(listen: str) -> socket.socket:
    """Take the port for this process and its workers, and nobody else. Raises ListenError."""
    host, _, port = listen.rpartition(":")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as alone:  # fails where anybody is on the port, sharing or not
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind(address)
            address = alone.getsockname()
        held = socket.socket(family, kind, protocol)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(address)
    except OSError:
        raise ListenError(f"the address {listen} cannot be bound; is another service on it?") from None
    return held


async def _start(settings: Settings, listen: str, worker: int, shared: int) -> Process:
    """Start a worker, which inherits the file that all of them share; it stops when this process, which holds its standard input open, is gone."""
    command = ["-m", "screening", "serve", "--listen", listen, "--data", str(settings.data)]
    command += ["--anchor", str(settings.anchor_directory), "--workers", str(settings.workers)]
    environ = os.environ | {
        name: _beside(address, worker)
        for name, address in (
            ("SCREENING_METRICS_LISTEN", settings.metrics_listen),
            ("SCREENING_HEALTH_LISTEN", settings.health_listen),
        )
        if address
    }
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        "--worker",
        f"{worker}:{shared}",
        pass_fds=(shared,),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environ,
        start_new_session=True,  # Ctrl-C reaches it through us alone
    )


def _beside(address: str, worker: int) -> str:
    """Return the address of a worker's own listener: the port of the setting, and those after it."""
    host, _, port = address.rpartition(":")
    return f"{host}:{int(port) + worker if int(port) else 0}"


async def _serving(worker: Process) -> str:
    assert worker.stdout is not None
    try:
        line = await asyncio.wait_for(worker.stdout.readline(), _START_SECONDS)
    except TimeoutError:
        line = b""
    if not line:
        raise WorkerFailed("a worker process did not start")
    return line.decode().rstrip("\n")
