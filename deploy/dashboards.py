"""The Grafana dashboards, written once here and generated: `python -m deploy.dashboards` writes deploy/grafana/*.json.

A test runs every query against a real Prometheus that scrapes a real service, so that no panel asks for what is not there.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "grafana" / "dashboards"
WIDTH = 24
SOURCE = {"type": "prometheus", "uid": "prometheus"}


@dataclass(frozen=True)
class Query:
    """One expression. `legend` names labels in double braces."""

    expr: str
    legend: str = ""
    exemplars: bool = False
    """Show the traces behind the values."""


@dataclass(frozen=True)
class Panel:
    """One picture, and the question that it answers."""

    title: str
    question: str
    unit: str
    queries: tuple[Query, ...]
    kind: str = "timeseries"
    width: int = 8


@dataclass(frozen=True)
class Dashboard:
    """One page: its headline numbers, then its rows."""

    uid: str
    title: str
    headline: tuple[Panel, ...]
    rows: tuple[tuple[str, tuple[Panel, ...]], ...]

    @property
    def panels(self) -> Iterator[Panel]:
        """Return all panels in order."""
        yield from self.headline
        for _, panels in self.rows:
            yield from panels


def _number(title: str, question: str, unit: str, expr: str) -> Panel:
    return Panel(title, question, unit, (Query(expr),), kind="stat", width=4)


_RATE = "$__rate_interval"
_UNARY = 'rpc=~"ScreenEmployment|ScreenInformationRequest"'
_ALL_DECISIONS = f"sum(rate(screening_decisions_total[{_RATE}]))"


def _p(share: float, name: str, by: str, matcher: str = "") -> str:
    return f"histogram_quantile({share}, sum by (le{by}) (rate({name}_bucket{{{matcher}}}[{_RATE}])))".replace("{}", "")


SERVICE = Dashboard(
    "screening-service",
    "Screening: is it well?",
    headline=(
        _number(
            "Serving",
            "How many instances can decide and record?",
            "short",
            "sum(min by (instance) (screening_condition))",
        ),
        _number("Decisions", "How many a second?", "ops", _ALL_DECISIONS),
        _number(
            "Without a decision",
            "Which share of rightful questions got none, in the last hour?",
            "percentunit",
            "screening:faults:ratio_rate1h",
        ),
        _number(
            "Slowest of 100",
            "How long does one in a hundred single calls take?",
            "s",
            _p(0.99, "screening_call_seconds", "", _UNARY),
        ),
        _number("In flight", "How many calls are being answered?", "short", "sum(screening_calls_in_flight)"),
        _number("Room left", "How much room has the fullest data volume?", "bytes", "min(screening_data_free_bytes)"),
    ),
    rows=(
        (
            "Calls",
            (
                Panel(
                    "Rate",
                    "Who asks, and what?",
                    "reqps",
                    (Query(f"sum by (rpc, caller) (rate(screening_calls_total[{_RATE}]))", "{{rpc}} {{caller}}"),),
                ),
                Panel(
                    "Errors",
                    "What was not decided, and why?",
                    "ops",
                    (Query(f"sum by (reason) (rate(screening_errors_total[{_RATE}])) > 0", "{{reason}}"),),
                ),
                Panel(
                    "Status",
                    "How did calls end?",
                    "reqps",
                    (Query(f"sum by (code) (rate(screening_calls_total[{_RATE}]))", "{{code}}"),),
                ),
                Panel(
                    "Duration",
                    "How long do calls take? Each dot is a trace.",
                    "s",
                    (
                        Query(_p(0.5, "screening_call_seconds", ", rpc", _UNARY), "{{rpc}} half"),
                        Query(_p(0.99, "screening_call_seconds", ", rpc", _UNARY), "{{rpc}} 99 of 100", exemplars=True),
                    ),
                    width=12,
                ),
                Panel(
                    "Duration by caller",
                    "Who waits longest?",
                    "s",
                    (Query(_p(0.99, "screening_call_seconds", ", caller", _UNARY), "{{caller}}"),),
                    width=12,
                ),
            ),
        ),
        (
            "The decision log",
            (
                Panel(
                    "Commit time",
                    "How long does a record take to be durable?",
                    "s",
                    (
                        Query(_p(0.5, "screening_commit_seconds", ""), "half"),
                        Query(_p(0.99, "screening_commit_seconds", ""), "99 of 100"),
                    ),
                ),
                Panel(
                    "Records in a commit",
                    "How well do answers share commits?",
                    "short",
                    (
                        Query(
                            f"sum(rate(screening_commit_records_sum[{_RATE}])) "
                            f"/ sum(rate(screening_commit_records_count[{_RATE}]))",
                            "mean",
                        ),
                    ),
                ),
                Panel(
                    "Waiting",
                    "How many answers wait for a commit?",
                    "short",
                    (Query("screening_log_queue_appends", "{{instance}}"),),
                ),
                Panel(
                    "Writable", "Can records be written?", "short", (Query("screening_log_healthy", "{{instance}}"),)
                ),
                Panel(
                    "Signed and anchored",
                    "Does the log contradict what was signed, and do its checkpoints leave the machine?",
                    "short",
                    (
                        Query("screening_log_tampered", "{{instance}} contradicts"),
                        Query(
                            f"increase(screening_checkpoints_unpublished_total[{_RATE}])",
                            "{{instance}} not anchored or exported",
                        ),
                    ),
                ),
                Panel(
                    "Room",
                    "How fast does the volume fill?",
                    "bytes",
                    (Query("screening_data_free_bytes", "{{instance}}"),),
                ),
                Panel(
                    "Left out",
                    "Which refusals does the log not show?",
                    "short",
                    (
                        Query(f"rate(screening_refusals_unrecorded_total[{_RATE}])", "unrecorded"),
                        Query(f"rate(screening_refused_by_transport_total[{_RATE}])", "refused by the transport"),
                    ),
                ),
            ),
        ),
        (
            "The process",
            (
                Panel(
                    "Loop lag",
                    "How late does the event loop wake?",
                    "s",
                    (Query(_p(0.99, "screening_loop_lag_seconds", ", instance"), "{{instance}} 99 of 100"),),
                ),
                Panel(
                    "Processor",
                    "How many cores does it use?",
                    "short",
                    (Query(f'rate(process_cpu_seconds_total{{job="screening"}}[{_RATE}])', "{{instance}}"),),
                ),
                Panel(
                    "Memory",
                    "How much memory does it hold?",
                    "bytes",
                    (Query('process_resident_memory_bytes{job="screening"}', "{{instance}}"),),
                ),
                Panel(
                    "Open files",
                    "Does it leak them?",
                    "short",
                    (Query('process_open_fds{job="screening"}', "{{instance}}"),),
                ),
                Panel(
                    "Telemetry lost",
                    "What did not reach the collector?",
                    "ops",
                    (
                        Query(f"rate(screening_spans_dropped_total[{_RATE}])", "spans"),
                        Query(f"rate(screening_logs_dropped_total[{_RATE}])", "log lines"),
                    ),
                ),
                Panel(
                    "Conditions",
                    "What must hold before anything is decided, and does it?",
                    "short",
                    (Query("min by (condition) (screening_condition)", "{{condition}}"),),
                ),
                Panel(
                    "Reloads",
                    "Which files are refused, with the old ones in force?",
                    "short",
                    (Query("max by (source) (screening_reload_failing)", "{{source}}"),),
                ),
                Panel(
                    "Age of law and registry",
                    "How old is what is decided by?",
                    "s",
                    (
                        Query("max(screening_law_age_seconds)", "law"),
                        Query("max(screening_registry_age_seconds)", "registry"),
                    ),
                ),
                Panel(
                    "Running",
                    "Which version, under which bundle of law?",
                    "short",
                    (Query("count by (version, bundle) (screening_info)", "{{version}} {{bundle}}"),),
                    kind="table",
                ),
            ),
        ),
    ),
)

LAW = Dashboard(
    "screening-law",
    "Screening: what does it decide?",
    headline=(
        _number("Decisions", "How many in the last day?", "short", "sum(increase(screening_decisions_total[1d]))"),
        _number("To a person", "Which share goes to review?", "percentunit", "screening:review:ratio_rate1h"),
        _number(
            "Near misses", "Which share of names is only similar?", "percentunit", "screening:near_miss:ratio_rate1h"
        ),
        _number(
            "Rules at work",
            "How many rules decided anything in the last day?",
            "short",
            "count(sum by (rule) (increase(screening_rule_decisions_total[1d])) > 0)",
        ),
    ),
    rows=(
        (
            "Outcomes",
            (
                Panel(
                    "By outcome",
                    "What is answered?",
                    "ops",
                    (Query(f"sum by (outcome) (rate(screening_decisions_total[{_RATE}]))", "{{outcome}}"),),
                    width=12,
                ),
                Panel(
                    "Names",
                    "How are employers and requesters taken?",
                    "ops",
                    (Query(f"sum by (result) (rate(screening_names_total[{_RATE}]))", "{{result}}"),),
                    width=12,
                ),
                Panel(
                    "Rules that decide",
                    "Which rules carry the day?",
                    "short",
                    (
                        Query(
                            "topk(20, sum by (rule, outcome) (increase(screening_rule_decisions_total[1d])))",
                            "{{rule}} {{outcome}}",
                        ),
                    ),
                    kind="table",
                    width=12,
                ),
                Panel(
                    "Rules that send to a person",
                    "What would save the most reviews?",
                    "short",
                    (
                        Query(
                            'topk(20, sum by (rule) (increase(screening_rule_decisions_total{outcome="REVIEW"}[1d])))',
                            "{{rule}}",
                        ),
                    ),
                    kind="table",
                    width=12,
                ),
            ),
        ),
    ),
)

DASHBOARDS = (SERVICE, LAW)


def build(dashboard: Dashboard) -> dict[str, Any]:
    """Return a dashboard as Grafana reads it."""
    placed: list[dict[str, Any]] = []
    top = _place(placed, dashboard.headline, top=0, height=4)
    for title, panels in dashboard.rows:
        placed.append(
            {
                "type": "row",
                "title": title,
                "collapsed": False,
                "panels": [],
                "id": len(placed) + 1,
                "gridPos": {"x": 0, "y": top, "w": WIDTH, "h": 1},
            }
        )
        top = _place(placed, panels, top=top + 1, height=8)
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["screening"],
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "panels": placed,
    }


def _place(placed: list[dict[str, Any]], panels: tuple[Panel, ...], *, top: int, height: int) -> int:
    """Add panels from left to right, line by line; return where the next line begins."""
    left = 0
    for panel in panels:
        if left + panel.width > WIDTH:
            left, top = 0, top + height
        placed.append(_panel(panel, len(placed) + 1, {"x": left, "y": top, "w": panel.width, "h": height}))
        left += panel.width
    return top + height


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    instant = panel.kind in ("table", "stat")
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.question,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + position),
                "datasource": SOURCE,
                "expr": query.expr,
                "legendFormat": query.legend,
                "exemplar": query.exemplars,
                "instant": instant,
                "range": not instant,
                **({"format": "table"} if panel.kind == "table" else {}),
            }
            for position, query in enumerate(panel.queries)
        ],
    }


def text(dashboard: Dashboard) -> str:
    """Return a dashboard's file."""
    return json.dumps(build(dashboard), indent=2) + "\n"


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for dashboard in DASHBOARDS:
        (FOLDER / f"{dashboard.uid}.json").write_text(text(dashboard), encoding="utf-8")


if __name__ == "__main__":
    main()
