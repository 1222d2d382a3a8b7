"""Who gets what: everything is built here, by hand, in order, and released in the opposite order."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from prometheus_client import start_http_server

from screening import __version__, bundle, clock
from screening.bundle import Bundle
from screening.config import Settings
from screening.decisionlog.checkpoint import Signer
from screening.decisionlog.receipt import Receipts
from screening.decisionlog.seal import Sealer
from screening.errors import DataDirectoryError, SettingError
from screening.screen import Screen
from screening.storage import durable_file
from screening.storage.anchor import KEY, Anchor
from screening.storage.checkpoints import Checkpoints, Places
from screening.storage.keys import load_or_create
from screening.storage.log import SqlLog
from screening.storage.sqlite import LOG, SqliteDatabase
from screening.storage.tile_files import TileFiles
from screening.storage.timestamp import Authority
from screening.telemetry.export import TraceExporter
from screening.telemetry.metrics import Metrics
from screening.telemetry.trace import Tracing
from screening.transport.call import Calls
from screening.transport.identity import new_id
from screening.transport.log_servicer import DecisionLogServicer
from screening.transport.refuse import Refuser
from screening.transport.screening_servicer import ScreeningServicer
from screening.transport.server import Server

_PACKAGE = Path(__file__).parent
_DATA_FOLDERS = ("laws", "registry", "lexicon")
KEY_FILES = ("wrapping.key", "reference.key", "checkpoint.key")


@dataclass(frozen=True)
class App:
    """A running service."""

    settings: Settings
    bundle: Bundle
    log: SqlLog
    port: int


def read_bundle(settings: Settings) -> Bundle:
    """Read law, registry and lexicon from their files. Raises DataFileError, SettingError."""
    root = settings.bundle or _PACKAGE
    files = {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
        for folder in _DATA_FOLDERS
        for path in sorted((root / folder).rglob("*.yaml"))
    }
    if not files:
        raise SettingError(f"SCREENING_BUNDLE: {root} has no laws, registry or lexicon")
    return bundle.build(files, settings.dated())


def open_sealer(settings: Settings) -> Sealer:
    """Open the sealing keys, or make them for a new log. Raises DataDirectoryError."""
    keys = settings.keys_directory
    return Sealer(load_or_create(keys / "wrapping.key"), load_or_create(keys / "reference.key"), os.urandom)


def open_signer(settings: Settings) -> Signer:
    """Open the key that signs checkpoints, or make it for a new log. Raises DataDirectoryError."""
    return Signer(settings.log_origin, load_or_create(settings.keys_directory / "checkpoint.key"))


def _check_keys(settings: Settings) -> None:
    """Refuse to make new keys beside an old log: that would hide that the old ones are lost."""
    for name in KEY_FILES:
        if (settings.data / LOG).exists() and not (settings.keys_directory / name).exists():
            raise DataDirectoryError(
                f"{settings.data} has a decision log but not its keys; restore {settings.keys_directory} before starting"
            )


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[App]:
    """Run the service until the block ends; then drain, close the log and flush telemetry. Raises StartError."""
    async with contextlib.AsyncExitStack() as stack:
        loaded = read_bundle(settings)
        metrics = Metrics()
        exporter = open_exporter(settings)
        if exporter:
            stack.callback(exporter.close)
        log = open_log(settings)
        stack.push_async_callback(log.close)
        sealer = open_sealer(settings)
        checkpoints = await open_checkpoints(settings, log)
        stack.push_async_callback(checkpoints.tick, last=True)
        refuser = Refuser(log, clock.now, new_id)
        stack.push_async_callback(refuser.flush, everything=True)
        calls = Calls(Tracing(ParentBased(ALWAYS_ON)), exporter, metrics, refuser)
        metrics.watch(log_healthy=log.writable, spans_dropped=lambda: exporter.dropped if exporter else 0)
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
        for task in (refuser.flush_forever(), checkpoints.run_forever(settings.checkpoint_seconds)):
            stack.callback(asyncio.create_task(task).cancel)
        port = await server.start(settings.listen)
        stack.push_async_callback(server.stop, settings.grace_seconds)
        serve_metrics(settings, metrics)
        yield App(settings, loaded, log, port)


def open_log(settings: Settings) -> SqlLog:
    """Open the decision log, making it for a new data directory. Raises DataDirectoryError."""
    try:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise DataDirectoryError(f"the data directory {settings.data} cannot be made: {error.strerror}") from None
    _check_keys(settings)
    return SqlLog(SqliteDatabase(settings.data), clock.now)


async def open_checkpoints(settings: Settings, log: SqlLog) -> Checkpoints:
    """Open signing key, anchor and export, and compare the log with both. Raises DataDirectoryError."""
    signer = open_signer(settings)
    anchor = Anchor(settings.anchor_directory, signer.key)
    await log.check(signer, anchor.newest())
    durable_file.write(settings.data / KEY, f"{signer.key}\n".encode())
    authority = Authority(settings.tsa_url) if settings.tsa_url else None
    tiles = TileFiles(settings.tiles_directory, signer.key, entries=settings.tile_entries)
    return Checkpoints(log, signer, Places(anchor, tiles, authority), clock.now, new_id)


def open_exporter(settings: Settings) -> TraceExporter | None:
    """Start the trace exporter if a receiver is configured; else nothing leaves the process."""
    if not settings.otlp_endpoint:
        return None
    address = urlsplit(settings.otlp_endpoint)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise SettingError("OTEL_EXPORTER_OTLP_ENDPOINT must be http://HOST:PORT or https://HOST:PORT")
    resource = Resource.create({SERVICE_NAME: "screening", SERVICE_VERSION: __version__})
    target = f"{address.hostname}:{address.port or 4317}"
    return TraceExporter(target, resource, secure=address.scheme == "https")


def serve_metrics(settings: Settings, metrics: Metrics) -> None:
    """Serve the metrics to Prometheus if an address is configured."""
    if settings.metrics_listen:
        host, _, port = settings.metrics_listen.rpartition(":")
        start_http_server(int(port), host.strip("[]"), registry=metrics.registry)
