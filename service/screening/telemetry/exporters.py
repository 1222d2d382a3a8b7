"""The exporters of one service, opened and closed together."""

from collections.abc import Callable
from dataclasses import dataclass

from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry

from screening.telemetry.export import TraceExporter
from screening.telemetry.export_metrics import MetricsExporter
from screening.telemetry.logs import LogExporter
from screening.telemetry.otlp import Endpoint


@dataclass(frozen=True)
class Exporters:
    """What leaves the process over OTLP; None: that signal does not."""

    traces: TraceExporter | None = None
    metrics: MetricsExporter | None = None
    logs: LogExporter | None = None

    @classmethod
    def open(
        cls, endpoint: Endpoint, resource: Resource, *, registry: CollectorRegistry | None, seconds: float, logs: bool
    ) -> "Exporters":
        """Start the exporters: traces always, the metrics of `registry` every `seconds`, and log lines if asked."""
        return cls(
            TraceExporter(endpoint, resource),
            MetricsExporter(endpoint, resource, registry, seconds) if registry else None,
            LogExporter(endpoint, resource) if logs else None,
        )

    def dropped(self) -> dict[str, Callable[[], float]]:
        """Return the metrics that tell what was lost."""
        return {
            "screening_spans_dropped_total": lambda: self.traces.dropped if self.traces else 0,
            "screening_logs_dropped_total": lambda: self.logs.dropped if self.logs else 0,
        }

    def close(self) -> None:
        """Send what is queued, for a few seconds at most."""
        for exporter in (self.traces, self.logs, self.metrics):
            if exporter:
                exporter.close()
