"""How the cost grows with rules, names, records, connections and workers; each curve is a figure in `bench/`, and rows of a table.

Bounded: the log grows to the last of RECORDS for which the disk has room, and every server ends with its curve.
"""

import asyncio
import os
import shutil
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt
from screening import clock
from screening.decisionlog.port import Filter
from screening.decisionlog.record import Listing, Record, make
from screening.storage.log import SqlLog
from screening.storage.sqlite import SqliteDatabase
from screening.transport.identity import new_id
from screening.wiring import read_registry

from bench import cost, load, service
from bench.names import scale as names_scale
from bench.names.__main__ import REGISTRY
from bench.questions import employment_questions

Points = list[tuple[float, float]]
RULES = (1, 10, 100)
"""How many times as many rules the law has as it is shipped with."""
RECORDS = (10_000, 100_000, 1_000_000, 10_000_000)
"""How many records the log has when appending and listing are measured."""
CONNECTIONS = (1, 10, 100, 1_000)
_TOGETHER = 1_000
_REPEATED = 20
_RECORD_BYTES = 2_000
_STORED_BYTES = 4_600
"""About what a record of that size takes on the disk: a page of the database for itself, its key, its part of the indexes."""
_SPARE = 0.2
"""Part of the free disk that is left alone."""
_SECONDS = 4


def measure(scratch: Path) -> list[str]:
    """Measure every curve, draw it, and return a table."""
    names = [(float(each.names), each.new) for each in names_scale.measure(read_registry(REGISTRY))]
    append, listing = asyncio.run(log_curves(scratch / "scale-log"))
    curves: list[tuple[str, str, str, Points]] = [
        (
            "rules",
            "times the rules",
            "us to decide",
            [(float(times), cost.typical_us(cost.law_of(times))) for times in RULES],
        ),
        ("names", "names in the registry", "us to look up a new name", names),
        ("append", "records in the log", "us to append a record", append),
        ("list", "records in the log", "ms to list 50 decisions", listing),
        ("connections", "connections", "unary calls/s", list(connection_curve(scratch))),
        ("workers", "workers", "unary calls/s", list(worker_curve(scratch))),
    ]
    lines = ["| what grows | to | what it costs | |", "| --- | ---: | ---: | --- |"]
    for name, grows, unit, points in curves:
        draw(name, grows, unit, points)
        lines += [f"| {grows} | {size:,.0f} | {cost:,.1f} | {unit} |" for size, cost in points]
    return lines


def draw(name: str, grows: str, unit: str, points: Points) -> None:
    """Write one curve as `bench/scale-NAME.svg`; the same figures make the same bytes."""
    mpl.rcParams["svg.hashsalt"] = name
    figure, axes = plt.subplots(figsize=(5, 3))
    axes.plot([size for size, _ in points], [cost for _, cost in points], marker="o")
    axes.set(xlabel=grows, ylabel=unit, xscale="log", ylim=(0, None))
    figure.tight_layout()
    figure.savefig(Path(__file__).with_name(f"scale-{name}.svg"), metadata={"Date": None})
    plt.close(figure)


async def log_curves(data: Path) -> tuple[Points, Points]:
    """Return what it costs to append a record (of 1,000 together) and to list a page, by the size of the log."""
    log = SqlLog(SqliteDatabase(data), clock.now)
    append, listing = [], []
    size = 0
    room = shutil.disk_usage(data.parent).free * (1 - _SPARE) / _STORED_BYTES
    for goal in [each for each in RECORDS if each < room]:
        while size < goal - _REPEATED * _TOGETHER:
            await log.append(_records())
            size += _TOGETHER
        took = [await _append_us(log) for _ in range(_REPEATED)]
        size += _REPEATED * _TOGETHER
        append.append((float(size), statistics.median(took)))
        listing.append((float(size), statistics.median([await _list_ms(log) for _ in range(_REPEATED)])))
    await log.close()
    return append, listing


async def _append_us(log: SqlLog) -> float:
    records = _records()
    start = time.perf_counter()
    await log.append(records)
    return (time.perf_counter() - start) / _TOGETHER * 1e6


async def _list_ms(log: SqlLog) -> float:
    start = time.perf_counter()
    await log.list_decisions(Filter(outcome=1), 50)
    return (time.perf_counter() - start) * 1e3


def _records() -> list[Record]:
    return [_record() for _ in range(_TOGETHER)]


def _record() -> Record:
    time_now = clock.now()
    identity = new_id(time_now)
    listing = Listing("ScreenEmployment", 1, 0, ("a.rule",), "la_city", "bench")
    fields = {"sealed": os.urandom(_RECORD_BYTES // 2).hex()}
    return make("decision", identity, time_now, fields, listing=listing, wrapped_key=(identity, bytes(60)))


def connection_curve(scratch: Path) -> Iterator[tuple[float, float]]:
    """Yield the rate of unary calls by the number of connections, one call in flight on each."""
    bodies = [question.body for question in employment_questions()]
    with service.Service.start(scratch / "scale-connections", ["--workers", str(os.cpu_count() or 1)]) as running:
        for connections in CONNECTIONS:
            sent = bodies[: min(len(bodies), connections)]
            crowd = load.Crowd(max(1, connections // len(sent)), 1)
            outcome = load.drive(running.target, service.UNARY, sent, seconds=_SECONDS, crowd=crowd)
            yield float(connections), outcome.calls / outcome.seconds


def worker_curve(scratch: Path) -> Iterator[tuple[float, float]]:
    """Yield the rate of unary calls by the number of workers."""
    bodies = [question.body for question in employment_questions()]
    for workers in (1, 2):
        with service.Service.start(scratch / f"scale-{workers}", ["--workers", str(workers)]) as running:
            load.drive(running.target, service.UNARY, bodies, seconds=1)
            outcome = load.drive(running.target, service.UNARY, bodies, seconds=_SECONDS)
            yield float(workers), outcome.calls / outcome.seconds
