"""`screening laws …`: tools for the people who write the law files. All offline."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from screening import cases, config
from screening.cases import Result
from screening.wiring import read_bundle

laws = typer.Typer(help="Check the law files and run their cases.", no_args_is_help=True)


@laws.command("check")
def check() -> None:
    """Load and type-check law, registry and lexicon as the service does at its start."""
    bundle = read_bundle(config.from_environ(os.environ))
    for pack in bundle.law.packs.values():
        typer.echo(f"{pack.id}: {len(pack.rules)} rules, {len(pack.duties)} duties")
    typer.echo(f"registry: {len(bundle.names.registry.entities)} entities")
    typer.echo(f"bundle {bundle.revision}")


@laws.command("test")
def run_cases(
    files: Annotated[list[Path], typer.Argument(help="Case files, one JSON object a line")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line a case and a last line with the sums")] = False,
) -> None:
    """Run labelled cases against the bundle; exit 1 if any falls short."""
    bundle = read_bundle(config.from_environ(os.environ))
    results = [result for file in files for result in cases.run(_lines(file), bundle)]
    if as_json:
        _print_json(results)
    else:
        _print_table(results)
    raise typer.Exit(0 if results and all(result.ok for result in results) else 1)


def _lines(file: Path) -> list[str]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, 1):
            if line.strip() and not {"id", "rpc", "as_of", "facts", "expected"} <= set(json.loads(line)):
                raise typer.BadParameter(f"{file}:{number}: a case needs id, rpc, as_of, facts and expected")
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{file} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise typer.BadParameter(f"{file}: a line is not JSON: {error.msg}") from None
    return lines


def _print_json(results: list[Result]) -> None:
    for result in results:
        typer.echo(
            json.dumps(
                {
                    "id": result.id,
                    "expected": result.expected,
                    "got": result.got,
                    "ok": result.ok,
                    "per_category_ok": result.per_category_ok,
                    "obligations_missing": list(result.obligations_missing),
                }
            )
        )
    sums = {
        "cases": len(results),
        "ok": sum(result.ok for result in results),
        "per_category_ok": sum(result.per_category_ok for result in results),
    }
    typer.echo(json.dumps(sums))


def _print_table(results: list[Result]) -> None:
    table = Table("case", "expected", "got", "what falls short", "decided by")
    for result in results:
        if not result.ok:
            table.add_row(result.id, result.expected, result.got, _shortfall(result), ", ".join(result.rules))
    console = Console()
    if table.row_count:
        console.print(table)
    right = sum(result.got == result.expected for result in results)
    wrongly_open = [
        result.id for result in results if result.expected == "DENY" and result.got in ("ALLOW", "ALLOW_IN_PART")
    ]
    console.print(
        f"{len(results)} cases: {right} outcomes right, {sum(result.ok for result in results)} right in every part, "
        f"{len(wrongly_open)} DENY cases answered ALLOW or ALLOW_IN_PART"
    )


def _shortfall(result: Result) -> str:
    if result.problem:
        return result.problem
    parts = []
    if result.got != result.expected:
        parts.append("outcome")
    if not result.per_category_ok:
        parts.append("categories")
    if result.obligations_missing:
        parts.append("obligations: " + ", ".join(result.obligations_missing))
    return "; ".join(parts)
