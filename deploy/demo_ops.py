"""`make demo-ops`: what ops sees of the service. It stops by itself.

Starts the service, an OTLP receiver of its own and Debian's Prometheus, sends a minute of mixed traffic, and shows one
trace, the alerts, and the headline numbers of the dashboards. Exit code 1 if anything is not as it should be.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table
from screening.cli.demo import start
from screening.telemetry.receiver import Receiver

from deploy import dashboards
from deploy.dashboards import Panel
from deploy.local_prometheus import Prometheus, free_port
from deploy.traffic import Traffic

STOP_SECONDS = 30
_STATES = {"inactive": "green", "pending": "yellow", "firing": "bold red"}


def main() -> int:
    """Run it and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to send traffic")
    seconds = parser.parse_args().seconds
    subprocess.run([Path(__file__).parent / "tools.sh"], check=True)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    receiver = Receiver()
    with tempfile.TemporaryDirectory(prefix="screening-demo-ops-") as scratch:
        metrics = f"127.0.0.1:{free_port()}"
        environ = {"SCREENING_METRICS_LISTEN": metrics, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
        service, target = start(Path(scratch) / "data", os.environ | environ | {"OTEL_METRIC_EXPORT_INTERVAL": "5000"})
        try:
            with Prometheus(metrics, Path(scratch)) as prometheus:
                wrong = show(console, prometheus, receiver, Traffic(target, seconds), seconds)
        finally:
            service.send_signal(signal.SIGTERM)
            code = service.wait(STOP_SECONDS)
            receiver.close()
    console.rule(f"[bold]The service has stopped (exit code {code})")
    for sentence in wrong:
        console.print(f"[red]{sentence}")
    return 1 if code or wrong else 0


def show(console: Console, prometheus: Prometheus, receiver: Receiver, traffic: Traffic, seconds: float) -> list[str]:
    """Send the traffic, then show everything; return what is not as it should be, a sentence each."""
    console.print(f"Prometheus watches the service; {seconds:.0f} seconds of mixed traffic ...")
    traffic.start()
    traffic.join()
    time.sleep(2)  # for the last scrape and the last spans
    counts = traffic.counts
    console.print(f"{counts['decided']} decisions, {counts['refused']} refusals came back.")
    show_trace(console, prometheus, receiver)
    firing = show_alerts(console, prometheus)
    empty = [
        panel.title for dashboard in dashboards.DASHBOARDS for panel in show_headline(console, prometheus, dashboard)
    ]
    show_rules(console, prometheus)
    console.print(
        "No collector ran: no package of it is to be had here. The service sent to a receiver of its own; "
        "deploy/collector/config.yaml is parsed and matched up by tests, and has not been run."
    )
    [(_, counted)] = prometheus.query("sum(screening_decisions_total)")
    [(_, dropped)] = prometheus.query("sum(screening_spans_dropped_total)")
    checks = {
        f"Prometheus counted {counted:.0f} decisions, the callers {counts['decided']}": counted == counts["decided"],
        f"{dropped:.0f} spans were dropped": dropped == 0,
        f"alerts are firing: {', '.join(firing)}": not firing,
        f"these numbers are empty: {', '.join(empty)}": not empty,
        "no metrics came over OTLP": "screening_decisions" in receiver.metrics,
    }
    return [sentence for sentence, holds in checks.items() if not holds]


def show_trace(console: Console, prometheus: Prometheus, receiver: Receiver) -> None:
    """Go the way from the slowest exemplar of single calls to its trace."""
    console.rule("[bold]From the slowest single call to its trace")
    now = time.time()
    series = prometheus.get(
        "query_exemplars",
        query='screening_call_seconds_bucket{rpc="ScreenInformationRequest"}',
        start=str(now - 3600),
        end=str(now),
    )
    exemplars = [
        (float(exemplar["value"]), exemplar["labels"]["trace_id"], each["seriesLabels"]["le"])
        for each in series
        for exemplar in each["exemplars"]
    ]
    value, trace_id, bucket = max(exemplars)
    console.print(f"bucket le={bucket}: {value * 1000:.1f} ms, trace {trace_id}")
    spans = [span for span in receiver.spans if span.trace_id.hex() == trace_id and span.name.startswith("city.")]
    spans.sort(key=lambda span: span.end_time_unix_nano - span.start_time_unix_nano)
    console.print(receiver.tree(spans[-1]))


def show_alerts(console: Console, prometheus: Prometheus) -> list[str]:
    """Show each alert's state; return the names of those that are firing."""
    console.rule("[bold]Alerts")
    table = Table("alert", "severity", "state", "watched for")
    firing = []
    for group in prometheus.get("rules", type="alert")["groups"]:
        for rule in group["rules"]:
            state = rule["state"]
            table.add_row(
                rule["name"], rule["labels"]["severity"], f"[{_STATES[state]}]{state}", f"{rule['duration']:.0f} s"
            )
            if state == "firing":
                firing.append(rule["name"])
    console.print(table)
    return firing


def show_headline(console: Console, prometheus: Prometheus, dashboard: dashboards.Dashboard) -> list[Panel]:
    """Show the numbers at the top of a dashboard; return those that have none."""
    console.rule(f"[bold]{dashboard.title}")
    table = Table("number", "value", "the question it answers")
    empty = []
    for panel in dashboard.headline:
        found = prometheus.query(panel.queries[0].expr.replace("$__rate_interval", "30s"))
        table.add_row(panel.title, spoken(found[0][1], panel.unit) if found else "-", panel.question)
        if not found:
            empty.append(panel)
    console.print(table)
    return empty


def show_rules(console: Console, prometheus: Prometheus) -> None:
    """Show which rules decided most."""
    table = Table("rule", "outcome", "decisions")
    for labels, value in prometheus.query("topk(8, sum by (rule, outcome) (screening_rule_decisions_total))"):
        table.add_row(labels["rule"], labels["outcome"], f"{value:.0f}")
    console.print(table)


def spoken(value: float, unit: str) -> str:
    """Return a value as a dashboard would show it."""
    match unit:
        case "percentunit":
            return f"{value:.1%}"
        case "s":
            return f"{value * 1000:.1f} ms"
        case "ops":
            return f"{value:.1f} /s"
        case "bytes":
            return f"{value / 1e9:.1f} GB"
        case _:
            return f"{value:.0f}"


if __name__ == "__main__":
    sys.exit(main())
