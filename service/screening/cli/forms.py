"""`screening employment FILE.csv` and `screening request FILE.json`: asks a running service, or decides locally."""

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from city.screening.v1 import decision_pb2
from google.protobuf.json_format import MessageToDict
from rich.progress import Progress
from rich.text import Text
from screening_client import FormError, NotDecided, ScreeningClient, employment_request, information_request

from screening import clock, config, screen
from screening.bundle import Bundle
from screening.cli import render
from screening.cli.connection import DEFAULT_TARGET, Target, connect
from screening.errors import CallError, InvalidField
from screening.transport import convert
from screening.wiring import read_bundle

REQUIRED_COLUMNS = ("employee_class", "employer_name")
RESULT_COLUMNS = (
    "key",
    "outcome",
    "why",
    "citation",
    "obligations",
    "missing_facts",
    "decision_id",
    "log_index",
    "error",
)

Decision = decision_pb2.Decision
Local = Annotated[bool, typer.Option("--local", help="Decide here, without a service and without a record")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs")]


class Failed(Exception):
    """One form was not decided; the text says why, in words that hold nothing of the form."""


def employment(
    file: Annotated[Path, typer.Argument(help="CSV with one outside-employment form a row")],
    target: Target = DEFAULT_TARGET,
    local: Local = False,
    as_json: AsJson = False,
    result: Annotated[Path | None, typer.Option(help="Result file; default FILE.results.csv")] = None,
) -> None:
    """Screen a CSV of outside-employment forms; exit 1 if any row was not decided."""
    rows = _rows(file)
    answers: dict[str, Decision | Failed] = {}
    with Progress(transient=True, disable=as_json) as progress:
        task = progress.add_task("screening", total=len(rows))
        for key, answer in _answers(rows, target, local=local):
            answers[key] = answer
            progress.advance(task)
    ordered = {key: answers[key] for key, _ in rows}
    _write_results(result or file.with_suffix(".results.csv"), ordered)
    if as_json:
        for key, answer in ordered.items():
            typer.echo(json.dumps({"key": key, **_as_json(answer)}))
    else:
        _print_employment(file, ordered, local=local)
    raise typer.Exit(1 if any(isinstance(answer, Failed) for answer in ordered.values()) else 0)


def request(
    file: Annotated[Path, typer.Argument(help="JSON with one request, or a list of them")],
    target: Target = DEFAULT_TARGET,
    local: Local = False,
    as_json: AsJson = False,
) -> None:
    """Screen outside requests from a JSON file; exit 1 if any was not decided."""
    forms = _forms(file)
    failed = False
    console = render.console()
    ask = _local_asker(local) if local else None
    client = None if local else connect(target)
    for number, form in enumerate(forms, 1):
        title = str(form.get("title") or (f"{file.name} #{number}" if len(forms) > 1 else file.name))
        try:
            made = _made(information_request, {name: form[name] for name in form if name != "title"})
            answer: Decision | Failed = ask(made) if ask else _asked(client, made)
        except Failed as error:
            answer, failed = error, True
        if as_json:
            typer.echo(json.dumps(_as_json(answer)))
        elif isinstance(answer, Failed):
            console.print(Text.assemble(("NOT DECIDED", "bold red"), f"  {title}: {answer}"))
        else:
            console.print(render.panel(title, answer))
    if client:
        client.close()
    raise typer.Exit(1 if failed else 0)


def _asked(client: ScreeningClient | None, made: Any) -> Decision:
    assert client is not None
    try:
        return client.screen_information_request(made)
    except NotDecided as error:
        raise Failed(str(error)) from None


def _rows(file: Path) -> list[tuple[str, dict[str, Any]]]:
    """Read the CSV. Raises typer.BadParameter for what makes the whole file useless."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"{file} is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    reader = csv.DictReader(io.StringIO(text, newline=""))
    columns = reader.fieldnames or ()
    missing = [column for column in REQUIRED_COLUMNS if column not in columns]
    if missing:
        raise typer.BadParameter(f"{file} has no column {', '.join(missing)}; its first line must name the columns")
    rows: list[tuple[str, dict[str, Any]]]
    try:
        rows = [(row.pop("key", "") or f"row-{number}", dict(row)) for number, row in enumerate(reader, 2)]
    except csv.Error:
        raise typer.BadParameter(f"{file} is not a CSV file: line {reader.line_num} cannot be read") from None
    doubled = sum(1 for number in Counter(key for key, _ in rows).values() if number > 1)
    if doubled:
        raise typer.BadParameter(f"{file}: {doubled} keys stand more than once; each row needs its own key")
    return rows


def _forms(file: Path) -> list[Mapping[str, Any]]:
    try:
        given = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{file} is not UTF-8") from None
    except (json.JSONDecodeError, RecursionError):
        raise typer.BadParameter(f"{file} is not JSON") from None
    forms = given if isinstance(given, list) else [given]
    if not forms or not all(isinstance(form, dict) for form in forms):
        raise typer.BadParameter(f"{file} must hold one JSON object, or a list of them")
    return forms


def _made(make: Any, form: Mapping[str, Any]) -> Any:
    extra = form.get(None) if isinstance(form, dict) else None  # csv puts surplus cells under None
    if extra:
        raise Failed("the row has more cells than the first line has columns")
    try:
        return make({name: value for name, value in form.items() if value is not None})
    except FormError as error:
        raise Failed(str(error)) from None


def _answers(
    rows: Sequence[tuple[str, Mapping[str, str]]], target: str, *, local: bool
) -> Iterator[tuple[str, Decision | Failed]]:
    made = []
    for key, row in rows:
        try:
            made.append((key, _made(employment_request, row)))
        except Failed as error:
            yield key, error
    if local:
        ask = _local_asker(local)
        for key, question in made:
            try:
                yield key, ask(question)
            except Failed as error:
                yield key, error
    elif made:
        yield from _streamed(made, target)


def _streamed(made: Sequence[tuple[str, Any]], target: str) -> Iterator[tuple[str, Decision | Failed]]:
    """Stream the questions; where the stream breaks, the unanswered ones fail, and the answered ones stay."""
    left = dict(made)
    with connect(target) as client:
        try:
            for key, answer in client.screen_employment_stream(made):
                left.pop(key, None)
                yield key, Failed(str(answer)) if isinstance(answer, NotDecided) else answer
        except NotDecided as error:
            for key in left:
                yield key, Failed(str(error))


def _local_asker(local: bool) -> Any:  # noqa: FBT001  # says only that it is called for --local
    assert local
    bundle: Bundle = read_bundle(config.from_environ(os.environ))
    today: date = clock.today()

    def ask(question: Any) -> Decision:
        try:
            asked = convert.ask(question, today=today, rpc="local", caller="local", trace_id="")
            decision = screen.decide(asked.request, bundle, asked.as_of, lambda _: None)
        except InvalidField as error:
            raise Failed("; ".join(f"{wrong.field} {wrong.expected}" for wrong in error.violations)) from None
        except CallError:
            raise Failed("the form cannot be decided") from None
        decision.basis = asked.basis
        return decision

    return ask


def _as_json(answer: Decision | Failed) -> dict[str, Any]:
    if isinstance(answer, Failed):
        return {"error": str(answer)}
    return {"decision": MessageToDict(answer, preserving_proto_field_name=True)}


def _write_results(path: Path, answers: Mapping[str, Decision | Failed]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(RESULT_COLUMNS)
        for key, answer in answers.items():
            writer.writerow([_cell(value) for value in _result_row(key, answer)])


def _result_row(key: str, answer: Decision | Failed) -> tuple[Any, ...]:
    if isinstance(answer, Failed):
        return (key, "NOT DECIDED", "", "", "", "", "", "", str(answer))
    reason = render.main_reason(answer)
    return (
        key,
        decision_pb2.Outcome.Name(answer.outcome).removeprefix("OUTCOME_"),
        reason.summary,
        reason.citation,
        " ".join(obligation.token for obligation in answer.obligations),
        " ".join(missing.field for missing in answer.missing_facts),
        answer.decision_id,
        answer.receipt.log_index if answer.HasField("receipt") else "",
        "",
    )


def _cell(value: Any) -> Any:
    """Keep a spreadsheet from taking a cell for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _print_employment(file: Path, answers: Mapping[str, Decision | Failed], *, local: bool) -> None:
    console = render.console()
    table = render.summary_table(file.name)
    for key, answer in answers.items():
        if isinstance(answer, Failed):
            table.add_row(Text(key), Text("NOT DECIDED", "bold red"), Text(str(answer)), "")
        else:
            render.add_summary(table, key, answer)
    console.print(table)
    counts: dict[str, int] = {}
    for answer in answers.values():
        name = "NOT DECIDED" if isinstance(answer, Failed) else render.outcome_text(answer.outcome).plain
        counts[name] = counts.get(name, 0) + 1
    console.print(f"{len(answers)} forms: " + ", ".join(f"{number} {name}" for name, number in sorted(counts.items())))
    if local:
        console.print("Decided locally: nothing was recorded, and nothing may be acted on.")
