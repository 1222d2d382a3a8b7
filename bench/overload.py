"""What is left of the useful rate beyond capacity: `make overload`.

Closed loops of unary calls: first more and more of them, until more do not help; then three times as many as saturate the
service. Once with its own limit, which is above that, so that calls wait their turn; once with the limit set to what
saturates it, so that two thirds are refused, for callers that come again when they are told to and for callers that do
not. The table gives the useful rate against the greatest seen, what was refused and how fast, and whether health was told
truthfully meanwhile. Useful is a call that was answered with a decision; each is looked up in the log afterwards. The exit
code is 1 if health was not told truthfully or a call ended otherwise than answered or refused, and 3 if less than nine
tenths of the useful rate was left: each repeat saturates the service anew and is compared with that, because the machine's
speed drifts, and the median of the repeats counts.

Clients and service share the machine, so rates are lower than with clients elsewhere; ratios are what to look at.
"""

import argparse
import asyncio
import socket
import sqlite3
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import grpc
import uvloop
from city.screening.v1 import screening_service_pb2
from screening_client import employment_request

from bench.questions import FORMS
from bench.service import UNARY, Service

LEVELS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
ENOUGH = 0.95
"""Part of the greatest rate at which the service is taken for saturated."""
CONNECTIONS = 16
RUDE_SECONDS = 0.0
LEAST_SHARE = 0.9
"""Part of the saturated rate that must be left."""
_WRONG, _MISSED = 1, 3


@dataclass
class Load:
    """What came of some seconds of load."""

    decisions: set[str] = field(default_factory=set)
    seconds: list[float] = field(default_factory=list)
    """Of answered calls."""
    refused: list[float] = field(default_factory=list)
    """Seconds until a refusal came."""
    codes: Counter[str] = field(default_factory=Counter)
    untruths: int = 0
    """Probes that did not say ready."""
    probes: int = 0
    lasted: float = 0.0
    """How long new calls were sent; what is answered later, as the last loops end one by one, is in no rate."""
    useful: int = 0
    """Calls answered with a decision while it lasted."""

    @property
    def rate(self) -> float:
        """Decisions a second."""
        return self.useful / self.lasted


async def load(target: str, probes: str, loops: int, seconds: float, *, polite: bool) -> Load:
    """Keep `loops` calls in flight; polite callers wait as long as a refusal says."""
    done = Load(lasted=seconds)
    end = time.perf_counter() + seconds
    body = employment_request(FORMS[1]).SerializeToString()
    options = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))
    channels = [grpc.aio.insecure_channel(target, options=options) for _ in range(min(CONNECTIONS, loops))]

    async def loop(ask: Any) -> None:
        while time.perf_counter() < end:
            start = time.perf_counter()
            try:
                reply = await ask(body)
            except grpc.aio.AioRpcError as error:
                done.codes[error.code().name] += 1
                done.refused.append(time.perf_counter() - start)
                trailers: dict[str, Any] = dict(error.trailing_metadata() or ())
                await asyncio.sleep(int(trailers.get("grpc-retry-pushback-ms", 100)) / 1000 if polite else RUDE_SECONDS)
            else:
                done.seconds.append(time.perf_counter() - start)
                done.useful += time.perf_counter() < end
                done.decisions.add(
                    screening_service_pb2.ScreenEmploymentResponse.FromString(reply).decision.decision_id
                )

    async def watch() -> None:
        while time.perf_counter() < end:
            done.probes += 1
            done.untruths += not await asyncio.to_thread(ready, probes)
            await asyncio.sleep(0.25)

    await asyncio.gather(watch(), *(loop(channels[n % len(channels)].unary_unary(UNARY)) for n in range(loops)))
    for channel in channels:
        await channel.close()
    return done


def ready(probes: str) -> bool:
    """Ask the probe."""
    try:
        with urlopen(f"http://{probes}/readyz", timeout=5) as reply:
            return bool(reply.status == HTTPStatus.OK)
    except (HTTPError, OSError):
        return False


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def quantile(values: list[float], part: float) -> float:
    """Return a quantile in milliseconds; 0 of nothing."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))] * 1000 if values else 0.0


async def run(folder: Path, name: str, loops: int, seconds: float, *, limit: int, polite: bool = True) -> Load:
    """Start a service with a limit, load it, and check that each answered decision is in its log."""
    probes = f"127.0.0.1:{free_port()}"
    with Service.start(folder / name, SCREENING_MOST_IN_FLIGHT=str(limit), SCREENING_METRICS_LISTEN=probes) as service:
        await load(service.target, probes, min(loops, 16), min(2.0, seconds), polite=True)  # warm
        done = await load(service.target, probes, loops, seconds, polite=polite)
        missing = done.decisions - recorded(service.data)
        assert not missing, f"{len(missing)} answered decisions are not in the log"
    return done


def recorded(data: Path) -> set[str]:
    """Return the ids of all decisions in a log."""
    with sqlite3.connect(f"file:{data}/log.db?mode=ro", uri=True) as log:
        return {row[0] for row in log.execute("SELECT id FROM record WHERE kind = 'decision'")}


def show(name: str, loops: int, done: Load, best: float) -> None:
    """Print a row."""
    print(
        f"{name:34}{loops:6}{done.rate:9.0f}{done.rate / best:8.0%}{quantile(done.seconds, 0.5):9.1f}"
        f"{quantile(done.seconds, 0.99):9.1f}{len(done.refused) / done.lasted:10.0f}{quantile(done.refused, 0.5):9.1f}"
        f"{quantile(done.refused, 0.99):9.1f}{done.probes - done.untruths:6}/{done.probes}  {dict(done.codes)}"
    )


async def main() -> int:
    """Find what saturates the service, then ask for three times as much; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="time of each measurement")
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="screening-overload-") as scratch:
        return await measure(Path(scratch), arguments.seconds, arguments.repeats)


async def measure(folder: Path, seconds: float, repeats: int) -> int:
    """Measure, print the table and return the exit code."""
    head = ("", "loops", "useful/s", "of best", "p50 ms", "p99 ms", "refused/s", "p50 ms", "p99 ms", "ready")
    print("{:34}{:>6}{:>9}{:>8}{:>9}{:>9}{:>10}{:>9}{:>9}{:>8}".format(*head))
    rates = {}
    for loops in LEVELS:
        done = await run(folder, f"level{loops}", loops, seconds, limit=10_000)
        rates[loops] = done.rate
        show("no limit", loops, done, max(rates.values()))
    best = max(rates.values())
    saturating = next(loops for loops in LEVELS if rates[loops] >= ENOUGH * best)
    print(f"greatest rate {best:.0f}/s; saturated by {saturating} loops")
    parts: dict[str, list[float]] = {}
    reference = best
    wrong = False
    for repeat in range(repeats):
        for name, limit, polite in (
            ("saturating again", 10_000, True),
            ("limit as shipped", 1_000, True),
            ("limit reached, polite callers", saturating, True),
            ("limit reached, rude callers", saturating, False),
        ):
            loops = saturating if name == "saturating again" else 3 * saturating
            done = await run(folder, f"{name.replace(' ', '-')}{repeat}", loops, seconds, limit=limit, polite=polite)
            if name == "saturating again":
                reference = done.rate
            parts.setdefault(name, []).append(done.rate / reference)
            wrong |= done.untruths > 0 or not done.codes.keys() <= {"RESOURCE_EXHAUSTED"}
            show(name, loops, done, reference)
    shares = {name: statistics.median(found) for name, found in parts.items()}
    for name, found in parts.items():
        print(
            f"{name:34}{shares[name]:8.0%} of the saturated rate, median of {repeats}; {min(found):.0%} to {max(found):.0%}"
        )
    return _WRONG if wrong else _MISSED if min(shares.values()) < LEAST_SHARE else 0


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
