"""`screening laws diff OLD NEW`: which cases are answered otherwise by another copy of the law."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from screening import cases, config
from screening.cases import Result
from screening.cli.laws.cases import case_files, read
from screening.wiring import read_bundle


def diff(
    old: Annotated[Path, typer.Argument(help="Directory with laws, registry and lexicon as they are", exists=True)],
    new: Annotated[Path, typer.Argument(help="Directory with them as they would be", exists=True)],
    files: Annotated[list[Path] | None, typer.Argument(help="Case files; none: those beside both laws")] = None,
) -> None:
    """Show every case that the new law answers otherwise; exit 1 if there is one."""
    settings = config.from_environ(os.environ)
    asked = read(files or [*case_files(old), *case_files(new)])
    unique = list({(case.id, str(case.facts), case.as_of): case for case in asked}.values())
    before, after = (cases.run(unique, read_bundle(replace(settings, bundle=root))) for root in (old, new))
    changed = [pair for pair in zip(before, after, strict=True) if _said(pair[0]) != _said(pair[1])]
    for one, other in changed:
        typer.echo(f"{one.case.id} {one.case.name}\n  was {_line(one)}\n  now {_line(other)}")
    typer.echo(f"{len(changed)} of {len(unique)} cases are answered otherwise")
    raise typer.Exit(1 if changed else 0)


def _said(result: Result) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    return result.got, result.rules, result.obligations_missing


def _line(result: Result) -> str:
    missing = f"; without {', '.join(result.obligations_missing)}" if result.obligations_missing else ""
    return f"{result.got} by {', '.join(result.rules) or 'no rule alone'}{missing}"
