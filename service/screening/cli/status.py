"""`screening status`: how a running service does."""

import json
from typing import Annotated

import typer
from city.screening.v1 import status_service_pb2
from google.protobuf.json_format import MessageToDict
from rich.text import Text
from screening_client import NotDecided

from screening.cli.connection import DEFAULT_TARGET, Target, connect
from screening.cli.render import console as people

Status = status_service_pb2.GetStatusResponse


def status(
    target: Target = DEFAULT_TARGET,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs")] = False,
) -> None:
    """Show conditions, law in force, log size and reloads of a running service; exit 1 unless all is well."""
    try:
        with connect(target) as client:
            found = client.get_status()
    except NotDecided as error:
        typer.echo(f"screening: {target}: {error}", err=True)
        raise typer.Exit(2) from None
    if as_json:
        typer.echo(json.dumps(MessageToDict(found, preserving_proto_field_name=True)))
    else:
        _print(target, found)
    sources = [*found.sources, *(each for worker in found.workers for each in worker.sources)]
    well = all(condition.holds for condition in found.conditions) and not any(each.problem for each in sources)
    raise typer.Exit(0 if well else 1)


def _print(target: str, found: Status) -> None:
    console = people()
    console.print(f"{target}  version {found.version}, since {found.start_time.ToDatetime():%Y-%m-%d %H:%M:%S} UTC")
    serial = f"serial {found.bundle_serial}" if found.bundle_serial else "not a signed release"
    console.print(f"law      {found.bundle_revision[:12]}, {serial}")
    console.print(f"log      {f'{found.log_size} records' if found.HasField('log_size') else 'cannot be read'}")
    console.print(f"load     {found.decisions_in_flight} decisions in flight, {found.streams} streams")
    for condition in found.conditions:
        sign = Text("holds", "green") if condition.holds else Text("FAILS", "bold red")
        console.print(Text.assemble(f"  {condition.name:10}", sign, f"  {condition.meaning}"))
    for each in found.sources:
        said = Text(f"NOT TAKEN: {each.problem}", "bold red") if each.problem else Text("in force", "green")
        console.print(Text.assemble(f"  {each.name:12}", said, f"  reloaded {each.taken}, refused {each.refused}"))
    for worker in found.workers:
        said = Text("well", "green") if worker.well else Text(f"NOT WELL: {', '.join(worker.failing)}", "bold red")
        problems = "".join(f"; {each.name} NOT TAKEN: {each.problem}" for each in worker.sources)
        console.print(
            Text.assemble(f"  worker {worker.number:<5}", said, f"  law {worker.bundle_revision[:12]}{problems}")
        )
