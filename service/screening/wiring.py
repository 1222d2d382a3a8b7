"""Who gets what: everything is built here, by hand, in order, and released in the opposite order."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from screening import __version__, bundle, clock, observed
from screening.bundle import Bundle
from screening.config import Settings
from screening.decisionlog.seal import Sealer
from screening.errors import DataDirectoryError, SettingError
from screening.screen import Screen
from screening.storage.keys import load_or_create
from screening.storage.sqlite import SqliteLog
from screening.telemetry import logs
from screening.telemetry.loop_lag import LoopLag
from screening.telemetry.metrics import Metrics
from screening.transport import entrance
from screening.transport.call import Calls
from screening.transport.identity import new_id
from screening.transport.log_servicer import DecisionLogServicer
from screening.transport.refuse import Refuser
from screening.transport.screening_servicer import ScreeningServicer
from screening.transport.server import Server

_PACKAGE = Path(__file__).parent
_DATA_FOLDERS = ("laws", "registry", "lexicon")
_DATA_SUFFIXES = (".yaml", ".csv", ".txt")


@dataclass(frozen=True)
class App:
    """A running service."""

    settings: Settings
    bundle: Bundle
    log: SqliteLog
    port: int
    metrics_port: int | None


def bundle_root(settings: Settings) -> Path:
    """Return the directory that has laws, registry and lexicon."""
    return settings.bundle or _PACKAGE


def read_bundle(settings: Settings) -> Bundle:
    """Read law, registry and lexicon from their files. Raises DataFileError, SettingError."""
    root = bundle_root(settings)
    files = {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
        for folder in _DATA_FOLDERS
        for path in sorted((root / folder).rglob("*"))
        if path.suffix in _DATA_SUFFIXES
        and not path.name.endswith(".test.yaml")  # cases are held against the law and are no part of it
    }
    if not files:
        raise SettingError(f"SCREENING_BUNDLE: {root} has no laws, registry or lexicon")
    return bundle.build(files, settings.dated())


def open_sealer(data: Path) -> Sealer:
    """Open the key files beside the log, or make them for a new log. Raises DataDirectoryError."""
    keys = data / "keys"
    if (data / "log.db").exists() and not (keys / "wrapping.key").exists():
        raise DataDirectoryError(f"{data} has a decision log but not its keys; restore {keys} before starting")
    return Sealer(load_or_create(keys / "wrapping.key"), load_or_create(keys / "reference.key"), os.urandom)


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[App]:
    """Run the service until the block ends; then drain, close the log and flush telemetry. Raises StartError."""
    async with contextlib.AsyncExitStack() as stack:
        loaded = read_bundle(settings)
        metrics = Metrics()
        tracing = observed.tracing(settings)
        exporters = observed.exporters(settings, metrics)
        stack.callback(exporters.close)
        if exporters.logs:
            logs.configure(also=exporters.logs.add)
            stack.callback(logs.configure)
        sealer, log = _open_log(settings.data)
        stack.push_async_callback(log.close)
        refuser = Refuser(log, clock.now, new_id)
        stack.push_async_callback(refuser.flush, everything=True)
        authenticator = entrance.read_authenticator(settings)
        calls = Calls(
            authenticator=lambda: authenticator,
            tracing=tracing,
            exporter=exporters.traces,
            metrics=metrics,
            refuser=refuser,
        )
        lag = LoopLag()
        metrics.watch(
            {
                **exporters.dropped(),
                "screening_refusals_unrecorded_total": lambda: refuser.unrecorded,
                "screening_log_healthy": log.writable,
                "screening_log_queue_appends": log.waiting,
                "screening_commit_seconds": lambda: log.load.seconds,
                "screening_commit_records": lambda: log.load.records,
                "screening_data_free_bytes": lambda: shutil.disk_usage(settings.data).free,
                "screening_loop_lag_seconds": lambda: lag.seconds,
                "screening_info": lambda: {(__version__, loaded.revision[:12]): 1},
            }
        )
        screen = Screen(
            bundle=lambda: loaded,
            log=log,
            sealer=sealer,
            clock=clock.now,
            new_id=new_id,
            origin=settings.log_origin,
        )
        server = Server(
            screening=ScreeningServicer(screen, calls, clock.today),
            decision_log=DecisionLogServicer(log, sealer, settings.log_origin),
            calls=calls,
            metrics=metrics,
            log_healthy=log.writable,
        )
        for forever in (refuser.flush_forever(), lag.watch()):
            stack.callback(asyncio.create_task(forever).cancel)
        port = await server.start(settings.listen)
        stack.push_async_callback(server.stop, settings.grace_seconds)
        metrics_port = None
        if settings.metrics_listen:
            metrics_port, stop_metrics = observed.serve_metrics(settings, metrics)
            stack.callback(stop_metrics)
        yield App(settings, loaded, log, port, metrics_port)


def _open_log(data: Path) -> tuple[Sealer, SqliteLog]:
    """Open keys and log, making both for a new data directory. Raises DataDirectoryError."""
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise DataDirectoryError(f"the data directory {data} cannot be made: {error.strerror}") from None
    return open_sealer(data), SqliteLog(data, clock.now)
