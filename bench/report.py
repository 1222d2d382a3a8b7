"""The benchmark's figures as a table for people, in Markdown."""

import platform
import statistics
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path

from bench.duel import Leg

_LIBRARIES = ("grpcio", "protobuf", "cel-expr-python", "uvloop", "cryptography", "rapidfuzz", "opentelemetry-sdk")


def machine() -> list[str]:
    """Return lines that say on what was measured."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    cores = len([line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("processor")])
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return [
        f"- {cores} cores of {model}, Linux {platform.release()}",
        f"- Python {platform.python_version()}; {libraries}",
    ]


def rows(legs: Sequence[Leg]) -> list[str]:
    """Return a table of legs: median, least and greatest rate, and processor time for each decision."""
    lines = ["| load | decisions/s, median | min | max | CPU a decision, us |", "| --- | ---: | ---: | ---: | ---: |"]
    for leg in legs:
        cpu = statistics.median(leg.cpu_micros)
        lines.append(f"| {leg.name} | {leg.median:,.0f} | {min(leg.rates):,.0f} | {max(leg.rates):,.0f} | {cpu:,.0f} |")
    return lines


def compared(what: str, target: str, found: Sequence[float]) -> str:
    """Return a row that compares: median, least and greatest ratio of the rounds, beside what is wanted."""
    return f"| {what} | {statistics.median(found):.2f} | {min(found):.2f} | {max(found):.2f} | {target} |"


def page(sections: Sequence[tuple[str, Sequence[str]]], day: date, before: str = "") -> str:
    """Return the whole page; sections of the page as it was `before` that were not measured again stay in their place."""
    head = [
        "# Results",
        "",
        "Measured by `make bench`; medians of one run, both sides driven in turn. README.md says how.",
        "",
        *machine(),
    ]
    kept = {part.partition("\n")[0]: part for part in f"\n{before}".split("\n## ")[1:]}
    new = {title: "\n".join([title, "", f"On {day}.", "", *body]) for title, body in sections}
    return "\n\n## ".join(["\n".join(head), *(part.strip() for part in (kept | new).values())]) + "\n"
