"""`screening report`: the counts that the law asks for, by unit and month, from the verified log, small cells suppressed."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table as Grid

from screening import clock
from screening.cli.log.opened import AnchorDirectory, By, Data, Database, KeysDatabase, Place, refuse
from screening.cli.log.verify import verified
from screening.custody import Custody
from screening.decisionlog.keyring import SealBroken
from screening.decisionlog.verify import Completeness, Report
from screening.report import MONTHS, TABLES, TOTAL, Annual, Cell, Table, count

SUPPRESSED = "*"
_WIDTH = 160
"""Columns; a narrower table would cut numbers off."""


def report(  # noqa: PLR0917  # typer makes options of parameters
    year: Annotated[int | None, typer.Option(help="Calendar year", show_default="the last one")] = None,
    threshold: Annotated[
        int | None, typer.Option(help="Counts from 1 to below it are hidden", show_default="SCREENING_REPORT_THRESHOLD")
    ] = None,
    data: Data = None,
    anchor: AnchorDirectory = None,
    database: Database = None,
    keys_database: KeysDatabase = None,
    by: By = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs")] = False,
) -> None:
    """Count a year's requests, transfers, notices and accesses; the log is verified first, and the reading recorded."""
    place = Place(data, anchor, database, keys_database, by)
    settings = place.settings()
    least = threshold if threshold is not None else settings.report_threshold
    if least < 1:
        raise typer.BadParameter("--threshold must be at least 1, which hides nothing")
    chosen = year or clock.today().year - 1
    state = verified(settings)
    if not state.integrity or state.completeness == Completeness.BROKEN:
        refuse("the log does not verify, so nothing is counted from it: screening log verify says why")

    async def whole(custody: Custody) -> Annual:
        await custody.note_reading("report", {"year": chosen})
        return await count(custody.log, custody.sealer, chosen, state.records)

    try:
        annual = place.run(whole)
    except SealBroken as error:
        refuse(f"a record cannot be read: {error}")
    cells = annual.published(least)
    if as_json:
        typer.echo(json.dumps(_as_json(annual, cells, least, state)))
    else:
        _print(annual, cells, least, state)


def _as_json(annual: Annual, cells: dict[Cell, int | None], threshold: int, state: Report) -> dict[str, Any]:
    def of(table: Table) -> list[dict[str, Any]]:
        found = ((cell, number) for cell, number in cells.items() if cell.table == table.id)
        return [{"unit": cell.unit, "month": cell.month, "part": cell.part, "count": number} for cell, number in found]

    return {
        "year": annual.year,
        "threshold": threshold,
        "records": state.records,
        "completeness": state.completeness,
        "tables": [
            {"id": table.id, "title": table.title, "citation": table.citation, "cells": of(table)}
            for table in TABLES.values()
        ],
    }


def _print(annual: Annual, cells: dict[Cell, int | None], threshold: int, state: Report) -> None:
    typer.echo(
        f"{annual.year}, from {state.records} verified records; completeness {state.completeness}. "
        f"{SUPPRESSED}: hidden, because it or a count beside it is from 1 to {threshold - 1}"
    )
    paper = Console(width=_WIDTH)
    for table in TABLES.values():
        units = annual.units(table.id)
        heading = f"{table.title} ({table.citation})" if table.citation else table.title
        if not units:
            typer.echo(f"{heading}: none")
            continue
        grid = Grid(title=heading)
        for column in ("unit", "", *MONTHS, TOTAL):
            grid.add_column(column)
        for unit in (*units, TOTAL):
            for part in (*table.parts, TOTAL) if len(table.parts) > 1 else table.parts:
                grid.add_row(
                    unit, part, *(_shown(cells[Cell(table.id, part, unit, month)]) for month in (*MONTHS, TOTAL))
                )
        paper.print(grid)


def _shown(number: int | None) -> str:
    return SUPPRESSED if number is None else str(number)
