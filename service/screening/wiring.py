"""Who gets what: everything is built here, by hand, in order, and released in the opposite order."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from screening import __version__, bundle, clock, observed, recorded
from screening.bundle import Bundle
from screening.config import Settings
from screening.decisionlog.receipt import Receipts
from screening.errors import SettingError
from screening.screen import Screen
from screening.storage.log import SqlLog
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


@dataclass(frozen=True)
class App:
    """A running service."""

    settings: Settings
    bundle: Bundle
    log: SqlLog
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
        for path in sorted((root / folder).rglob("*.yaml"))
        if not path.name.endswith(".test.yaml")  # cases are held against the law and are no part of it
    }
    if not files:
        raise SettingError(f"SCREENING_BUNDLE: {root} has no laws, registry or lexicon")
    return bundle.build(files, settings.dated())


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
        log = recorded.open_log(settings)
        stack.push_async_callback(log.close)
        sealer = recorded.open_sealer(settings)
        checkpoints = await recorded.open_checkpoints(settings, log)
        stack.push_async_callback(checkpoints.tick, last=True)
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
        receipts = Receipts(settings.log_origin, settings.integration_seconds)
        screen = Screen(
            bundle=lambda: loaded,
            log=log,
            sealer=sealer,
            clock=clock.now,
            new_id=new_id,
            receipts=receipts,
        )
        server = Server(
            screening=ScreeningServicer(screen, calls, clock.today),
            decision_log=DecisionLogServicer(log, sealer, receipts),
            calls=calls,
            metrics=metrics,
            log_healthy=lambda: log.writable() and not checkpoints.tampered,
        )
        for forever in (refuser.flush_forever(), lag.watch(), checkpoints.run_forever(settings.checkpoint_seconds)):
            stack.callback(asyncio.create_task(forever).cancel)
        port = await server.start(settings.listen)
        stack.push_async_callback(server.stop, settings.grace_seconds)
        metrics_port = None
        if settings.metrics_listen:
            metrics_port, stop_metrics = observed.serve_metrics(settings, metrics)
            stack.callback(stop_metrics)
        yield App(settings, loaded, log, port, metrics_port)
