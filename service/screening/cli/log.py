"""`screening log …`: tools for auditors. They read the files; no service need run."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from screening.decisionlog.verify import Completeness, StoredRecord, verify

log = typer.Typer(help="Verify the decision log.", no_args_is_help=True)

UNPROVEN_EXIT = 3


@log.callback()
def _group() -> None:
    """Verify the decision log."""


@log.command("verify")
def verify_log(
    data: Annotated[Path, typer.Option(help="Directory of the decision log")],
    anchor: Annotated[Path | None, typer.Option(help="Directory with anchored checkpoints")] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="A checkpoint file kept elsewhere")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs")] = False,
) -> None:
    """Verify every record; exit 0 if integrity and completeness hold, 3 if completeness is unproven, else 1."""
    if checkpoint is not None:
        raise typer.BadParameter("this version makes no checkpoints yet, so there is none to compare with")
    report = verify(_records(data))
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "records": report.records,
                    "kinds": report.kinds,
                    "integrity": report.integrity,
                    "completeness": report.completeness,
                    "faults": report.faults,
                    "fault_count": report.fault_count,
                }
            )
        )
    else:
        kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(report.kinds.items()))
        typer.echo(f"{report.records} records ({kinds})" if kinds else "no records")
        typer.echo(f"integrity: {'verified' if report.integrity else f'BROKEN, {report.fault_count} faults'}")
        for fault in report.faults:
            typer.echo(f"  {fault}")
        typer.echo(
            f"completeness: {report.completeness} (no checkpoint is anchored{f' in {anchor}' if anchor else ''})"
        )
    if not report.integrity or report.completeness == Completeness.BROKEN:
        raise typer.Exit(1)
    raise typer.Exit(UNPROVEN_EXIT if report.completeness == Completeness.UNPROVEN else 0)


def _records(data: Path) -> Iterator[StoredRecord]:
    path = data / "log.db"
    if not path.exists():
        raise typer.BadParameter(f"{data} has no decision log")
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        query = "SELECT log_index, id, canonical, leaf_hash FROM record ORDER BY log_index"
        for row in connection.execute(query):
            yield StoredRecord(*row)
        connection.close()
    except sqlite3.Error as error:
        raise typer.BadParameter(f"{path} cannot be read: {error}") from None
