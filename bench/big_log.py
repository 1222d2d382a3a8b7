"""What a decision log of a million records costs: `make log-big`.

Records are sealed as a service seals them and appended through the log itself, with checkpoints all along. The rate of
the first and of the last tenth are compared, then the whole log is verified and proofs are made at random places. The exit
code is 1 if the log does not verify, and 3 if only a target of speed was missed.
"""

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from screening.config import Settings
from screening.decisionlog.receipt import prove_inclusion
from screening.decisionlog.record import Listing, Record, make
from screening.decisionlog.seal import Sealer
from screening.decisionlog.verify import Completeness
from screening.recorded import open_checkpoints, open_log, open_sealer
from screening.storage import anchor
from screening.storage.audit import Trust, audit
from screening.storage.keys import WRAPPING, KeyFile
from screening.storage.log import SqlLog
from screening.storage.readonly import SqliteFiles
from screening.transport.identity import new_id

_START = datetime(2026, 1, 1, tzinfo=UTC)
_QUESTION_BYTES = 700
"""About what a question and its decision take."""
_BATCH = 1_000
_PROOFS = 1_000
_LEAST_SHARE, _MOST_PROOF_MS, _MOST_VERIFY_SECONDS = 0.8, 5.0, 60.0
"""Wanted of a million records: appends at the end beside the start, a proof (median), and verifying all of it."""
_BROKEN, _MISSED = 1, 3


def main() -> int:
    """Print the figures as a table, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    records = parser.parse_args().records
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(data=Path(home) / "data")
        print("| figure | value |\n| --- | ---: |")
        print(f"| records | {records:,} |")
        share, proof_ms = asyncio.run(_fill(settings, records))
        whole, seconds = _verify(settings)
        _sizes(settings, records)
    missed = [
        *(["appends slow down"] if share < _LEAST_SHARE else []),
        *(["proofs are slow"] if proof_ms >= _MOST_PROOF_MS else []),
        *(["verifying is slow"] if seconds >= _MOST_VERIFY_SECONDS else []),
    ]
    print("".join(f"MISSED: {each}\n" for each in missed), end="")
    return _BROKEN if not whole else _MISSED if missed else 0


async def _fill(settings: Settings, records: int) -> tuple[float, float]:
    log = open_log(settings)
    checkpoints = await open_checkpoints(settings, log)
    sealer = open_sealer(settings)
    rates: list[float] = []
    places: list[tuple[int, bytes]] = []
    for number in range(0, records, _BATCH):
        batch = list(_made(sealer, number, min(_BATCH, records - number)))
        start = time.perf_counter()
        appended = await log.append(batch)
        rates.append(len(batch) / (time.perf_counter() - start))
        places.append((appended[0].index, appended[0].leaf_hash))
        if len(rates) % 20 == 0:
            await checkpoints.tick()
    await checkpoints.tick(last=True)
    tenth = max(1, len(rates) // 10)
    first, last = statistics.median(rates[:tenth]), statistics.median(rates[-tenth:])
    print(f"| appends a second, first tenth | {first:,.0f} |\n| appends a second, last tenth | {last:,.0f} |")
    print(f"| last beside first | {last / first:.0%} |")
    proof_ms = await _prove(log, places)
    await log.close()
    return last / first, proof_ms


def _made(sealer: Sealer, start: int, count: int) -> Iterator[Record]:
    noise = random.Random(start)  # sealed bytes do not compress, so what they say does not matter
    for number in range(start, start + count):
        moment = _START + timedelta(milliseconds=number * 10)
        identity = new_id(moment)
        sealed = sealer.seal(noise.randbytes(_QUESTION_BYTES), identity)
        yield make(
            "decision",
            identity,
            moment,
            {"rpc": "ScreenEmployment", "outcome": "DENY", "rules": ["r.one"], "sealed": sealed.fields()},
            listing=Listing("ScreenEmployment", 5, 0, ("r.one",), "la_city", "b"),
            wrapped_key=(sealed.key_id, sealed.wrapped_key),
            references=(identity.encode(),),
        )


async def _prove(log: SqlLog, places: list[tuple[int, bytes]]) -> float:
    took = []
    for index, leaf in random.Random(0).choices(places, k=_PROOFS):
        start = time.perf_counter()
        await prove_inclusion(log, index, leaf)
        took.append((time.perf_counter() - start) * 1e3)
    took.sort()
    print(f"| inclusion proof, median ms | {statistics.median(took):.2f} |")
    print(f"| inclusion proof, 99th of a hundred, ms | {took[len(took) * 99 // 100]:.2f} |")
    return statistics.median(took)


def _verify(settings: Settings) -> tuple[bool, float]:
    place = settings.anchor_directory
    notes = [(str(path), path.read_text(encoding="utf-8")) for path in anchor.notes(place)]
    trust = Trust(anchor.read_key(place / anchor.KEY), notes)
    start = time.perf_counter()
    keys = KeyFile(settings.keys_directory / WRAPPING)
    report = audit(SqliteFiles(settings.data), trust, settings.tiles_directory, with_keys=True, key_file=keys)
    seconds = time.perf_counter() - start
    print(f"| `log verify`, seconds | {seconds:.1f} |")
    print(f"| integrity and completeness | {report.integrity}, {report.completeness} |")
    return report.integrity and report.completeness == Completeness.VERIFIED, seconds


def _sizes(settings: Settings, records: int) -> None:
    for name, paths in (
        ("`log.db`", settings.data.glob("log.db*")),
        ("`keys.db`", settings.data.glob("keys.db*")),
        ("`tiles/`", settings.tiles_directory.rglob("*")),
    ):
        size = sum(path.stat().st_size for path in paths if path.is_file())
        print(f"| bytes a record in {name} | {size / records:,.0f} |")


if __name__ == "__main__":
    sys.exit(main())
