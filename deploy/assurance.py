"""`make assurance`: the long proofs in one command, and what they showed in deploy/ASSURANCE.md.

Each proof is a command that ends with exit code 0 if it holds. What a proof showed is kept under build/assurance by the
revision of the code, so that a run that was broken off goes on where it stopped; a proof that failed is tried again. The
document is written after each proof, and says openly which have not been run or do not hold. A tree with changes that are
not committed counts as a revision of its own.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "deploy" / "ASSURANCE.md"
KEPT = ROOT / "build" / "assurance"
MOST_LINES = 14
_PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")


@dataclass(frozen=True)
class Proof:
    """One command. `figures` finds the lines of its output that are worth keeping."""

    name: str
    claim: str
    command: tuple[str, ...]
    figures: str
    sample: str
    """What continuous integration runs of it."""


@dataclass(frozen=True)
class Shown:
    """What a proof showed: exit code, seconds, when (UTC), and its figures."""

    code: int
    seconds: float
    date: str
    figures: list[str]


PROOFS = (
    Proof(
        "kills and restarts",
        "A service or database that is killed, stopped, full or attacked loses no acknowledged decision",
        (*_PYTEST, "tests/failure", "--ignore=tests/failure/test_soak.py"),
        r"\d+ passed|\d+ failed",
        "tests/failure, whole",
    ),
    Proof(
        "soak",
        "Ten minutes on each store with faults: nothing lost, memory flat, p99 back within 5 s, the log verifies",
        (sys.executable, "-m", "tests.soak"),
        r"\S.*",
        "tests/failure/test_soak.py, a minute on each store",
    ),
    Proof(
        "fuzzing",
        "A million inputs of every kind: no crash, no hang, no INTERNAL or UNKNOWN",
        (sys.executable, "-m", "tests.fuzz"),
        r"\d.*",
        "tests/fuzz, 300 of each",
    ),
    Proof(
        "hard names",
        "100,000 random, token-rich and longest names: none raises, and none is compared with more than the bound",
        (sys.executable, "-m", "bench.names", "--hard"),
        r"\|.*",
        "tests/unit/names/test_bounds.py",
    ),
    Proof(
        "law",
        "Every invariant of the law holds for every combination of the facts that it depends on",
        (sys.executable, "-m", "screening", "laws", "prove", "--pack", "la_city", "--since", "2024-12-09"),
        r"\S.*",
        "tests/property and tests/unit/policy",
    ),
    Proof(
        "load beyond capacity",
        "At three times what saturates it the service keeps nine tenths of its useful rate",
        (sys.executable, "-m", "bench.overload"),
        r"\|.*|\S.*",
        "tests/integration/test_limits.py",
    ),
    Proof(
        "supply chain",
        "Every pinned package is in the bill of materials with a licence; the audit says whether it was one",
        (str(ROOT / "deploy/supply_chain.sh"), str(Path(sys.executable).parent), "build/supply-chain"),
        r"audit:.*",
        "tests/deploy/test_supply_chain.py",
    ),
)


def revision() -> str:
    """Return the commit, and a mark with the digest of the changes if there are any."""
    commit = _git("rev-parse", "--short=12", "HEAD")
    changes = _git("diff", "HEAD", "--", ".", ":!deploy/ASSURANCE.md")
    return f"{commit}+{hashlib.sha256(changes.encode()).hexdigest()[:8]}" if changes else commit


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def prove(proof: Proof) -> Shown:
    """Run one proof."""
    began = time.monotonic()
    done = subprocess.run(
        proof.command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    found = [line.strip() for line in done.stdout.splitlines() if re.match(proof.figures, line.strip())]
    return Shown(done.returncode, time.monotonic() - began, f"{datetime.now(UTC):%Y-%m-%d %H:%M}", found[-MOST_LINES:])


def recall(proof: Proof, kept: Path) -> Shown | None:
    """Return what a proof showed in an earlier run, if it did."""
    file = kept / f"{proof.name.replace(' ', '-')}.json"
    return Shown(**json.loads(file.read_text(encoding="utf-8"))) if file.exists() else None


def keep(proof: Proof, shown: Shown, kept: Path) -> None:
    """Keep what a proof showed for the next run."""
    kept.mkdir(parents=True, exist_ok=True)
    (kept / f"{proof.name.replace(' ', '-')}.json").write_text(json.dumps(asdict(shown)), encoding="utf-8")


def text(proofs: Sequence[Proof], kept: Path, of: str) -> str:
    """Return the document."""
    lines = [
        "# Assurance",
        "",
        f"Written by `make assurance` for revision `{of}` on {datetime.now(UTC):%Y-%m-%d}. Times and rates depend on the",
        "machine; the rest does not. CI runs the sample of each proof.",
    ]
    for proof in proofs:
        shown = recall(proof, kept)
        lines += [
            "",
            f"## {proof.name.capitalize()}: {_verdict(shown)}",
            "",
            f"{proof.claim}.",
            f"Sample in CI: {proof.sample}.",
        ]
        if shown:
            lines += [
                "",
                f"{shown.date} UTC, {shown.seconds:.0f} s, exit code {shown.code}:",
                "",
                "```text",
                *shown.figures,
                "```",
            ]
    return "\n".join(lines) + "\n"


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
            shown = prove(proof)
            keep(proof, shown, kept)
        sys.stdout.write(f"{proof.name}: {_verdict(shown)}\n")
        document.write_text(text(proofs, kept, of), encoding="utf-8")
    found = [recall(proof, kept) for proof in proofs]
    return sum(shown is None or shown.code != 0 for shown in found)


def main() -> int:
    """Run them and return the exit code: 1 if any has not been run or does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", default=[], choices=[proof.name for proof in PROOFS])
    chosen = parser.parse_args().only
    of = revision()
    return min(1, assure(PROOFS, chosen, KEPT / of, DOCUMENT, of))


if __name__ == "__main__":
    sys.exit(main())
