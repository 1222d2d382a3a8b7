"""`make bench`: the service beside its peer in one run, then what explains the figures. Bounded; loopback only.

python -m bench [--quick] [--publish] [PART ...]      parts: idle, cost, contest, ladder, scale, names; all if none is named
"""

import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from screening.names.match import NameIndex
from screening.wiring import read_registry

from bench import cerbos, contest, cost, idle, ladder, load, questions, report, scale
from bench.names import hard
from bench.names import scale as names_scale
from bench.names.__main__ import REGISTRY

Section = tuple[str, list[str]]
ROUNDS, QUICK_ROUNDS = 5, 1
_HARD = 4_000


def main(arguments: Sequence[str]) -> None:
    """Run the parts that are named, print them, and write them to RESULTS.md after a whole run, or if told to publish."""
    rounds = QUICK_ROUNDS if "--quick" in arguments else ROUNDS
    named = [argument for argument in arguments if not argument.startswith("--")]
    load.install()
    sections: list[Section] = []
    with tempfile.TemporaryDirectory(prefix="screening-bench-") as place:
        for name, part in _parts(Path(place), rounds).items():
            if not named or name in named:
                for section in part():
                    print("\n".join(["", f"## {section[0]}", "", *section[1]]), flush=True)
                    sections.append(section)
    if "--publish" in arguments or (not named and rounds == ROUNDS):
        file = Path(__file__).with_name("RESULTS.md")
        before = file.read_text(encoding="utf-8") if named and file.exists() else ""
        file.write_text(report.page(sections, datetime.now(UTC).date(), before), encoding="utf-8")


def _parts(scratch: Path, rounds: int) -> dict[str, Callable[[], list[Section]]]:
    def contested() -> list[Section]:
        try:
            program = cerbos.install(Path("build/bench/npm"))
        except cerbos.Missing as problem:
            print(problem)
            program = None
        return contest.run(scratch, program, rounds)

    def climbed() -> list[Section]:
        legs = ladder.climb(scratch, questions.employment_questions(), rounds)
        return [("Ladder: unary, each rung does one thing more", report.rows(legs))]

    def looked_up() -> list[Section]:
        files = read_registry(REGISTRY)
        return [
            ("Look-ups of names as the registry grows", [*names_scale.table(files)]),
            ("Look-ups of hard names", [*hard.ask(NameIndex(files), _HARD)]),
        ]

    return {
        "idle": lambda: [("One call at a time", idle.measure(scratch))],
        "cost": lambda: [("Cost of a decision in process", cost.measure())],
        "contest": contested,
        "ladder": climbed,
        "scale": lambda: [("How it grows", scale.measure(scratch))],
        "names": looked_up,
    }


if __name__ == "__main__":
    main(sys.argv[1:])
