from city.screening.v1 import decision_pb2
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from screening.screen import Answer
from screening.telemetry.attributes import METRICS
from screening.telemetry.metrics import MOST_CALLERS, Metrics


def call(metrics: Metrics, caller: str = "payroll", trace_id: int = 0) -> None:
    """Count one call."""
    metrics.call(rpc="ScreenEmployment", caller=caller, code="OK", seconds=0.003, trace_id=trace_id)


def test_a_bucket_leads_to_the_trace_of_its_latest_call() -> None:
    """In OpenMetrics, as an exemplar with the trace id in hexadecimal."""
    metrics = Metrics()
    call(metrics, trace_id=0xABC)
    families = text_string_to_metric_families(generate_latest(metrics.registry).decode())
    [sample] = [each for family in families for each in family.samples if each.exemplar]
    assert sample.labels["le"] == "0.005"
    assert sample.exemplar is not None
    assert sample.exemplar.labels == {"trace_id": f"{0xABC:032x}"}


def test_the_number_of_callers_with_a_label_is_bounded() -> None:
    """Whoever comes after the bound is counted among the others."""
    metrics = Metrics()
    for number in range(MOST_CALLERS + 3):
        call(metrics, caller=f"caller-{number}")
    value = metrics.registry.get_sample_value
    others = {"rpc": "ScreenEmployment", "caller": "others", "code": "OK"}
    assert value("screening_calls_total", others) == 3
    assert value("screening_calls_total", others | {"caller": "caller-0"}) == 1


def test_a_decision_is_counted_by_outcome_deciding_rules_and_how_its_name_was_taken() -> None:
    """Each of the deciding rules counts."""
    metrics = Metrics()
    decision = decision_pb2.Decision(outcome=decision_pb2.OUTCOME_REVIEW)
    decision.resolution.kind = decision_pb2.RESOLUTION_KIND_NEAR_MISS
    metrics.decided("ScreenEmployment", "REVIEW", Answer("id", decision, ("a",), b""))
    value = metrics.registry.get_sample_value
    assert value("screening_decisions_total", {"rpc": "ScreenEmployment", "outcome": "REVIEW"}) == 1
    assert value("screening_rule_decisions_total", {"rule": "a", "outcome": "REVIEW"}) == 1
    assert value("screening_names_total", {"result": "near_miss"}) == 1
    assert value("screening_names_total", {"result": "match"}) == 0


def test_errors_count_from_zero() -> None:
    """So that the very first one shows as an increase."""
    metrics = Metrics()
    assert metrics.registry.get_sample_value("screening_errors_total", {"reason": "INTERNAL"}) == 0
    metrics.error("INTERNAL")
    assert metrics.registry.get_sample_value("screening_errors_total", {"reason": "INTERNAL"}) == 1


def test_every_metric_has_the_kind_that_its_name_says() -> None:
    """A counter ends in _total and nothing else does; a histogram names its unit."""
    for name, measure in METRICS.items():
        assert (measure.kind == "counter") == name.endswith("_total"), name
        assert measure.kind != "histogram" or name.endswith(("_seconds", "_records")), name
