"""Who gets what: everything is built here, by hand, in order, and released in the opposite order."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

import structlog
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased

from screening import __version__, bundle, clock, release
from screening.bundle import Bundle
from screening.clock import Clock
from screening.config import Settings
from screening.decisionlog.seal import Sealer
from screening.errors import DataDirectoryError, SettingError
from screening.release import Release
from screening.reload import Reloader, Watched, stamp_files
from screening.screen import Screen
from screening.storage.keys import load_or_create
from screening.storage.sqlite import SqliteLog
from screening.telemetry.attributes import EVENT_RELOAD
from screening.telemetry.export import TraceExporter
from screening.telemetry.metrics import Metrics
from screening.telemetry.trace import Tracing
from screening.transport.admission import STREAMS, Admission
from screening.transport.call import Calls
from screening.transport.entrance import Entrance
from screening.transport.health import Health
from screening.transport.identity import new_id
from screening.transport.log_servicer import DecisionLogServicer
from screening.transport.probes import Heartbeat, serve_health, serve_http
from screening.transport.refuse import Refuser
from screening.transport.screening_servicer import ScreeningServicer
from screening.transport.server import NEEDS, Server
from screening.transport.status_servicer import StatusServicer

_PACKAGE = Path(__file__).parent
MOST_BYTES_IN_FLIGHT = 128 * 1024 * 1024
"""Bytes of messages being worked on; what the transport holds beside them is bounded by the calls it takes."""
_DATA_FOLDERS = ("laws", "registry", "lexicon")


@dataclass(frozen=True)
class App:
    """A running service."""

    settings: Settings
    law: Watched[Release]
    log: SqliteLog
    port: int
    health: Health
    reloader: Reloader
    metrics_port: int | None
    health_port: int | None

    @property
    def bundle(self) -> Bundle:
        """Return the bundle in force."""
        return self.law.value.bundle


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


def open_sealer(data: Path) -> Sealer:
    """Open the key files beside the log, or make them for a new log. Raises DataDirectoryError."""
    keys = data / "keys"
    if (data / "log.db").exists() and not (keys / "wrapping.key").exists():
        raise DataDirectoryError(f"{data} has a decision log but not its keys; restore {keys} before starting")
    return Sealer(load_or_create(keys / "wrapping.key"), load_or_create(keys / "reference.key"), os.urandom)


def watch_law(settings: Settings) -> Watched[Release]:
    """Read the law, and go on reading it where its directory is a setting. Raises DataFileError, SettingError."""
    root = bundle_root(settings)
    folders = [root / folder for folder in _DATA_FOLDERS] if settings.bundle else []
    return Watched("law", lambda: stamp_files(folders), lambda: release.of_files(read_bundle(settings), root))


@contextlib.asynccontextmanager
async def running(settings: Settings, wall: Callable[[], datetime] = clock.now) -> AsyncIterator[App]:
    """Run the service until the block ends; then drain, close the log and flush telemetry. Raises StartError."""
    async with contextlib.AsyncExitStack() as stack:
        time = Clock(wall)
        law = watch_law(settings)
        entrance = Entrance(settings)
        metrics = Metrics()
        exporter = open_exporter(settings)
        if exporter:
            stack.callback(exporter.close)
        sealer, log = _open_log(settings.data, time)
        stack.push_async_callback(log.close)
        refuser = Refuser(log, time.now, new_id)
        stack.push_async_callback(refuser.flush, everything=True)
        health = Health(NEEDS, _health_tests(settings, law, log, sealer, time))
        admission = Admission(decisions=settings.most_in_flight, size=MOST_BYTES_IN_FLIGHT, now=monotonic)
        calls = Calls(
            authenticator=entrance.authenticator,
            admission=admission,
            unready=health.unready,
            tracing=Tracing(ParentBased(ALWAYS_ON)),
            exporter=exporter,
            metrics=metrics,
            refuser=refuser,
        )
        metrics.watch(log_healthy=log.writable, spans_dropped=lambda: exporter.dropped if exporter else 0)
        screen = Screen(
            bundle=lambda: law.value.bundle,
            log=log,
            sealer=sealer,
            clock=time.now,
            new_id=new_id,
            origin=settings.log_origin,
        )
        reloader = Reloader([law, *entrance.watched], _tell_reload)
        server = Server(
            screening=ScreeningServicer(screen, calls, time.today),
            decision_log=DecisionLogServicer(log, sealer, settings.log_origin),
            status=StatusServicer(
                version=__version__,
                started=time.now(),
                bundle=lambda: law.value.bundle,
                health=health,
                log=log,
                watched=reloader.watched,
                admission=admission,
            ),
            calls=calls,
            health=health,
            metrics=metrics,
            most_calls=2 * settings.most_in_flight + STREAMS,
        )
        ports = await _serve_probes(settings, stack, metrics, health)
        for forever in (refuser.flush_forever(), reloader.run()):
            stack.callback(asyncio.create_task(forever).cancel)
        port = await server.start(settings.listen, entrance.credentials())
        stack.push_async_callback(server.stop, notice=settings.notice_seconds, grace=settings.grace_seconds)
        yield App(settings, law, log, port, health, reloader, *ports)


def _health_tests(
    settings: Settings, law: Watched[Release], log: SqliteLog, sealer: Sealer, time: Clock
) -> dict[str, Callable[[], bool]]:
    """Return what proves each condition of health; `draining` is the server's to say."""
    oldest = timedelta(hours=settings.refuse_after_hours) if settings.refuse_after_hours else timedelta.max

    def fresh(part: int) -> bool:
        return law.value.ages(time.now())[part] <= oldest

    def keys_work() -> bool:
        sealed = sealer.seal(b"probe", "probe")
        return sealer.open(sealed.fields(), sealed.wrapped_key, "probe") == b"probe"

    return {
        "bundle": lambda: fresh(0),
        "registry": lambda: fresh(1),
        "log": log.writable,
        "keys": keys_work,
        "clock": time.holds,
    }


async def _serve_probes(
    settings: Settings, stack: contextlib.AsyncExitStack, metrics: Metrics, health: Health
) -> tuple[int | None, int | None]:
    """Serve probes and metrics where addresses are set, until after the service has drained; return their ports."""
    metrics_port = health_port = None
    if settings.metrics_listen:
        heart = Heartbeat()
        stack.callback(asyncio.create_task(heart.beat()).cancel)
        metrics_port, stop = serve_http(settings.metrics_listen, metrics.registry, heart.live, lambda: health.failing)
        stack.callback(stop)
    if settings.health_listen:
        health_port, server = await serve_health(settings.health_listen, health)
        stack.push_async_callback(server.stop, None)
    return metrics_port, health_port


def _tell_reload(name: str, problem: str) -> None:
    """Log that files were read anew."""
    log = structlog.get_logger()
    if problem:
        log.error(EVENT_RELOAD, source=name, taken=False, problem=problem)
    else:
        log.info(EVENT_RELOAD, source=name, taken=True)


def _open_log(data: Path, time: Clock) -> tuple[Sealer, SqliteLog]:
    """Open keys and log, making both for a new data directory. Raises DataDirectoryError."""
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise DataDirectoryError(f"the data directory {data} cannot be made: {error.strerror}") from None
    return open_sealer(data), SqliteLog(data, time.now)


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
