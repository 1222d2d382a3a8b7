"""Settings: environment variables and flags to one frozen object, read once.

docs in deploy/README.md; a test holds both together.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from screening.custody import KINDS
from screening.errors import SettingError

_HIGHEST_PORT = 65535
_LONGEST_INTERVAL = 3600


def _setting(default: Any, env: str, doc: str) -> Any:
    return field(default=default, metadata={"env": env, "doc": doc})


@dataclass(frozen=True)
class Settings:
    """What an operator may set."""

    listen: str = _setting("127.0.0.1:50051", "SCREENING_LISTEN", "HOST:PORT to listen on; without TLS, loopback only")
    data: Path = _setting(Path("data"), "SCREENING_DATA", "Directory of the decision log and its keys")
    anchor: Path | None = _setting(None, "SCREENING_ANCHOR", "Directory for checkpoints; default a sibling of data")
    workers: int = _setting(1, "SCREENING_WORKERS", "Worker processes behind the one port")
    checkpoint_seconds: float = _setting(5.0, "SCREENING_CHECKPOINT_SECONDS", "Seconds between two signed checkpoints")
    database: str = _setting("", "SCREENING_DATABASE", "PostgreSQL address of the decision log; empty: SQLite in DATA")
    keys_database: str = _setting(
        "", "SCREENING_KEYS_DATABASE", "PostgreSQL address of the key store, another database"
    )
    keys: Path | None = _setting(None, "SCREENING_KEYS", "Directory of the key files; default DATA/keys")
    kms: Path | None = _setting(
        None, "SCREENING_KMS", "Program of the key management service that keeps the sealing keys; none: their file"
    )
    tiles: Path | None = _setting(None, "SCREENING_TILES", "Directory of the exported tiles; default DATA/tiles")
    tile_entries: bool = _setting(
        default=False, env="SCREENING_TILE_ENTRIES", doc="yes: export the records beside the tiles"
    )
    retention: tuple[tuple[str, int], ...] = _setting(
        (), "SCREENING_RETENTION", "KIND=DAYS,… after which `screening log retain` erases; empty: nothing is due"
    )
    report_threshold: int = _setting(
        11, "SCREENING_REPORT_THRESHOLD", "Counts from 1 to below it are hidden in `screening report`; 1: none"
    )
    tsa_url: str = _setting("", "SCREENING_TSA_URL", "URL of an RFC 3161 time stamping authority; empty: none")
    log_origin: str = _setting("screening.city/local", "SCREENING_LOG_ORIGIN", "Name of the decision log in receipts")
    bundle: Path | None = _setting(
        None, "SCREENING_BUNDLE", "Directory with laws, registry and lexicon; default those of the package"
    )
    law_key: str = _setting(
        "", "SCREENING_LAW_KEY", "Verifier key of law releases, or a file with it; set: only signed law loads"
    )
    callers: Path | None = _setting(
        None, "SCREENING_CALLERS", "File that says who may ask what; default: any program on this machine, everything"
    )
    tls_certificate: Path | None = _setting(
        None, "SCREENING_TLS_CERTIFICATE", "PEM file of the service's certificate chain; none: plaintext on loopback"
    )
    tls_key: Path | None = _setting(None, "SCREENING_TLS_KEY", "PEM file of the certificate's private key")
    tls_client_ca: Path | None = _setting(
        None, "SCREENING_TLS_CLIENT_CA", "PEM file of authorities for callers' certificates; set: each needs one"
    )
    jwks: str = _setting("", "SCREENING_JWKS", "File or https URL of the key set for callers' tokens; empty: no tokens")
    jwt_issuer: str = _setting("", "SCREENING_JWT_ISSUER", "Issuer that tokens must name")
    jwt_audience: str = _setting("", "SCREENING_JWT_AUDIENCE", "Audience that tokens must name")
    moonlighting_effective: date | None = _setting(
        None,
        "SCREENING_MOONLIGHTING_EFFECTIVE",
        "First day of the moonlighting ordinance; default as the law file says",
    )
    most_in_flight: int = _setting(
        1_000,
        "SCREENING_MOST_IN_FLIGHT",
        "Calls at work at once before more are refused; of decisions in batches, twenty times as many",
    )
    refuse_after_hours: float = _setting(
        0.0,
        "SCREENING_REFUSE_AFTER_HOURS",
        "Age of law or registry, since they were signed or of their newest file, beyond which nothing is decided; 0: any",
    )
    notice_seconds: float = _setting(
        0.0, "SCREENING_NOTICE_SECONDS", "Time between NOT_SERVING and the end of new calls, for balancers to notice"
    )
    grace_seconds: float = _setting(20.0, "SCREENING_GRACE_SECONDS", "Time for calls in flight when stopping")
    metrics_listen: str = _setting(
        "", "SCREENING_METRICS_LISTEN", "HOST:PORT of /metrics, /livez and /readyz, in plaintext; empty: none"
    )
    health_listen: str = _setting(
        "", "SCREENING_HEALTH_LISTEN", "HOST:PORT of gRPC health in plaintext, for probes; empty: none"
    )
    otlp_endpoint: str = _setting(
        "", "OTEL_EXPORTER_OTLP_ENDPOINT", "http://HOST:PORT or https://HOST:PORT of an OTLP receiver; empty: none"
    )
    otlp_certificate: Path | None = _setting(
        None, "OTEL_EXPORTER_OTLP_CERTIFICATE", "PEM file of authorities for the receiver's certificate"
    )
    otlp_headers: str = _setting(
        "", "OTEL_EXPORTER_OTLP_HEADERS", "KEY=VALUE,… sent with each export, such as a receiver's token"
    )
    traces_sampler: str = _setting("parentbased_always_on", "OTEL_TRACES_SAMPLER", "OpenTelemetry's name of a sampler")
    traces_share: float = _setting(
        1.0, "OTEL_TRACES_SAMPLER_ARG", "Share of traces that a ratio sampler keeps, 0 to 1 inclusive"
    )
    metrics_exporter: str = _setting("otlp", "OTEL_METRICS_EXPORTER", "otlp, or none: Prometheus only")
    metrics_interval_ms: int = _setting(60_000, "OTEL_METRIC_EXPORT_INTERVAL", "Time between exports of metrics")
    logs_exporter: str = _setting("none", "OTEL_LOGS_EXPORTER", "otlp: log lines leave both ways; none: stderr only")

    def dated(self) -> dict[str, date | None]:
        """Return the settings that law files may name as dates."""
        return {"moonlighting_effective": self.moonlighting_effective}

    @property
    def tls(self) -> bool:
        """Say whether the service speaks TLS."""
        return self.tls_certificate is not None

    @property
    def anchor_directory(self) -> Path:
        """Return the anchor directory: the setting, or a sibling of data."""
        return self.anchor or self.data.with_name(f"{self.data.name}-anchor")

    @property
    def keys_directory(self) -> Path:
        """Return the directory of the key files."""
        return self.keys or self.data / "keys"

    @property
    def tiles_directory(self) -> Path:
        """Return the directory of the exported tiles."""
        return self.tiles or self.data / "tiles"

    @property
    def integration_seconds(self) -> int:
        """Return the promise of a receipt: twelve intervals, so that a few failed checkpoints do not break it."""
        return max(1, round(12 * self.checkpoint_seconds))


def from_environ(environ: Mapping[str, str], **flags: Any) -> Settings:
    """Read settings from the environment; flags that are not None win. Raises SettingError."""
    given = {
        each.name: _parse(each.name, each.metadata["env"], environ[each.metadata["env"]])
        for each in fields(Settings)
        if environ.get(each.metadata["env"])
    }
    given |= {name: value for name, value in flags.items() if value is not None}
    settings = replace(Settings(), **given)
    _check_address("SCREENING_LISTEN", settings.listen, loopback_only=not settings.tls)
    _check_address("SCREENING_METRICS_LISTEN", settings.metrics_listen, loopback_only=False)
    _check_address("SCREENING_HEALTH_LISTEN", settings.health_listen, loopback_only=False)
    _check_identity(settings)
    for env, value in (
        ("SCREENING_WORKERS", settings.workers),
        ("SCREENING_MOST_IN_FLIGHT", settings.most_in_flight),
        ("SCREENING_REPORT_THRESHOLD", settings.report_threshold),
    ):
        if value < 1:
            raise SettingError(f"{env} must be at least 1")
    if not 0 < settings.checkpoint_seconds <= _LONGEST_INTERVAL:
        raise SettingError(f"SCREENING_CHECKPOINT_SECONDS must be above 0 and at most {_LONGEST_INTERVAL}")
    if settings.keys_database and settings.database in ("", settings.keys_database):
        raise SettingError("SCREENING_DATABASE and SCREENING_KEYS_DATABASE must be two different databases")
    return settings


def _parse(name: str, env: str, text: str) -> Any:  # noqa: PLR0911  # a form for each type
    try:
        match name:
            case (
                "data"
                | "anchor"
                | "bundle"
                | "keys"
                | "kms"
                | "tiles"
                | "callers"
                | "tls_certificate"
                | "tls_key"
                | "tls_client_ca"
                | "otlp_certificate"
            ):
                return Path(text)
            case "workers" | "most_in_flight" | "metrics_interval_ms" | "report_threshold":
                return int(text)
            case "grace_seconds" | "notice_seconds" | "refuse_after_hours" | "traces_share" | "checkpoint_seconds":
                return float(text)
            case "tile_entries":
                return {"yes": True, "no": False}[text]
            case "retention":
                return kept_days(text.split(","))
            case "moonlighting_effective":
                return date.fromisoformat(text)
            case _:
                return text
    except (KeyError, ValueError):
        raise SettingError(f"{env} cannot be read: see deploy/README.md for its form") from None


def kept_days(words: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """Return how many days each kind of record is kept, from words such as `employment=1825`. Raises ValueError."""
    pairs = [word.strip().partition("=")[::2] for word in words]
    if any(kind not in KINDS or not days.isdecimal() for kind, days in pairs):
        raise ValueError
    return tuple((kind, int(days)) for kind, days in pairs)


def _check_address(env: str, address: str, *, loopback_only: bool) -> None:
    if not address:
        return
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or int(port) > _HIGHEST_PORT:
        raise SettingError(f"{env} must be HOST:PORT, such as 127.0.0.1:50051")
    if loopback_only and not _is_loopback(host):
        raise SettingError(f"{env} must be a loopback address, because without TLS it speaks plaintext")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"  # any other name may lead elsewhere


def _check_identity(settings: Settings) -> None:
    """Refuse settings that would leave open who calls."""
    if bool(settings.tls_certificate) != bool(settings.tls_key):
        raise SettingError("SCREENING_TLS_CERTIFICATE and SCREENING_TLS_KEY must be set together")
    if settings.tls_client_ca and not settings.tls:
        raise SettingError("SCREENING_TLS_CLIENT_CA needs SCREENING_TLS_CERTIFICATE")
    if "://" in settings.jwks and not settings.jwks.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        raise SettingError("SCREENING_JWKS must be a file or an https URL")
    if settings.jwks and not (settings.jwt_issuer and settings.jwt_audience):
        raise SettingError("SCREENING_JWKS needs SCREENING_JWT_ISSUER and SCREENING_JWT_AUDIENCE")
    if (settings.tls or settings.jwks) and not settings.callers:
        raise SettingError("SCREENING_CALLERS must name the callers file, or nobody could ask")
    if settings.tls and not (settings.tls_client_ca or settings.jwks):
        raise SettingError("SCREENING_TLS_CLIENT_CA or SCREENING_JWKS must say how callers prove who they are")
