from pathlib import Path

import pytest
from screening import config, observed
from screening.errors import SettingError
from screening.telemetry.metrics import Metrics

WRONG = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "127.0.0.1:4317",
    "OTEL_EXPORTER_OTLP_HEADERS": "token",
    "OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere/ca.pem",
    "OTEL_METRICS_EXPORTER": "console",
    "OTEL_LOGS_EXPORTER": "console",
    "OTEL_METRIC_EXPORT_INTERVAL": "0",
}
ENDPOINT = "https://collector.example"


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_telemetry_setting_stops_the_start_and_is_named(name: str) -> None:
    """Rather than being silent about what then does not leave."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": ENDPOINT, name: WRONG[name]}
    with pytest.raises(SettingError, match=name):
        observed.exporters(config.from_environ(environ), Metrics())


@pytest.mark.parametrize(("name", "value"), [("OTEL_TRACES_SAMPLER", "jaeger"), ("OTEL_TRACES_SAMPLER_ARG", "1.5")])
def test_an_unknown_sampler_or_share_is_refused(name: str, value: str) -> None:
    """OpenTelemetry's own names, and a share from 0 to 1."""
    with pytest.raises(SettingError, match=name):
        observed.tracing(config.from_environ({name: value}))


def test_a_ratio_sampler_keeps_its_share_and_the_parents_decision_stands() -> None:
    """A share of 0 keeps no trace of its own, and each that the caller samples."""
    settings = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}
    tracing = observed.tracing(config.from_environ(settings))
    assert not tracing.begin("x", {}).sampled
    assert tracing.begin("x", {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}).sampled


def test_each_signal_is_exported_as_set(tmp_path: Path) -> None:
    """Traces and metrics by default, log lines only if asked: standard error has them."""
    authorities = tmp_path / "ca.pem"
    authorities.write_text("")
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": ENDPOINT, "OTEL_EXPORTER_OTLP_CERTIFICATE": str(authorities)}
    first = observed.exporters(config.from_environ(environ), Metrics())
    assert (first.traces is None, first.metrics is None, first.logs is None) == (False, False, True)
    first.close()
    environ |= {"OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "otlp"}
    second = observed.exporters(config.from_environ(environ), Metrics())
    assert (second.traces is None, second.metrics is None, second.logs is None) == (False, True, False)
    second.close()
