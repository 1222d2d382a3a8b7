"""The fuzzer: `make fuzz`. Runs every target in blocks, and goes on where it was stopped.

Each block is drawn from its number, so what fails can be run again; what failed is made as small as it will go, kept in
build/fuzz/ and, once mended, belongs in the target's corpus. The exit code is 1 if anything failed.
"""

import argparse
import hashlib
import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import structlog
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.edits import BURST, bursts, corpus
from tests.fuzz.served import Served
from tests.fuzz.targets import TARGETS, Target

BLOCK = 10_000
LONGEST_SECONDS = 10.0
"""An execution that takes longer hangs."""
SERVED_SHARE = 1
"""Few, because each is a call to every RPC."""
FOUND = Path("build/fuzz")


def limited(run: Target) -> Target:
    """Return a target that fails where it would hang."""

    def alarm(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"no end after {LONGEST_SECONDS:.0f} s")

    def timed(data: bytes) -> None:
        signal.signal(signal.SIGALRM, alarm)
        signal.setitimer(signal.ITIMER_REAL, LONGEST_SECONDS)
        try:
            run(data)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    return timed


def block(name: str, run: Target, number: int, executions: int) -> int:
    """Run one block of a target and return how often it was run. Raises what the target raises."""
    count, last = 0, b""
    for data in corpus(name):
        run(data)

    @seed(number)
    @settings(
        max_examples=max(1, executions // BURST),
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(bursts(name))
    def each(burst: list[bytes]) -> None:
        nonlocal count, last
        for last in burst:
            count += 1
            run(last)

    try:
        each()
    except BaseException:
        FOUND.mkdir(parents=True, exist_ok=True)
        (FOUND / f"{name}-{hashlib.sha256(last).hexdigest()[:12]}").write_bytes(last)
        raise
    return count


def main() -> int:
    """Run until the executions are done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--executions", type=int, default=1_000_000)
    parser.add_argument(
        "--state", type=Path, default=FOUND / "done.json", help="what was done before; remove to begin anew"
    )
    parser.add_argument("targets", nargs="*", help="only these")
    arguments = parser.parse_args()
    runs: dict[str, tuple[Callable[[bytes], None], int]] = {
        name: (target.run, target.share) for name, target in TARGETS.items()
    }
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())  # before the service takes its logger
    with Served() as served:
        runs["served"] = (served.ask, SERVED_SHARE)
        return fuzz({name: runs[name] for name in arguments.targets or runs}, arguments.executions, arguments.state)


def fuzz(runs: dict[str, tuple[Target, int]], executions: int, state: Path) -> int:
    """Run targets until each has had its share; return 1 if any failed."""
    done: dict[str, int] = json.loads(state.read_text()) if state.exists() else {}
    failed = set()
    shares = sum(share for _, share in runs.values())
    begun = time.monotonic()
    for name, (run, share) in runs.items():
        wanted = executions * share // shares
        while done.get(name, 0) < wanted and name not in failed:
            before = done.get(name, 0)
            try:
                done[name] = before + block(name, limited(run), before // BLOCK, min(BLOCK, wanted - before))
            except Exception as error:  # noqa: BLE001  # whatever it is, it is what we look for
                failed.add(name)
                print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
            state.parent.mkdir(parents=True, exist_ok=True)
            state.write_text(json.dumps(done))
        print(f"{name:22}{done.get(name, 0):>9}  {'FAILED' if name in failed else 'ok'}", flush=True)
    total = sum(done.get(name, 0) for name in runs)
    print(f"{total} executions, {len(failed)} targets failed, {time.monotonic() - begun:.0f} s now")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
