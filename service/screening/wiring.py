"""Who gets what: everything is built here, by hand, in order, and released in the opposite order."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from time import monotonic

from screening import __version__, bundle, clock, observed, operations, recorded, release
from screening.activation import Activations
from screening.bundle import Bundle
from screening.clock import Clock
from screening.config import Settings
from screening.crew import Crew
from screening.decisionlog.checkpoint import BadNote, VerifierKey
from screening.decisionlog.receipt import Receipts
from screening.errors import SettingError
from screening.policy.invariant import FILE as INVARIANTS
from screening.release import Release
from screening.reload import Reloader, Watched, gently, stamp_files
from screening.screen import Screen
from screening.storage.log import SqlLog
from screening.telemetry import logs
from screening.telemetry.loop_lag import LoopLag
from screening.telemetry.metrics import Metrics
from screening.transport.admission import STREAMS, Admission
from screening.transport.calls import Calls
from screening.transport.entrance import Entrance
from screening.transport.health import Health
from screening.transport.identity import new_id
from screening.transport.log_servicer import DecisionLogServicer
from screening.transport.observe import Observer
from screening.transport.purse import OwnPurses, SharedPurses
from screening.transport.refuse import Refuser
from screening.transport.screening_servicer import ScreeningServicer
from screening.transport.server import NEEDS, Server
from screening.transport.status_servicer import StatusServicer

_PACKAGE = Path(__file__).parent
MOST_BYTES_IN_FLIGHT = 128 * 1024 * 1024
"""Bytes of messages being worked on; what the transport holds beside them is bounded by the calls it takes."""
_DATA_FOLDERS = ("laws", "registry", "lexicon")
_DATA_SUFFIXES = (".yaml", ".csv", ".txt")


@dataclass(frozen=True)
class App:
    """A running service."""

    settings: Settings
    law: Watched[Release]
    log: SqlLog
    port: int
    health: Health
    reloader: Reloader
    admission: Admission
    metrics_port: int | None
    health_port: int | None

    @property
    def bundle(self) -> Bundle:
        """Return the bundle in force."""
        return self.law.value.bundle


def bundle_root(settings: Settings) -> Path:
    """Return the directory that has laws, registry and lexicon."""
    return settings.bundle or _PACKAGE


def find_files(root: Path) -> dict[str, Path]:
    """Return the files that make up a bundle, by path such as `laws/us/terms.yaml`. Raises SettingError."""
    files = {
        path.relative_to(root).as_posix(): path
        for folder in _DATA_FOLDERS
        for path in sorted((root / folder).rglob("*"))
        if path.suffix in _DATA_SUFFIXES
        and not path.name.endswith((".test.yaml", INVARIANTS))  # they are held against the law and are no part of it
    }
    if not files:
        raise SettingError(f"SCREENING_BUNDLE: {root} has no laws, registry or lexicon")
    return files


def read_files(root: Path) -> dict[str, str]:
    """Return the texts of the files that make up a bundle, by path. Raises SettingError."""
    return {name: path.read_text(encoding="utf-8") for name, path in find_files(root).items()}


def read_bundle(settings: Settings, before: Bundle | None = None) -> Bundle:
    """Read law, registry and lexicon from their files, and check who released them if a key is set.

    What is as it was in the bundle `before` is taken from that. Raises DataFileError, SettingError.
    """
    root = bundle_root(settings)
    files = read_files(root)
    if not settings.law_key:
        return bundle.build(files, settings.dated(), before=before)
    signed = release.verify(files, read_note(root), law_key(settings.law_key))
    return bundle.build(files, settings.dated(), signed.serial, before, signed.time)


def read_note(root: Path) -> str:
    """Return the note that signs a release; empty if there is none."""
    note = root / release.NOTE
    return note.read_text(encoding="utf-8") if note.is_file() else ""


def law_key(given: str) -> VerifierKey:
    """Return the key that releases are signed with, given as text or as a file with it. Raises SettingError."""
    try:
        return VerifierKey.parse(Path(given).read_text(encoding="utf-8") if Path(given).is_file() else given)
    except (BadNote, OSError, ValueError):
        raise SettingError("SCREENING_LAW_KEY must be a verifier key, or a file with one") from None


def read_registry(folder: Path) -> dict[str, str]:
    """Return the files of a registry folder as texts by name. Raises OSError."""
    files = sorted(path for path in folder.iterdir() if path.suffix in _DATA_SUFFIXES)
    return {path.name: path.read_text(encoding="utf-8") for path in files}


def watch_law(settings: Settings, today: Callable[[], date]) -> Watched[Release]:
    """Read the law, and go on reading it where its directory is a setting. Raises DataFileError, SettingError."""
    root = bundle_root(settings)
    watched = [root / name for name in (*_DATA_FOLDERS, release.NOTE)] if settings.bundle else []
    last: Bundle | None = None

    def read() -> Release:
        nonlocal last
        found = read_bundle(settings, last)
        if last:
            release.check_order(found.serial, last.serial)
            gently(found.law.prepare(last.law, today()))
        last = found
        return release.of_files(found, find_files(root))

    return Watched("law", lambda: stamp_files(watched), read)


@contextlib.asynccontextmanager
async def running(
    settings: Settings, wall: Callable[[], datetime] = clock.now, crew: Crew | None = None
) -> AsyncIterator[App]:
    """Run the service until the block ends; then drain, close the log and flush telemetry. Raises StartError.

    As one worker of a `crew`, all but the first join the decision log that the first has opened.
    """
    async with contextlib.AsyncExitStack() as stack:
        time = Clock(wall)
        joins = crew is not None and crew.worker > 0
        law = watch_law(settings, time.today)
        entrance = Entrance(settings)
        metrics = Metrics()
        tracing = observed.tracing(settings)
        exporters = observed.exporters(settings, metrics)
        stack.callback(exporters.close)
        if exporters.logs:
            logs.configure(also=exporters.logs.add)
            stack.callback(logs.configure)
        log = recorded.open_log(settings, time, joins=joins)
        stack.push_async_callback(log.close)
        keys = recorded.watch_keys(settings)
        sealer = recorded.open_sealer(settings, lambda: keys.value)
        checkpoints = await recorded.open_checkpoints(settings, log, time)
        stack.push_async_callback(checkpoints.tick, last=True)
        activations = Activations(log, lambda: law.value.bundle, time.now, new_id)
        if not joins:
            await activations.begin()
        refuser = Refuser(log, time.now, new_id)
        stack.push_async_callback(refuser.flush, everything=True)
        health = Health(
            NEEDS,
            operations.health_tests(
                settings,
                law,
                log=lambda: log.writable() and not checkpoints.tampered,
                sealer=sealer,
                clock=time,
                crew=crew,
            ),
        )
        admission = Admission(
            calls=settings.most_in_flight,
            size=MOST_BYTES_IN_FLIGHT,
            now=monotonic,
            purses=SharedPurses(crew.purses, crew.purse_lock) if crew else OwnPurses(),
        )
        calls = Calls(
            authenticator=entrance.authenticator,
            admission=admission,
            unready=health.unready,
            observer=Observer(tracing=tracing, exporter=exporters.traces, metrics=metrics),
            refuser=refuser,
        )
        reloader = Reloader([law, keys, *entrance.watched], activations.told(operations.tell_reload))
        lag = LoopLag()
        metrics.watch(
            {
                **exporters.dropped(),
                "screening_refusals_unrecorded_total": lambda: refuser.unrecorded,
                "screening_log_healthy": log.writable,
                "screening_log_tampered": lambda: checkpoints.tampered,
                "screening_checkpoints_unpublished_total": lambda: checkpoints.unpublished,
                "screening_log_queue_appends": log.waiting,
                "screening_commit_seconds": lambda: log.load.seconds,
                "screening_commit_records": lambda: log.load.records,
                "screening_data_free_bytes": lambda: shutil.disk_usage(settings.data).free,
                "screening_loop_lag_seconds": lambda: lag.seconds,
                "screening_info": lambda: {(__version__, law.value.bundle.revision[:12]): 1},
                **operations.sources(
                    law, entrance, health, reloader, admission, refuse_after_hours=settings.refuse_after_hours
                ),
            }
        )
        receipts = Receipts(settings.log_origin, settings.integration_seconds)
        screen = Screen(
            bundle=lambda: law.value.bundle,
            log=log,
            sealer=sealer,
            clock=time.now,
            new_id=new_id,
            receipts=receipts,
        )
        server = Server(
            screening=ScreeningServicer(screen, calls, time.today),
            decision_log=DecisionLogServicer(log, sealer, receipts, time.now, new_id),
            status=StatusServicer(
                version=__version__,
                started=time.now(),
                bundle=lambda: law.value.bundle,
                health=health,
                log=log,
                watched=reloader.watched,
                admission=admission,
                crew=crew,
            ),
            calls=calls,
            health=health,
            shared=settings.workers > 1,
            most_calls=2 * settings.most_in_flight + STREAMS,
        )
        ports = await operations.serve_probes(settings, stack, metrics, health)
        for forever in (
            activations.run(),
            refuser.flush_forever(),
            lag.watch(),
            reloader.run(),
            checkpoints.run_forever(settings.checkpoint_seconds),
            operations.report_forever(crew, law, health, reloader),
        ):
            stack.callback(asyncio.create_task(forever).cancel)
        port = await server.start(settings.listen, entrance.credentials())
        stack.push_async_callback(server.stop, notice=settings.notice_seconds, grace=settings.grace_seconds)
        yield App(settings, law, log, port, health, reloader, admission, *ports)
