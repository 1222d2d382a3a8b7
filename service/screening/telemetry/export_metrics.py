"""Sends the metrics that Prometheus would scrape to an OTLP receiver, every so often.

The values are cumulative, so an export that fails loses nothing but a point in time: the next one carries it all.
"""

import threading
import time
from collections.abc import Iterable

from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.samples import Exemplar, Sample

from screening.telemetry.otlp import SCOPE, Endpoint, Sender, attributes_of, resource_of

_CUMULATIVE = metrics_pb2.AGGREGATION_TEMPORALITY_CUMULATIVE
_SECOND = 1_000_000_000


class MetricsExporter:
    """Exports every `seconds`, and once more when it is closed."""

    def __init__(self, endpoint: Endpoint, resource: Resource, registry: CollectorRegistry, seconds: float) -> None:
        self._sender = Sender(endpoint, metrics_service_pb2_grpc.MetricsServiceStub)
        self._resource = resource_of(resource)
        self._registry = registry
        self._seconds = seconds
        self._began = time.time_ns()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics-exporter", daemon=True)
        self._thread.start()

    def close(self, timeout: float = 5.0) -> None:
        """Export once more, for at most `timeout` seconds."""
        self._sender.hurry()
        self._ending.set()
        self._thread.join(timeout)
        self._sender.close()

    def _run(self) -> None:
        while not self._ending.wait(self._seconds):
            self._export()
        self._export()

    def _export(self) -> None:
        request = metrics_service_pb2.ExportMetricsServiceRequest()
        built = build(self._registry.collect(), self._began, time.time_ns())
        request.resource_metrics.add(resource=self._resource).scope_metrics.add(scope=SCOPE, metrics=built)
        self._sender.send(request)


def build(families: Iterable[Metric], began: int, now: int) -> list[metrics_pb2.Metric]:
    """Return Prometheus families as OTLP metrics, counted from `began` to `now` (nanoseconds since 1970)."""
    built = []
    for family in families:
        metric = metrics_pb2.Metric(name=family.name, description=family.documentation, unit=family.unit)
        match family.type:
            case "counter":
                metric.sum.is_monotonic = True
                metric.sum.aggregation_temporality = _CUMULATIVE
                metric.sum.data_points.extend(_number(sample, began, now) for sample in family.samples)
            case "histogram":
                metric.histogram.aggregation_temporality = _CUMULATIVE
                metric.histogram.data_points.extend(_histograms(family, began, now))
            case _:
                metric.gauge.data_points.extend(_number(sample, began, now) for sample in family.samples)
        built.append(metric)
    return built


def _number(sample: Sample, began: int, now: int) -> metrics_pb2.NumberDataPoint:
    return metrics_pb2.NumberDataPoint(
        attributes=attributes_of(sample.labels),
        start_time_unix_nano=began,
        time_unix_nano=now,
        as_double=sample.value,
    )


def _histograms(family: Metric, began: int, now: int) -> Iterable[metrics_pb2.HistogramDataPoint]:
    """Gather the samples of each series: buckets from the lowest up, their count, their sum."""
    point = metrics_pb2.HistogramDataPoint()
    below = 0
    for sample in family.samples:
        if sample.name.endswith("_bucket"):
            point.bucket_counts.append(int(sample.value) - below)
            below = int(sample.value)
            if sample.labels["le"] != "+Inf":
                point.explicit_bounds.append(float(sample.labels["le"]))
            if sample.exemplar:
                point.exemplars.append(_exemplar(sample.exemplar))
        elif sample.name.endswith("_count"):
            point.count = int(sample.value)
        else:
            point.sum = sample.value
            point.start_time_unix_nano, point.time_unix_nano = began, now
            point.attributes.extend(attributes_of(sample.labels))
            yield point
            point, below = metrics_pb2.HistogramDataPoint(), 0


def _exemplar(exemplar: Exemplar) -> metrics_pb2.Exemplar:
    return metrics_pb2.Exemplar(
        trace_id=bytes.fromhex(exemplar.labels["trace_id"]),
        as_double=exemplar.value,
        time_unix_nano=int(float(exemplar.timestamp or 0) * _SECOND),
    )
