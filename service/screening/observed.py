"""From settings to telemetry: sampler and exporters."""

from urllib.parse import unquote, urlsplit

from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource

from screening import __version__
from screening.config import Settings
from screening.errors import SettingError
from screening.telemetry.exporters import Exporters
from screening.telemetry.metrics import Metrics
from screening.telemetry.otlp import Endpoint
from screening.telemetry.trace import SAMPLERS, Tracing

_OTLP_PORT = 4317
_SWITCHES = ("otlp", "none")


def tracing(settings: Settings) -> Tracing:
    """Return what begins traces. Raises SettingError."""
    if settings.traces_sampler not in SAMPLERS:
        raise SettingError(f"OTEL_TRACES_SAMPLER must be one of: {', '.join(SAMPLERS)}")
    if not 0 <= settings.traces_share <= 1:
        raise SettingError("OTEL_TRACES_SAMPLER_ARG must be from 0 to 1")
    return Tracing(SAMPLERS[settings.traces_sampler](settings.traces_share))


def exporters(settings: Settings, metrics: Metrics) -> Exporters:
    """Start what exports to the configured receiver; without one nothing leaves the process. Raises SettingError."""
    for env, value in (
        ("OTEL_METRICS_EXPORTER", settings.metrics_exporter),
        ("OTEL_LOGS_EXPORTER", settings.logs_exporter),
    ):
        if value not in _SWITCHES:
            raise SettingError(f"{env} must be one of: {', '.join(_SWITCHES)}")
    if settings.metrics_interval_ms < 1:
        raise SettingError("OTEL_METRIC_EXPORT_INTERVAL must be at least 1")
    if not settings.otlp_endpoint:
        return Exporters()
    return Exporters.open(
        _endpoint(settings),
        Resource.create({SERVICE_NAME: "screening", SERVICE_VERSION: __version__}),
        registry=metrics.registry if settings.metrics_exporter == "otlp" else None,
        seconds=settings.metrics_interval_ms / 1000,
        logs=settings.logs_exporter == "otlp",
    )


def _endpoint(settings: Settings) -> Endpoint:
    address = urlsplit(settings.otlp_endpoint)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise SettingError("OTEL_EXPORTER_OTLP_ENDPOINT must be http://HOST:PORT or https://HOST:PORT")
    authorities = None
    if settings.otlp_certificate:
        try:
            authorities = settings.otlp_certificate.read_bytes()
        except OSError as error:
            raise SettingError(f"OTEL_EXPORTER_OTLP_CERTIFICATE cannot be read: {error.strerror}") from None
    return Endpoint(
        f"{address.hostname}:{address.port or _OTLP_PORT}", address.scheme == "https", authorities, _headers(settings)
    )


def _headers(settings: Settings) -> tuple[tuple[str, str], ...]:
    pairs = [pair.partition("=") for pair in settings.otlp_headers.split(",") if pair.strip()]
    if not all(key.strip() and equals for key, equals, _ in pairs):
        raise SettingError("OTEL_EXPORTER_OTLP_HEADERS must be KEY=VALUE, pairs separated by commas")
    return tuple((key.strip().lower(), unquote(value.strip())) for key, _, value in pairs)
