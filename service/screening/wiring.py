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
from screening.decisionlog.seal import Sealer
from screening.errors import DataDirectoryError, SettingError
from screening.policy.invariant import FILE as INVARIANTS
from screening.screen import Screen
from screening.storage.keys import load_or_create
from screening.storage.sqlite import SqliteLog
from screening.telemetry.export import TraceExporter
from screening.telemetry.metrics import Metrics
from screening.telemetry.trace import Tracing
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
    log: SqliteLog
    port: int


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
        if not path.name.endswith((".test.yaml", INVARIANTS))  # they are held against the law and are no part of it
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
        exporter = open_exporter(settings)
        if exporter:
            stack.callback(exporter.close)
        sealer, log = _open_log(settings.data)
        stack.push_async_callback(log.close)
        refuser = Refuser(log, clock.now, new_id)
        stack.push_async_callback(refuser.flush, everything=True)
        authenticator = entrance.read_authenticator(settings)
        calls = Calls(
            authenticator=lambda: authenticator,
            tracing=Tracing(ParentBased(ALWAYS_ON)),
            exporter=exporter,
            metrics=metrics,
            refuser=refuser,
        )
        metrics.watch(log_healthy=log.writable, spans_dropped=lambda: exporter.dropped if exporter else 0)
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
        flushing = asyncio.create_task(refuser.flush_forever())
        stack.callback(flushing.cancel)
        port = await server.start(settings.listen)
        stack.push_async_callback(server.stop, settings.grace_seconds)
        serve_metrics(settings, metrics)
        yield App(settings, loaded, log, port)


def _open_log(data: Path) -> tuple[Sealer, SqliteLog]:
    """Open keys and log, making both for a new data directory. Raises DataDirectoryError."""
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise DataDirectoryError(f"the data directory {data} cannot be made: {error.strerror}") from None
    return open_sealer(data), SqliteLog(data, clock.now)


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
