"""`screening registry …`: whether the registry is well made, what it knows of a name, and what a change of it changes."""

import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from city.screening.v1 import employment_facts_pb2, information_request_facts_pb2, reading_pb2

from screening import clock, config
from screening.errors import DataFileError
from screening.names.entity import Alias, Entity
from screening.names.match import NameIndex
from screening.names.resolution import Candidate
from screening.wiring import read_bundle, read_registry

registry = typer.Typer(help="Check, show and compare the registry of organisations.", no_args_is_help=True)
_LAPSES_SOON = 30
"""Days before its end from which a clearance is told."""


@registry.callback()
def _group() -> None:
    """Check, show and compare the registry of organisations."""


@registry.command()
def check() -> None:
    """Load the registry as the service does at its start, and tell what will not count for long."""
    index = _index()
    entities = index.registry.entities.values()
    typer.echo(f"{len(entities)} entities, {sum(len(entity.aliases) for entity in entities)} names")
    typer.echo(f"{len(index.forms)} forms, {len(index.clearances)} clearances")
    today = clock.today()
    for cleared in index.clearances:
        lapsed = cleared.lapsed(index.registry.entities[cleared.entity], today)
        if lapsed or (cleared.expires - today).days < _LAPSES_SOON:
            typer.echo(f"clearance of '{cleared.name}' from {cleared.entity}: {lapsed or f'ends on {cleared.expires}'}")


@registry.command()
def show(
    name: Annotated[str, typer.Argument(help="An entity's id, or a name as written on a form")],
    as_of: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day for which to ask")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object")] = False,
) -> None:
    """Show an entity by its id, or for whom a written name is taken and why. Exit 1 if it is nobody's."""
    index = _index()
    if found := index.registry.entities.get(name):
        _print(described(found), as_json=as_json)
        return
    resolution = index.resolve(name, as_of.replace(tzinfo=UTC).date() if as_of else None)
    told: dict[str, object] = {"written": name, "match": resolution.entity.id if resolution.entity else "-"}
    if resolution.match:
        told |= {"why": reasons(resolution.match), "entity": described(resolution.match.entity)}
    for kind, candidates in (("near", resolution.candidates), ("cleared", resolution.cleared)):
        if candidates:
            told[kind] = {each.entity.id: reasons(each) for each in candidates}
    told["review"] = resolution.near_miss
    _print(told, as_json=as_json)
    if not resolution.match and not resolution.candidates:
        raise typer.Exit(1)


@registry.command()
def diff(
    old: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="A registry folder")],
    new: Annotated[Path | None, typer.Argument(help="Another one; the one in force if absent")] = None,
    names: Annotated[Path | None, typer.Option(help="A file with a written name a line, to be taken by both")] = None,
) -> None:
    """Tell what differs between two registries, and which names are taken otherwise. Exit 1 if anything differs."""
    before, after = NameIndex(_read(old)), NameIndex(_read(new)) if new else _index()
    lines = [*changes(before, after)]
    if names:
        lines += taken_otherwise(before, after, names)
    for line in lines:
        typer.echo(line)
    if lines:
        raise typer.Exit(1)


def described(entity: Entity) -> dict[str, object]:
    """Return what the registry knows of an entity, in the words that decisions use."""
    grade = reading_pb2.EnforcementGrade.Name(entity.grade).removeprefix("ENFORCEMENT_GRADE_").lower()
    found = {
        "id": entity.id,
        "name": entity.name,
        "kind": entity.kind,
        "grade": grade,
        "roles": sorted(entity.roles),
        "employer kind": employment_facts_pb2.EmployerKind.Name(entity.employer_kind),
        "requester agency": information_request_facts_pb2.RequesterAgency.Name(entity.requester_agency),
        "relations": [f"{relation.kind} {relation.to}" for relation in entity.relations],
        "from": entity.valid_from and entity.valid_from.isoformat(),
        "until": entity.valid_to and entity.valid_to.isoformat(),
        "needs its full legal name": entity.collision_prone,
        "names": [_alias(alias) for alias in entity.aliases],
        "domains": [domain if seen else f"{domain} (not checked)" for domain, seen in entity.domains.items()],
        "note": entity.note,
        "sources": list(entity.sources),
        "entry": f"{entity.line[0]}:{entity.line[1]}",
        "digest": entity.digest,
    }
    return {key: value for key, value in found.items() if value not in (None, "", [], False)}


def reasons(candidate: Candidate) -> list[str]:
    """Return the alias, its source, the score, the words of a decision, and the two values that each feature compared."""
    lines = [f"{_alias(candidate.alias)}, score {candidate.score:.3f}", candidate.why]
    lines += [f"{each.name}: '{each.written}' - '{each.registered}', {each.score:.3f}" for each in candidate.features]
    return lines


def _alias(alias: Alias) -> str:
    since = f", from {alias.valid_from}" if alias.valid_from else ""
    until = f", until {alias.valid_to}" if alias.valid_to else ""
    return f'"{alias.text}" (source: {alias.source}{", weak" if alias.weak else ""}{since}{until})'


def changes(before: NameIndex, after: NameIndex) -> Iterator[str]:
    """Yield a line for each entity that came, went or changed, with what changed in it."""
    old, new = before.registry.entities, after.registry.entities
    for identity in sorted(old.keys() | new.keys()):
        if identity not in new:
            yield f"- {identity}: {old[identity].name}"
        elif identity not in old:
            yield f"+ {identity}: {new[identity].name}"
        elif old[identity].digest != new[identity].digest:
            yield f"~ {identity}: {'; '.join(_changed(described(old[identity]), described(new[identity])))}"


def _changed(old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[str]:
    for key in (*old, *(key for key in new if key not in old)):
        mine, theirs = old.get(key), new.get(key)
        if mine == theirs or key in ("digest", "entry"):
            continue
        if isinstance(mine, list) and isinstance(theirs, list):
            yield from (f"{key} -{value}" for value in mine if value not in theirs)
            yield from (f"{key} +{value}" for value in theirs if value not in mine)
        else:
            yield f"{key}: {mine} -> {theirs}"


def taken_otherwise(before: NameIndex, after: NameIndex, file: Path) -> Iterator[str]:
    """Yield a line for each name of a file that two registries take for different entities."""
    for line in file.read_text(encoding="utf-8").splitlines():
        name = line.split("\t")[0]
        old, new = _taken(before, name), _taken(after, name)
        if old != new:
            yield f"{name}: {old} -> {new}"


def _taken(index: NameIndex, name: str) -> str:
    found = index.resolve(name)
    near = " ".join(sorted(each.entity.id for each in found.candidates))
    return found.entity.id if found.entity else f"near {near}" if near else "-"


def _index() -> NameIndex:
    try:
        return read_bundle(config.from_environ(os.environ)).names
    except DataFileError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def _read(folder: Path) -> dict[str, str]:
    try:
        return read_registry(folder)
    except OSError:
        raise typer.BadParameter(f"{folder} cannot be read") from None


def _print(told: Mapping[str, object], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, default=str))
        return
    for line in _lines(told, ""):
        typer.echo(line)


def _lines(told: Mapping[str, object], indent: str) -> Iterator[str]:
    for key, value in told.items():
        if isinstance(value, Mapping):
            yield f"{indent}{key}:"
            yield from _lines(value, f"{indent}  ")
        elif isinstance(value, list):
            yield f"{indent}{key}:"
            yield from (f"{indent}  - {each}" for each in value)
        else:
            yield f"{indent}{key}: {value}"
