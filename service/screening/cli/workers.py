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

from screening.config import Settings
from screening.errors import ListenError, StartError

_START_SECONDS = 120


class WorkerFailed(StartError):
    """A worker did not start; it has said why."""


async def supervise(settings: Settings) -> int:
    """Run the workers until told to stop; return the exit code. Raises StartError."""
    with reserve(settings.listen) as held:
        port = held.getsockname()[1]
        host = settings.listen.rpartition(":")[0]
        workers: list[Process] = []
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, pass_on, workers, number)
        try:
            for worker in range(settings.workers):
                workers.append(await _start(settings, f"{host}:{port}", worker))
                line = await _serving(workers[-1])
            typer.echo(f"{line}; {settings.workers} workers")
            return await _watch(workers)
        finally:
            pass_on(workers, signal.SIGTERM)
            await asyncio.gather(*(worker.wait() for worker in workers))


def pass_on(workers: list[Process], number: int) -> None:
    """Send a signal to every worker that still runs; Ctrl-C as SIGTERM, which the terminal sends them as well."""
    for worker in workers:
        if worker.returncode is None:
            worker.send_signal(signal.SIGHUP if number == signal.SIGHUP else signal.SIGTERM)


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


async def _start(settings: Settings, listen: str, worker: int) -> Process:
    """Start a worker; it stops when this process, which holds its standard input open, is gone."""
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
        str(worker),
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


async def _watch(workers: list[Process]) -> int:
    """Wait until one worker ends, then end the others; return 0 if every one ended as it was told."""
    await asyncio.wait([asyncio.create_task(worker.wait()) for worker in workers], return_when=asyncio.FIRST_COMPLETED)
    pass_on(workers, signal.SIGTERM)
    codes = [await worker.wait() for worker in workers]
    return int(any(codes))
