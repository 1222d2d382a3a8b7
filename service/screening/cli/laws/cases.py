"""`screening laws test`: runs labelled cases."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from screening import cases, config, trial
from screening.cases import Case, Result
from screening.errors import DataFileError
from screening.policy.law import Law
from screening.policy.rule import Rule
from screening.trial import Held, HeldCase
from screening.wiring import bundle_root, read_bundle


def run(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Case files, .jsonl or .yaml; none: those beside the law files")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line a case and a last line with the sums")] = False,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="Fail if a rule decides none of the cases, or none is near it")
    ] = False,
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
    gaps: list[tuple[str, Rule]] = []
    if coverage:
        gaps = uncovered(trial.hold((each.case for each in results if each.got != "ERROR"), bundle), bundle.law)
        _print_coverage(gaps, bundle.law)
    raise typer.Exit(0 if results and all(result.ok for result in results) and not gaps else 1)


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


def uncovered(held: Held, law: Law) -> list[tuple[str, Rule]]:
    """Return each rule that decides no case, and each to which no case is near, with the words for it.

    A case is near a rule that does not decide it if one fact would have to be different for the rule to hold, or if the
    rule holds but does not bind on the day.
    """
    packs: dict[str, list[tuple[str, Rule]]] = {}
    for pack in law.packs.values():
        for rule in pack.rules:
            packs.setdefault(rule.id, []).append((pack.id, rule))
    gaps: list[tuple[str, Rule]] = []
    for name, same in packs.items():
        cases_of = [(case, rule) for pack, rule in same for case in held[pack] if case.subject == rule.subject]
        decides = same[0][1].outcome is None or any(name in case.answer.rules for case, _ in cases_of)
        gaps += [] if decides else [("no case is decided by", same[0][1])]
        gaps += [] if any(_near(case, rule) for case, rule in cases_of) else [("no case is near", same[0][1])]
    return gaps


def _near(case: HeldCase, rule: Rule) -> bool:
    if rule.id in case.answer.rules:
        return False
    return case.lacks(rule) == (1 if rule.binds(case.case.as_of) else 0)


def _print_coverage(gaps: Sequence[tuple[str, Rule]], law: Law) -> None:
    rules = {rule.id for pack in law.packs.values() for rule in pack.rules}
    for words, rule in gaps:
        typer.echo(f"{words} {rule.id} ({rule.source.file}:{rule.line})", err=True)
    for words, end in (("no case is decided by", "decide a case"), ("no case is near", "have a near case")):
        missing = sum(gap[0] == words for gap in gaps)
        typer.echo(f"{len(rules) - missing} of {len(rules)} rules {end}", err=True)


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
    if not result.case.accepts(result.rules):
        wanted = [*result.case.decided_by, *(f"not {rule}" for rule in result.case.not_decided_by)]
        parts.append("decided by: " + ", ".join(wanted))
    if result.obligations_missing:
        parts.append("obligations: " + ", ".join(result.obligations_missing))
    return "; ".join(parts)
