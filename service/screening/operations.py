"""What ops see of a running service, and what it reads anew: conditions of health, probes, metrics of its state."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import structlog

from screening.clock import Clock
from screening.config import Settings
from screening.crew import Crew
from screening.decisionlog.seal import Sealer
from screening.release import Release
from screening.reload import Reloader, Watched
from screening.telemetry.attributes import EVENT_RELOAD
from screening.telemetry.metrics import Metrics, Read
from screening.transport.admission import Admission
from screening.transport.entrance import Entrance
from screening.transport.health import Health
from screening.transport.probes import Heartbeat, serve_health, serve_http

REPORT_SECONDS = 0.5
_LONGEST_PROBLEM = 1_000


def health_tests(
    settings: Settings,
    law: Watched[Release],
    *,
    log: Callable[[], bool],
    sealer: Sealer,
    clock: Clock,
    crew: Crew | None,
) -> dict[str, Callable[[], bool]]:
    """Return what proves each condition of health; `draining` is the server's to say."""
    oldest = timedelta(hours=settings.refuse_after_hours) if settings.refuse_after_hours else timedelta.max

    def fresh(part: int) -> bool:
        return law.value.ages(clock.now())[part] <= oldest

    def keys_work() -> bool:
        sealed = sealer.seal(b"probe", "probe")
        return sealer.open(sealed.fields(), sealed.wrapped_key, "probe") == b"probe"

    return {
        "bundle": lambda: fresh(0),
        "registry": lambda: fresh(1),
        "log": log,
        "keys": keys_work,
        "clock": clock.holds,
        "workers": lambda: crew is None or crew.others_are_well(),
    }


async def report_forever(crew: Crew | None, law: Watched[Release], health: Health, reloader: Reloader) -> None:
    """Tell the other workers every REPORT_SECONDS how this one does, until cancelled."""
    while crew is not None:
        crew.tell(
            {
                "bundle": law.value.bundle.revision,
                "serial": law.value.bundle.serial,
                "failing": [name for name in health.failing if name != "workers"],
                "problems": {each.name: each.problem[:_LONGEST_PROBLEM] for each in reloader.watched if each.problem},
            }
        )
        await asyncio.sleep(REPORT_SECONDS)


async def serve_probes(
    settings: Settings, stack: contextlib.AsyncExitStack, metrics: Metrics, health: Health
) -> tuple[int | None, int | None]:
    """Serve probes and metrics where addresses are set, until `stack` unwinds; return the ports of HTTP and gRPC.

    Raises ListenError.
    """
    http_port = grpc_port = None
    if settings.metrics_listen:
        heart = Heartbeat()
        stack.callback(asyncio.create_task(heart.beat()).cancel)
        http_port, stop = serve_http(settings.metrics_listen, metrics.registry, heart.live, lambda: health.failing)
        stack.callback(stop)
    if settings.health_listen:
        grpc_port, server = await serve_health(settings.health_listen, health)
        stack.push_async_callback(server.stop, None)
    return http_port, grpc_port


def tell_reload(name: str, problem: str) -> None:
    """Log that files were read anew."""
    log = structlog.get_logger()
    if problem:
        log.error(EVENT_RELOAD, source=name, taken=False, problem=problem)
    else:
        log.info(EVENT_RELOAD, source=name, taken=True)


def sources(
    law: Watched[Release],
    entrance: Entrance,
    health: Health,
    reloader: Reloader,
    admission: Admission,
    *,
    refuse_after_hours: float,
) -> Mapping[str, Read]:
    """Return the metrics of the service's state, by name."""

    def age(part: int) -> float:
        return law.value.ages(datetime.now(UTC))[part].total_seconds()

    def reloads() -> Mapping[tuple[str, ...], float]:
        counts: dict[tuple[str, ...], float] = {}
        for each in reloader.watched:
            counts[each.name, "taken"], counts[each.name, "refused"] = each.taken, each.refused
        return counts

    return {
        "screening_condition": lambda: {(name,): float(holds) for name, holds in health.holds.items()},
        "screening_reloads_total": reloads,
        "screening_reload_failing": lambda: {(each.name,): float(bool(each.problem)) for each in reloader.watched},
        "screening_bundle_serial": lambda: law.value.bundle.serial,
        "screening_law_age_seconds": lambda: age(0),
        "screening_registry_age_seconds": lambda: age(1),
        "screening_refuse_after_seconds": lambda: refuse_after_hours * 3600,
        "screening_certificate_expiry_timestamp_seconds": entrance.certificate_expiry,
        "screening_decisions_in_flight": lambda: admission.decisions,
        "screening_streams_open": lambda: admission.streams,
    }
