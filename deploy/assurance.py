"""`make assurance`: the long proofs, and what they showed in deploy/ASSURANCE.md.

Each proof is a command that ends with exit code 0 if it holds, and is bounded in time. What a proof showed is kept under
build/assurance by the digest of the code, so that a run that was broken off goes on where it stopped, and parts can be run
one by one (`make assurance PART=soak`); a proof that failed is tried again. The document is written after each proof, and
says openly which do not hold, and which have not been run on this code, with what they showed last and on what. Changes
that are not committed count as other code; the document itself does not count. `--small` runs each in a size for
continuous integration, and writes its document aside.
"""

import argparse
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "deploy" / "ASSURANCE.md"
KEPT = ROOT / "build" / "assurance"
SMALL = ROOT / "build" / "assurance-small"
MOST_LINES = 40
MINUTE = 60
_PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")


@dataclass(frozen=True)
class Proof:
    """One command. `figures` finds the lines of its output that are worth keeping."""

    name: str
    claim: str
    command: tuple[str, ...]
    figures: str
    small: tuple[str, ...]
    """The same in small; the test of this file runs it, or `sample` says what does."""
    sample: str
    """What continuous integration runs of it."""
    minutes: int
    """After which it is stopped, and does not hold."""


@dataclass(frozen=True)
class Shown:
    """What a proof showed: exit code, seconds, when (UTC), of which commit, and its figures."""

    code: int
    seconds: float
    date: str
    commit: str
    figures: list[str]


def _module(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *words)


_KILLS = (*_PYTEST, "tests/failure/test_kills.py")
_RESTARTS = (*_PYTEST, "tests/failure/test_restarts.py")
_PROVE = _module("screening", "laws", "prove", "--pack")
_CASES = (*sorted(str(file.relative_to(ROOT)) for file in (ROOT / "tests/cases").glob("*.test.yaml")),)
_MUTANTS = (*_module("screening", "laws", "mutants"), *_CASES, "tests/cases/scenarios.jsonl")
PROOFS = (
    Proof(
        "restarts",
        "A service or database that is killed, stopped, full or attacked loses no acknowledged decision",
        (*_PYTEST, "tests/failure", "--ignore=tests/failure/test_soak.py"),
        r"\d+ passed|\d+ failed|FAILED",
        (*_PYTEST, "tests/failure/test_start.py", "-k", "loopback"),
        "tests/failure, whole",
        30,
    ),
    Proof(
        "log-kills",
        "The log, ended before and after every write of its life and at random, on each store, keeps every record",
        ("env", "LOG_KILLS_EVERY=1", "LOG_RANDOM_KILLS=200", *_KILLS, "--numprocesses=2", "--timeout=3600"),
        r"\d+ passed|\d+ failed|FAILED",
        ("env", "LOG_KILLS_EVERY=97", *_KILLS),
        "tests/failure/test_kills.py, a sample of the points",
        120,
    ),
    Proof(
        "log-restarts",
        "A thousand restarts of a log on each store raise no false alarm",
        ("env", "LOG_RESTARTS=1000", *_RESTARTS, "--timeout=3600"),
        r"\d+ passed|\d+ failed|FAILED",
        ("env", "LOG_RESTARTS=3", *_RESTARTS),
        "tests/failure/test_restarts.py, a few of them",
        120,
    ),
    Proof(
        "soak",
        "Ten minutes on each store with faults: nothing lost, memory flat, p99 back within 5 s, the log verifies",
        _module("tests.soak", "--timelines", "build/soak"),
        r"(?!I\d+ )\S.*",  # without gRPC's own lines
        _module("tests.soak", "--seconds", "30", "--store", "sqlite"),
        "tests/failure/test_soak.py, a minute on each store",
        40,
    ),
    Proof(
        "fuzz",
        "A million inputs of every kind: no crash, no hang, no INTERNAL or UNKNOWN",
        _module("tests.fuzz"),
        r"\S.*(ok|FAILED)|\d.*",
        _module("tests.fuzz", "--executions", "2000", "--state", "build/assurance-small/fuzz.json"),
        "tests/fuzz, 300 of each",
        120,
    ),
    Proof(
        "names",
        "A hundred thousand hard names, of any of Unicode, are looked up: none raises, none is compared with too many",
        _module("bench.names", "--hard"),
        r"\S.*",
        (*_PYTEST, "tests/unit/names/test_bounds.py"),
        "tests/unit/names",
        30,
    ),
    Proof(
        "law",
        "Every invariant of every pack holds for every combination of the facts that it depends on, at all times",
        ("make", "--silent", "laws"),
        r".*combinations of facts|\d+ of \d+|\d+ errors",
        (*_PROVE, "lausd", "--since", "2026-01-01"),
        "tests/property and tests/unit/policy",
        60,
    ),
    Proof(
        "mutants",
        "Of all rules made wrong in small ways the cases notice 95 of 100",
        _MUTANTS,
        r".*caught.*|.*\d+ of \d+.*",
        (*_MUTANTS, "--every", "40"),
        "tests/cases, a mutant of each forty",
        30,
    ),
    Proof(
        "overload",
        "At three times what saturates it the service keeps nine tenths of its useful rate",
        _module("bench.overload"),
        r"\S.*",
        _module("bench.overload", "--seconds", "0.5", "--repeats", "1"),
        "tests/integration/test_limits.py",
        30,
    ),
    Proof(
        "log-big",
        "A log of a million records: appended, verified whole, proven and weighed",
        _module("bench.big_log"),
        r"\S.*",
        _module("bench.big_log", "--records", "3000"),
        "tests/unit/decisionlog and tests/unit/storage",
        90,
    ),
    Proof(
        "supply-chain",
        "Every pinned package is in the bill of materials with a licence; the audit says whether it was one",
        (str(ROOT / "deploy/supply_chain.sh"), str(Path(sys.executable).parent), "build/supply-chain"),
        r"audit:.*",
        (str(ROOT / "deploy/supply_chain.sh"), str(Path(sys.executable).parent), "build/supply-chain"),
        "tests/deploy/test_supply_chain.py",
        15,
    ),
)


def digest() -> str:
    """Return what tells this code from other code: of every file but the document, committed or not."""
    listed = [line for line in _git("ls-tree", "-r", "HEAD").splitlines() if not line.endswith("\tdeploy/ASSURANCE.md")]
    changes = _git("diff", "HEAD", "--", ".", ":!deploy/ASSURANCE.md")
    return hashlib.sha256("\n".join([*listed, changes]).encode()).hexdigest()[:12]


def commit() -> str:
    """Return the commit, with a plus sign if files were changed since."""
    changed = _git("diff", "HEAD", "--name-only", "--", ".", ":!deploy/ASSURANCE.md")
    return _git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def prove(proof: Proof, of: str) -> Shown:
    """Run one proof; with all that it started it ends at the latest when its minutes are over."""
    began = time.monotonic()
    with subprocess.Popen(
        proof.command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=proof.minutes * MINUTE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output = process.communicate()[0] + f"\nstopped after {proof.minutes} minutes\n"
    found = [line.strip() for line in output.splitlines() if re.match(rf"{proof.figures}|stopped after", line.strip())]
    date = f"{datetime.now(UTC):%Y-%m-%d %H:%M}"
    return Shown(process.returncode, time.monotonic() - began, date, of, found[-MOST_LINES:])


def recall(proof: Proof, kept: Path) -> Shown | None:
    """Return what a proof showed in an earlier run on the same code, if it did."""
    file = kept / f"{proof.name}.json"
    return Shown(**json.loads(file.read_text(encoding="utf-8"))) if file.exists() else None


def keep(proof: Proof, shown: Shown, kept: Path) -> None:
    """Keep what a proof showed for the next run."""
    kept.mkdir(parents=True, exist_ok=True)
    (kept / f"{proof.name}.json").write_text(json.dumps(asdict(shown)), encoding="utf-8")


def elsewhere(proof: Proof, kept: Path) -> Shown | None:
    """Return what a proof showed last on other code, if it did."""
    others = [recall(proof, folder) for folder in kept.parent.glob("*") if folder != kept]
    return max((shown for shown in others if shown), key=lambda shown: shown.date, default=None)


def text(proofs: Sequence[Proof], kept: Path, of: str) -> str:
    """Return the document."""
    lines = [
        "# Assurance",
        "",
        f"Written by `make assurance` for revision `{of}` on {datetime.now(UTC):%Y-%m-%d}. Times and rates depend on the",
        "machine; the rest does not. CI runs the sample of each proof.",
        "",
        "| part | claim | stands |",
        "| --- | --- | --- |",
        *(f"| {proof.name} | {proof.claim} | {_stands(proof, kept)} |" for proof in proofs),
    ]
    for proof in proofs:
        lines += ["", f"## {proof.name}", "", *_told(proof, kept), f"Sample in CI: {proof.sample}."]
    return "\n".join(lines) + "\n"


def _told(proof: Proof, kept: Path) -> list[str]:
    """Return what is said of one proof: what it showed on this code or, said openly, on other code."""
    shown = recall(proof, kept)
    of = shown or elsewhere(proof, kept)
    if of is None:
        return ["Not run on this code."]
    verdict = f"Does not hold (exit code {of.code})" if of.code else "Holds"
    head = f"{verdict}: {of.date} UTC, revision `{of.commit}`, {of.seconds:.0f} s."
    before = [] if shown else ["Not run on this code. What it showed last, on other code:", ""]
    return [*before, head, "", "```text", *of.figures, "```", ""]


def _stands(proof: Proof, kept: Path) -> str:
    shown, before = recall(proof, kept), elsewhere(proof, kept)
    return f"{_verdict(before)}, on `{before.commit}`" if before and not shown else _verdict(shown)


def _verdict(shown: Shown | None) -> str:
    if shown is None:
        return "not run"
    return "does not hold" if shown.code else "holds"


def assure(proofs: Sequence[Proof], chosen: Sequence[str], kept: Path, document: Path, of: str) -> int:
    """Run the chosen proofs that have not held yet, all if none is chosen; return how many do not hold."""
    for proof in proofs:
        shown = recall(proof, kept)
        if (not chosen or proof.name in chosen) and (shown is None or shown.code):
            sys.stdout.write(f"{proof.name} ...\n")
            sys.stdout.flush()
            shown = prove(proof, of)
            keep(proof, shown, kept)
        sys.stdout.write(f"{proof.name}: {_verdict(shown)}\n")
        document.parent.mkdir(parents=True, exist_ok=True)
        document.write_text(text(proofs, kept, of), encoding="utf-8")
    found = [recall(proof, kept) for proof in proofs if not chosen or proof.name in chosen]
    return sum(shown is None or shown.code != 0 for shown in found)


def main() -> int:
    """Run them and return the exit code: 1 if any that was to be run does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", default=[], choices=[proof.name for proof in PROOFS])
    parser.add_argument("--small", action="store_true", help="each in a small size, with a document aside")
    given = parser.parse_args()
    if not given.small:
        return min(1, assure(PROOFS, given.only, KEPT / digest(), DOCUMENT, commit()))
    small = [replace(proof, command=proof.small) for proof in PROOFS]
    return min(1, assure(small, given.only, SMALL / digest(), SMALL / DOCUMENT.name, commit()))


if __name__ == "__main__":
    sys.exit(main())
