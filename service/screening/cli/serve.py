"""`screening serve`: runs the service until it is told to stop."""

import asyncio
import contextlib
import gc
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from screening import config
from screening.cli.workers import supervise
from screening.config import Settings
from screening.crew import Crew
from screening.telemetry import logs
from screening.wiring import running

SWITCH_INTERVAL_SECONDS = 0.0002
"""How long one thread may keep the interpreter while the log's writer waits for it; see decision record 3."""

COLLECT_AFTER = (50_000, 20, 50)
"""New objects before the garbage collector looks at the young ones, and so on: a batch of 1,000 makes as many in a moment."""


def serve(
    listen: Annotated[
        str | None, typer.Option(help="HOST:PORT, without TLS loopback only", show_default="127.0.0.1:50051")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Directory of the decision log", show_default="./data")] = None,
    anchor: Annotated[Path | None, typer.Option(help="Directory for checkpoints", show_default="data-anchor")] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes", show_default="1")] = None,
    worker: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run the service on embedded defaults; SIGTERM or Ctrl-C drains it and exits 0, SIGHUP reads its files anew."""
    settings = config.from_environ(os.environ, listen=listen, data=data, anchor=anchor, workers=workers)
    os.umask(0o077)  # nobody else on the machine reads the log or its keys
    logs.configure()
    if settings.workers > 1 and worker is None:
        raise typer.Exit(asyncio.run(supervise(settings)))
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    finish_what_runs()
    uvloop.run(_serve(settings, _crew(settings, worker)))


def finish_what_runs() -> None:
    """Ask the system to let a thread of ours that runs go on when another one wakes; see decision record 28.

    Threads that begin later take it over. Where the system cannot, or must not, nothing changes.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


async def _serve(settings: Settings, crew: Crew | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if crew is not None:
        loop.add_reader(sys.stdin.fileno(), stop.set)  # it ends when the process that watches us is gone
    async with running(settings, crew=crew) as app:
        gc.collect()
        gc.freeze()  # law, registry and lexicon stay: to look through them again and again takes a tenth of all time
        gc.set_threshold(*COLLECT_AFTER)
        loop.add_signal_handler(signal.SIGHUP, app.reloader.ask)
        host = settings.listen.rpartition(":")[0]
        manner = "TLS" if settings.tls else "plaintext, loopback only"
        if not settings.tls and not (crew and crew.worker):
            typer.echo(f"screening: NO TLS: {_who_may_ask(settings)}", err=True)
        typer.echo(
            f"screening is serving on {host}:{app.port} ({manner}); "
            f"data in {settings.data}; bundle {app.bundle.revision[:12]}"
        )
        await stop.wait()
        typer.echo("screening is draining", err=True)


def _crew(settings: Settings, worker: str | None) -> Crew | None:
    """Return what the workers share, given the number of this one and the descriptor of the file, as `0:5`."""
    if worker is None:
        return None
    number, file = map(int, worker.split(":"))
    return Crew(file, settings.workers, number)


def _who_may_ask(settings: Settings) -> str:
    if settings.callers is None:
        return "every program on this machine may ask and read everything"
    return f"programs on this machine are told apart by tokens at most; {settings.callers} says what they may"
