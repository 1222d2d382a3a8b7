"""The rules and dashboards, by promtool and by a real Prometheus that scrapes a real service."""

import re
import subprocess
import time

import pytest
import yaml
from screening.telemetry.attributes import METRICS

from deploy import dashboards
from deploy.local_prometheus import FOLDER, Prometheus
from tests.deploy import promql
from tests.deploy.conftest import Watched

RULES = [
    rule
    for group in yaml.safe_load((FOLDER / "rules.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
QUERIES = {
    f"{dashboard.title} / {panel.title} / {query.expr}": (query.expr, query.legend)
    for dashboard in dashboards.DASHBOARDS
    for panel in dashboard.panels
    for query in panel.queries
}


@pytest.mark.usefixtures("tools")
def test_promtool_accepts_configuration_and_rules() -> None:
    """As Prometheus would read them."""
    subprocess.run(["promtool", "check", "config", FOLDER / "prometheus.yml"], check=True, timeout=60)


@pytest.mark.usefixtures("tools")
def test_every_alert_has_a_unit_test_and_all_pass() -> None:
    """Each fires for its own trouble, and is silent before."""
    subprocess.run(["promtool", "test", "rules", FOLDER / "rules_test.yaml"], check=True, timeout=60)
    tests = yaml.safe_load((FOLDER / "rules_test.yaml").read_text(encoding="utf-8"))["tests"]
    fired = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]}
    assert fired == set(ALERTS)


def test_every_alert_leads_to_its_page_of_the_runbook() -> None:
    """A heading for each alert, and no heading for none."""
    text = (FOLDER.parent / "RUNBOOK.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^### (Screening\w+)$", text, re.MULTILINE)) == set(ALERTS)
    for name, rule in ALERTS.items():
        assert rule["annotations"]["runbook"] == f"deploy/RUNBOOK.md#{name.lower()}"
        assert rule["labels"]["severity"] in ("page", "ticket")


def test_committed_dashboards_are_those_of_the_code() -> None:
    """`make dashboards` leaves nothing to change."""
    written = {path.name: path.read_text(encoding="utf-8") for path in dashboards.FOLDER.glob("*.json")}
    assert written == {f"{each.uid}.json": dashboards.text(each) for each in dashboards.DASHBOARDS}


@pytest.mark.parametrize("name", QUERIES)
def test_every_panel_shows_something(watched: Watched, name: str) -> None:
    """Its metrics exist, its label values exist, and its query returns series that have the legend's labels."""
    expression, legend = QUERIES[name]
    check_names(watched.prometheus, expression)
    found = watched.prometheus.query(expression.replace("$__rate_interval", "10m"))
    assert found
    for label in re.findall(r"{{(\w+)}}", legend):
        assert all(labels.get(label) for labels, _ in found), label


@pytest.mark.parametrize("name", [rule.get("alert") or rule["record"] for rule in RULES])
def test_no_rule_watches_what_does_not_exist(watched: Watched, name: str) -> None:
    """Metrics and label values are those of the service, or recorded by a rule before."""
    [rule] = [each for each in RULES if name in (each.get("alert"), each.get("record"))]
    check_names(watched.prometheus, rule["expr"])


def check_names(prometheus: Prometheus, expression: str) -> None:
    """Assert that every metric and label value of an expression is one that Prometheus has."""
    known = set(prometheus.get("label/__name__/values"))
    assert promql.metrics(expression) <= known
    for label, value in promql.values(expression):
        assert value in prometheus.get(f"label/{label}/values"), (label, value)


def test_a_healthy_service_fires_nothing(watched: Watched) -> None:
    """Prometheus evaluates every rule without an error, and nobody is called."""
    groups = watched.prometheus.get("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == len(RULES)
    assert [rule for rule in rules if rule["health"] != "ok"] == []
    assert [rule["name"] for rule in rules if rule.get("state") == "firing"] == []


def test_prometheus_has_every_metric_of_the_service(watched: Watched) -> None:
    """Each name in attributes.py."""
    known = set(watched.prometheus.get("label/__name__/values"))
    assert {f"{name}_bucket" if measure.kind == "histogram" else name for name, measure in METRICS.items()} <= known


def test_a_slow_bucket_leads_to_its_trace(watched: Watched) -> None:
    """The exemplar that Prometheus stored names a trace that the OTLP receiver has."""
    now = time.time()
    series = watched.prometheus.get(
        "query_exemplars", query="screening_call_seconds_bucket", start=str(now - 60), end=str(now)
    )
    named = {exemplar["labels"]["trace_id"] for each in series for exemplar in each["exemplars"]}
    assert named
    assert named <= {span.trace_id.hex() for span in watched.receiver.spans}
