"""`screening laws mutants`: whether the cases would notice a wrong in a rule."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Annotated

import typer

from screening import config, trial
from screening.bundle import Bundle
from screening.cli.laws.cases import case_files, read
from screening.policy.mutation import KINDS
from screening.trial import Held, Suspect
from screening.wiring import bundle_root, read_bundle

_TABLE = re.compile(r"(?<=<!-- mutants -->\n).*?(?=<!-- end -->)", re.DOTALL)
_WORDS = {
    "drop": "the rule is dropped",
    "outcome": "it answers otherwise",
    "date": "it begins or ends a day sooner or later",
    "exception": "it is no exception",
    "loosen": "an entry of its condition is taken away",
    "negate": "an entry is turned round",
}


def mutants(  # noqa: PLR0917  # each is an option of the command
    files: Annotated[list[Path] | None, typer.Argument(help="Case files beside those beside the law")] = None,
    every: Annotated[int, typer.Option(min=1, help="Try only each mutant of so many")] = 1,
    at_least: Annotated[float, typer.Option(help="Share that must be caught, in per cent")] = 95.0,
    survivors: Annotated[Path | None, typer.Option(help="Write the names of those not caught to this file")] = None,
    readme: Annotated[Path | None, typer.Option(help="Write the table between the marks of this file")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that work side by side")] = 2,
) -> None:
    """Make each rule wrong in small ways and name the wrongs that no case notices; exit 1 if too many are missed."""
    bundle = read_bundle(config.from_environ(os.environ))
    suspected = trial.suspects(bundle.law)[::every]
    missed = surviving(tuple(files or ()), every, jobs)
    for each in suspected:
        if each.name in missed:
            typer.echo(f"not caught: {each.name} ({each.place})")
    lines = table(suspected, missed)
    typer.echo(lines)
    if survivors:
        survivors.write_text("".join(f"{each.name}\n" for each in suspected if each.name in missed), encoding="utf-8")
    if readme:
        readme.write_text(_TABLE.sub(lambda _: lines, readme.read_text(encoding="utf-8")), encoding="utf-8")
    caught = 100 * (1 - len(missed) / len(suspected))
    typer.echo(f"{caught:.1f} % of {len(suspected)} mutants are caught")
    raise typer.Exit(0 if caught >= at_least else 1)


def table(suspected: Sequence[Suspect], missed: Iterable[str]) -> str:
    """Return the figures by kind as a table in Markdown."""
    names = set(missed)
    of_kind = Counter(each.kind for each in suspected)
    left = Counter(each.kind for each in suspected if each.name in names)
    rows = [(_WORDS[kind], of_kind[kind], of_kind[kind] - left[kind]) for kind in KINDS]
    rows.append(("all", len(suspected), len(suspected) - len(names)))
    lines = [f"| {words} | {many} | {caught} | {100 * caught / max(many, 1):.1f} % |" for words, many, caught in rows]
    return "\n".join(["| what is wrong | mutants | caught | share |", "| --- | ---: | ---: | ---: |", *lines, ""])


def surviving(files: tuple[Path, ...], every: int, jobs: int) -> set[str]:
    """Return the names of the mutants that no case tells from the law: those beside the law, and those of the files."""
    with ProcessPoolExecutor(jobs) as workers:
        shares = workers.map(_surviving, [files] * jobs, [every] * jobs, range(jobs), [jobs] * jobs)
        return {name for share in shares for name in share}


def _surviving(files: tuple[Path, ...], every: int, share: int, shares: int) -> list[str]:
    bundle, held = _given(files)
    return [each.name for each in trial.suspects(bundle.law)[::every][share::shares] if not each.caught(held)]


@cache
def _given(files: tuple[Path, ...]) -> tuple[Bundle, Held]:
    settings = config.from_environ(os.environ)
    bundle = read_bundle(settings)
    return bundle, trial.hold(read([*case_files(bundle_root(settings)), *files]), bundle)
