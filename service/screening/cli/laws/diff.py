"""`screening laws diff OLD NEW`: which cases and which recorded decisions are answered otherwise by another law."""

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from screening import cases, config
from screening.bundle import Bundle
from screening.cases import Case, Result
from screening.cli.laws.cases import case_files, read
from screening.cli.log.opened import AnchorDirectory, By, Place
from screening.cli.log.replay import told
from screening.custody import Custody
from screening.replay import ERASED, Verdict, replay
from screening.wiring import read_bundle


def diff(  # noqa: PLR0917  # each is an argument of the command
    old: Annotated[Path, typer.Argument(help="Directory with laws, registry and lexicon as they are", exists=True)],
    new: Annotated[Path, typer.Argument(help="Directory with them as they would be", exists=True)],
    files: Annotated[list[Path] | None, typer.Argument(help="Case files; none: those beside both laws")] = None,
    log: Annotated[
        Path | None, typer.Option(help="Directory of a decision log: decide its questions again too")
    ] = None,
    anchor: AnchorDirectory = None,
    by: By = None,
) -> None:
    """Show every case, and with --log every recorded decision, that the new law answers otherwise; exit 1 if any.

    Reading the questions of a log opens what is sealed, so it is recorded there. Exit 3 if a question cannot be read for
    another reason than erasure.
    """
    settings = config.from_environ(os.environ)
    before, after = (read_bundle(replace(settings, bundle=root)) for root in (old, new))
    asked = read(files or [*case_files(old), *case_files(new)])
    changed = _cases(list({(case.id, str(case.facts), case.as_of): case for case in asked}.values()), before, after)
    unread = 0
    if log:
        verdicts, unread = _decisions(Place(log, anchor, None, None, by), before, after)
        changed += verdicts[Verdict.CHANGED]
    raise typer.Exit(1 if changed else 3 if unread else 0)


def _cases(unique: list[Case], old: Bundle, new: Bundle) -> int:
    """Show the cases that are answered otherwise, and return how many they are."""
    pairs = zip(cases.run(unique, old), cases.run(unique, new), strict=True)
    changed = [(one, other) for one, other in pairs if _said(one) != _said(other)]
    for one, other in changed:
        typer.echo(f"{one.case.id} {one.case.name}\n  was {_line(one)}\n  now {_line(other)}")
    typer.echo(f"{len(changed)} of {len(unique)} cases are answered otherwise")
    return len(changed)


def _decisions(place: Place, old: Bundle, new: Bundle) -> tuple[Counter[Verdict], int]:
    """Show the recorded decisions that are answered otherwise; return how all came out, and how many were not read."""
    verdicts: Counter[Verdict] = Counter()
    unread: Counter[str] = Counter()

    async def whole(custody: Custody) -> None:
        await custody.note_reading("laws diff", {"before": old.revision, "under": new.revision})
        async for replayed in replay(custody.log, custody.sealer, before=old, under=new):
            verdicts[replayed.verdict] += 1
            if replayed.reason:
                unread[replayed.reason] += 1
            if replayed.verdict is Verdict.CHANGED:
                typer.echo(told(replayed))

    place.run(whole)
    typer.echo(f"{verdicts[Verdict.CHANGED]} of {verdicts.total()} recorded decisions are answered otherwise")
    for reason, number in unread.most_common():
        typer.echo(f"  {number} cannot be decided again: {reason}")
    return verdicts, sum(number for reason, number in unread.items() if reason != ERASED)


def _said(result: Result) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    return result.got, result.rules, result.obligations_missing


def _line(result: Result) -> str:
    missing = f"; without {', '.join(result.obligations_missing)}" if result.obligations_missing else ""
    return f"{result.got} by {', '.join(result.rules) or 'no rule alone'}{missing}"
