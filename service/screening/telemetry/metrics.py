"""Counters and histograms for Prometheus. Labels are RPC names, codes and outcomes; nothing that a caller chose."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from screening.telemetry.attributes import METRICS

_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """The metrics of one service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.received = 0
        """Calls whose message reached a handler."""
        self.arrived = 0
        """Calls that reached the server."""
        self._calls = self._counter("screening_calls_total", ["rpc", "code"])
        self._decisions = self._counter("screening_decisions_total", ["rpc", "outcome"])
        name = "screening_call_seconds"
        self._seconds = Histogram(name, METRICS[name], ["rpc"], registry=self.registry, buckets=_BUCKETS)

    def _counter(self, name: str, labels: list[str]) -> Counter:
        return Counter(name, METRICS[name], labels, registry=self.registry)

    def call(self, rpc: str, code: str, seconds: float) -> None:
        """Count one handled call."""
        self._calls.labels(rpc, code).inc()
        self._seconds.labels(rpc).observe(seconds)

    def decision(self, rpc: str, outcome: str) -> None:
        """Count one answered decision."""
        self._decisions.labels(rpc, outcome).inc()

    def watch(self, *, log_healthy: Callable[[], bool], spans_dropped: Callable[[], int]) -> None:
        """Add the metrics that are read from elsewhere when they are asked for."""
        self.registry.register(_Watched(self, log_healthy, spans_dropped))


class _Watched:
    """Reads values at scrape time."""

    def __init__(self, metrics: Metrics, log_healthy: Callable[[], bool], spans_dropped: Callable[[], int]) -> None:
        self._metrics = metrics
        self._log_healthy = log_healthy
        self._spans_dropped = spans_dropped

    def collect(self) -> Iterator[Metric]:
        """Yield the values of now."""
        refused = self._metrics.arrived - self._metrics.received
        for name, value in (
            ("screening_refused_by_transport_total", refused),
            ("screening_spans_dropped_total", self._spans_dropped()),
        ):
            yield CounterMetricFamily(name, METRICS[name], value=value)
        name = "screening_log_healthy"
        yield GaugeMetricFamily(name, METRICS[name], value=int(self._log_healthy()))
