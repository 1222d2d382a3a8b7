"""`screening names …`: tools for the people who keep the registry. All offline."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from screening import config
from screening.names.match import NameIndex
from screening.wiring import read_bundle

names = typer.Typer(help="Test how written names are taken.", no_args_is_help=True)


@dataclass(frozen=True)
class NameCase:
    """A written name, the entity it should be taken for (empty: none), and the kind of case."""

    written: str
    expected: str
    category: str


@names.callback()
def _group() -> None:
    """Test how written names are taken."""


@names.command("test")
def run_cases(
    file: Annotated[Path, typer.Argument(help="TSV without header: written name, entity id or -, category")],
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON line a wrong case and a last line with the sums")
    ] = False,
) -> None:
    """Run name cases against the registry and print precision, recall and review rate."""
    index = read_bundle(config.from_environ(os.environ)).names
    cases = _cases(file)
    for case in cases:
        resolution = index.resolve(case.written)
        got = resolution.entity.id if resolution.entity else ""
        if got != case.expected:
            near = [candidate.entity.id for candidate in resolution.candidates]
            line = {"name": case.written, "expected": case.expected or "-", "got": got or "-", "near": near}
            typer.echo(json.dumps(line, ensure_ascii=False) if as_json else _wrong(line))
    typer.echo(json.dumps(_sums(cases, index)))


def _wrong(line: Mapping[str, object]) -> str:
    return f"{line['name']}: expected {line['expected']}, got {line['got']}, near {line['near']}"


def _cases(file: Path) -> list[NameCase]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise typer.BadParameter(f"{file} cannot be read as UTF-8 text") from None
    cases = []
    for number, line in enumerate(lines, 1):
        cells = line.split("\t")
        if len(cells) != 3:  # noqa: PLR2004  # name, expected, category
            raise typer.BadParameter(f"{file}:{number}: three cells are needed, separated by tabs")
        cases.append(NameCase(cells[0], "" if cells[1] == "-" else cells[1], cells[2]))
    return cases


def _sums(cases: Sequence[NameCase], index: NameIndex) -> dict[str, float | int]:
    """Return the sums; a match to another entity, or where none is expected, is a false positive."""
    resolved = [(case, index.resolve(case.written)) for case in cases]
    positives = sum(1 for case in cases if case.expected)
    negatives = len(cases) - positives
    hits = sum(1 for case, got in resolved if got.entity and got.entity.id == case.expected)
    wrong = sum(1 for case, got in resolved if got.entity and got.entity.id != case.expected)
    reviewed = sum(1 for case, got in resolved if not case.expected and got.near_miss)
    return {
        "cases": len(cases),
        "precision": round(hits / (hits + wrong), 4) if hits + wrong else 0.0,
        "recall": round(hits / positives, 4) if positives else 0.0,
        "false_positives": wrong,
        "false_negatives": positives - hits,
        "review_rate": round(reviewed / negatives, 4) if negatives else 0.0,
    }
