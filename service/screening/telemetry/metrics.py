"""What the service counts for Prometheus and OTLP.

Counting is a plain dictionary or list update, because every call pays for it; families with names, labels and help are
built only when somebody asks. Labels are RPC names, codes, reasons, outcomes, rules and callers that have a name in the
callers file: nothing that a caller chose.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from typing import Any

from city.screening.v1 import decision_pb2, error_reason_pb2
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.samples import Exemplar

from screening.screen import Answer
from screening.telemetry.attributes import METRICS, Measure
from screening.telemetry.distribution import Distribution, Example

_CALL_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
MOST_CALLERS = 200
"""Callers counted apart; the rest share the label `others`."""

Value = float | Distribution
Read = Callable[[], Value | Mapping[tuple[str, ...], Value]]
"""Returns the value of a metric now; by label values where it has labels."""

_FAMILIES: dict[str, Any] = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
    "histogram": HistogramMetricFamily,
}
_REASONS = [name.removeprefix("ERROR_REASON_") for name in error_reason_pb2.ErrorReason.keys()[1:]]
_RESULTS = {
    decision_pb2.RESOLUTION_KIND_MATCH: "match",
    decision_pb2.RESOLUTION_KIND_NEAR_MISS: "near_miss",
    decision_pb2.RESOLUTION_KIND_NO_MATCH: "no_match",
}


class Metrics:
    """The metrics of one service. The event loop's thread counts; any thread reads."""

    def __init__(self) -> None:
        self.received = 0
        """Calls that began."""
        self.messageless = 0
        """Calls whose message the transport refused or never delivered."""
        self._ended = 0
        self._callers: set[str] = set()
        self._calls: Counter[tuple[str, ...]] = Counter()
        self._seconds: dict[tuple[str, ...], Distribution] = {}
        # From zero on, so that the first error already shows as an increase
        self._errors: Counter[tuple[str, ...]] = Counter({(reason,): 0 for reason in _REASONS})
        self._decisions: Counter[tuple[str, ...]] = Counter()
        self._rules: Counter[tuple[str, ...]] = Counter()
        self._names: Counter[tuple[str, ...]] = Counter({(result,): 0 for result in _RESULTS.values()})
        self._sources: dict[str, Read] = {
            "screening_calls_total": self._calls.copy,
            "screening_call_seconds": self._seconds.copy,
            "screening_calls_in_flight": lambda: self.received - self._ended,
            "screening_errors_total": self._errors.copy,
            "screening_decisions_total": self._decisions.copy,
            "screening_rule_decisions_total": self._rules.copy,
            "screening_names_total": self._names.copy,
            "screening_refused_by_transport_total": lambda: self.messageless,
        }
        self.registry = CollectorRegistry()
        self.registry.register(self)
        ProcessCollector(registry=self.registry)

    def call(self, *, rpc: str, caller: str, code: str, seconds: float, trace_id: int) -> None:
        """Count one handled call; `trace_id` is that of its trace if it is exported, else 0."""
        self._ended += 1
        if caller not in self._callers:
            caller = self._admit(caller)
        self._calls[rpc, caller, code] += 1
        distribution = self._seconds.get((rpc, caller))
        if distribution is None:
            distribution = self._seconds[rpc, caller] = Distribution(_CALL_SECONDS)
        distribution.observe(seconds, trace_id)

    def _admit(self, caller: str) -> str:
        if len(self._callers) >= MOST_CALLERS:
            return "others"
        self._callers.add(caller)
        return caller

    def decided(self, rpc: str, outcome: str, answer: Answer) -> None:
        """Count one answered decision."""
        self._decisions[rpc, outcome] += 1
        for rule in answer.rules:
            self._rules[rule, outcome] += 1
        result = _RESULTS.get(answer.decision.resolution.kind)
        if result:
            self._names[result,] += 1

    def error(self, reason: str) -> None:
        """Count one call or item that was not decided."""
        self._errors[reason,] += 1

    def watch(self, sources: Mapping[str, Read]) -> None:
        """Add metrics that are read from elsewhere when they are asked for, by name."""
        assert sources.keys() <= METRICS.keys(), "each metric is named in attributes.py"
        self._sources.update(sources)

    def collect(self) -> Iterator[Metric]:
        """Yield the values of now."""
        for name, measure in METRICS.items():
            if read := self._sources.get(name):
                yield _family(name, measure, read())


def _family(name: str, measure: Measure, value: Value | Mapping[tuple[str, ...], Value]) -> Any:
    series = value if isinstance(value, Mapping) else {(): value}
    family: Any = _FAMILIES[measure.kind](name, measure.doc, labels=measure.labels)
    for labels, each in series.items():
        if isinstance(each, Distribution):
            family.add_metric(labels, _buckets(each), each.sum)
        else:
            family.add_metric(labels, each)
    return family


def _buckets(distribution: Distribution) -> list[tuple[str, float, Exemplar | None]]:
    bounds = [*map(str, distribution.bounds), "+Inf"]
    counts = accumulate(distribution.counts())
    return [
        (bound, count, _exemplar(example))
        for bound, count, example in zip(bounds, counts, distribution.examples(), strict=True)
    ]


def _exemplar(example: Example | None) -> Exemplar | None:
    if example is None:
        return None
    return Exemplar({"trace_id": f"{example.trace_id:032x}"}, example.value, example.time)
