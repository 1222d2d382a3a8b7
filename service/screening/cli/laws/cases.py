"""`screening laws test`: runs labelled cases."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from screening import cases, config
from screening.bundle import Bundle
from screening.cases import Case, Result
from screening.errors import DataFileError
from screening.wiring import bundle_root, read_bundle


def run(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Case files, .jsonl or .yaml; none: those beside the law files")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line a case and a last line with the sums")] = False,
    coverage: Annotated[bool, typer.Option("--coverage", help="Fail if a rule decides none of the cases")] = False,
) -> None:
    """Run labelled cases against the bundle; exit 1 if any falls short."""
    settings = config.from_environ(os.environ)
    chosen = files or case_files(bundle_root(settings))
    bundle = read_bundle(settings)
    results = cases.run(read(chosen), bundle)
    if as_json:
        _print_json(results)
    else:
        _print_table(results)
    undecided = _undecided(results, bundle) if coverage else []
    for line in undecided:
        typer.echo(line, err=True)
    raise typer.Exit(0 if results and all(result.ok for result in results) and not undecided else 1)


def case_files(root: Path) -> list[Path]:
    """Return the case files beside the law files of a bundle directory."""
    return sorted((root / "laws").rglob("*.test.yaml"))


def read(files: list[Path]) -> list[Case]:
    """Read case files. Raises typer.BadParameter for a file that is not one."""
    found: list[Case] = []
    for file in files:
        try:
            found += cases.read(file.read_text(encoding="utf-8"), str(file))
        except OSError as error:
            raise typer.BadParameter(f"{file} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise typer.BadParameter(f"{file} is not UTF-8") from None
        except DataFileError as error:
            raise typer.BadParameter(str(error)) from None
    return found


def _undecided(results: list[Result], bundle: Bundle) -> list[str]:
    """Return a line for each rule with an outcome that decides no case, and the share that does if some do not."""
    decided = {rule for result in results for rule in result.rules}
    rules = {rule.id: rule for pack in bundle.law.packs.values() for rule in pack.rules if rule.outcome is not None}
    missing = [rule for name, rule in rules.items() if name not in decided]
    lines = [f"no case is decided by {rule.id} ({rule.source.file}:{rule.line})" for rule in missing]
    return [*lines, f"{len(rules) - len(missing)} of {len(rules)} rules decide a case"] if missing else []


def _print_json(results: list[Result]) -> None:
    for result in results:
        line = {
            "id": result.case.id,
            "expected": result.case.expected,
            "got": result.got,
            "ok": result.ok,
            "per_category_ok": result.per_category_ok,
            "obligations_missing": list(result.obligations_missing),
        }
        typer.echo(json.dumps(line))
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
            case = f"{result.case.id} {result.case.name}\n{result.case.file}:{result.case.line}"
            table.add_row(case, result.case.expected, result.got, _shortfall(result), ", ".join(result.rules))
    console = Console()
    if table.row_count:
        console.print(table)
    right = sum(result.got == result.case.expected for result in results)
    wrongly_open = [
        result.case.id
        for result in results
        if result.case.expected == "DENY" and result.got in ("ALLOW", "ALLOW_IN_PART")
    ]
    console.print(
        f"{len(results)} cases: {right} outcomes right, {sum(result.ok for result in results)} right in every part, "
        f"{len(wrongly_open)} DENY cases answered ALLOW or ALLOW_IN_PART"
    )


def _shortfall(result: Result) -> str:
    if result.problem:
        return result.problem
    parts = []
    if result.got != result.case.expected:
        parts.append("outcome")
    if not result.per_category_ok:
        parts.append("categories")
    if result.obligations_missing:
        parts.append("obligations: " + ", ".join(result.obligations_missing))
    return "; ".join(parts)
