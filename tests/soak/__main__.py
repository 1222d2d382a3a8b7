"""`make soak`: ten minutes on each store of the log, with faults. Bounded; stops by itself; needs root for its small disk.

Exit code 1 if a decision was lost, a call ended as INTERNAL or UNKNOWN, or the log does not verify; 3 if only a target of
speed or memory was missed.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.soak.report import Report
from tests.soak.soak import Subject, soak
from tests.soak.store import Database, SmallDisk, Store

STORES: dict[str, Callable[[Path], Store]] = {"sqlite": SmallDisk, "postgres": Database}
MISSED_EXIT = 3


def run(name: str, seconds: float) -> Report:
    """Soak the service on one store."""
    with tempfile.TemporaryDirectory(prefix="screening-soak-") as scratch:
        store = STORES[name](Path(scratch))
        try:
            subject = Subject(Path(scratch), store)
        except BaseException:
            store.close()
            raise
        try:
            load, course = asyncio.run(soak(subject, seconds))
        finally:
            subject.close()
    return Report(store, load, course, seconds)


def main() -> int:
    """Run it, print the figures and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="of load on each store, at least 30")
    parser.add_argument("--store", choices=STORES, action="append", help="default: all")
    parser.add_argument("--timelines", type=Path, help="directory for what each second was like, as STORE.csv")
    given = parser.parse_args()
    code = 0
    for name in given.store or STORES:
        report = run(name, given.seconds)
        if given.timelines:
            given.timelines.mkdir(parents=True, exist_ok=True)
            (given.timelines / f"{name}.csv").write_text("\n".join(report.timeline()) + "\n", encoding="utf-8")
        sentences = [*report.lines(), *(f"WRONG: {each}" for each in report.wrong())]
        sys.stdout.write("\n".join([*sentences, *(f"MISSED: {each}" for each in report.missed())]) + "\n\n")
        sys.stdout.flush()
        code = 1 if report.wrong() or code == 1 else MISSED_EXIT if report.missed() else code
    return code


if __name__ == "__main__":
    sys.exit(main())
