"""`make names-report`: write QUALITY.md, its picture and the figures that CI holds, or measure look-ups instead.

python -m bench.names [--scale | --hard]
"""

import json
import sys
from pathlib import Path

import screening
from screening.names.match import NameIndex
from screening.wiring import read_registry

from bench.names import hard, report, scale
from bench.names.corrupt import NameCase, cases
from bench.names.quality import Sums, read_cases, total

REGISTRY = Path(screening.__file__).parent / "registry"
CASES = Path(__file__).parents[2] / "tests/cases"
FIGURES = CASES / "names_quality.json"
_SETS = ("names_dev.tsv", "names_more.tsv", "names_fresh.tsv", "names_least.tsv", "names_context.tsv", "names_last.tsv")
EACH = 150
"""Generated names of each kind."""


def sets(index: NameIndex) -> dict[str, list[NameCase]]:
    """Return the sets of names that are reported: those in files, and generated ones."""
    written = {name: read_cases(CASES / name) for name in _SETS}
    return {**written, "generated": cases(index, EACH)}


def figures(sums: Sums) -> dict[str, float]:
    """Return what must not worsen."""
    return {
        "precision": round(sums.precision, 4),
        "recall": round(sums.recall, 4),
        "review_rate": round(sums.review_rate, 4),
    }


def main(arguments: list[str]) -> None:
    """Write the report, or print how look-ups grow."""
    files = read_registry(REGISTRY)
    if "--scale" in arguments:
        for line in scale.table(files):
            print(line, flush=True)
        return
    index = NameIndex(files)
    if "--hard" in arguments:
        for line in hard.ask(index):
            print(line, flush=True)
        return
    named = sets(index)
    points = report.curve(index, [case for each in named.values() for case in each])
    report.draw(points, index.thresholds.match, REGISTRY / report.PICTURE)
    (REGISTRY / "QUALITY.md").write_text(report.page(index, named, points), encoding="utf-8")
    found = {name: figures(total(index, each)) for name, each in named.items()}
    FIGURES.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
