"""`screening log erase`, `hold`, `release`, `supersede`, `fulfil`, `retain`: what the keeper of the log does to records.

Each is a record itself, appended to the same log, beside a running service or without one.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from screening import clock
from screening.cli.log.opened import AnchorDirectory, By, Data, Database, KeysDatabase, Place, refuse
from screening.config import kept_days
from screening.custody import AlreadyErased, Custody, NoSuchDecision, Retained, callers_of, identity
from screening.decisionlog.port import Appended, Filter, Stored
from screening.errors import OnHold

REFERENCES = ("person_ref", "employee_ref", "case_ref")
_PAGE = 1_000
_MOST_SHOWN = 20

Decisions = Annotated[list[str] | None, typer.Option("--decision", help="A decision's id; may be given several times")]
Reference = Annotated[
    str | None, typer.Option(help="All decisions with a reference, as KIND=VALUE, such as person_ref=p-17")
]
Why = Annotated[str, typer.Option(help="Why, in words; they are sealed in the record")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs")]

Act = Callable[[Custody, Sequence[Stored]], Awaitable[list[Appended]]]


class Cause(StrEnum):
    """What a superseded decision rested on."""

    FACTS = "facts"
    LAW = "law"


def erase(  # noqa: PLR0917  # typer makes options of parameters
    why: Why,
    decision: Decisions = None,
    reference: Reference = None,
    data: Data = None,
    anchor: AnchorDirectory = None,
    database: Database = None,
    keys_database: KeysDatabase = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Destroy the keys of decisions, so that nobody can read them any more; their place in the log stays proven."""
    place = Place(data, anchor, database, keys_database, by)
    found, appended = _act(place, decision, reference, lambda custody, found: custody.erase(found, why))
    _tell("erased", found, appended, as_json=as_json)


def hold(  # noqa: PLR0917
    why: Why,
    decision: Decisions = None,
    reference: Reference = None,
    data: Data = None,
    anchor: AnchorDirectory = None,
    database: Database = None,
    keys_database: KeysDatabase = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Lay a legal hold on decisions: neither erasure nor retention touches them until it is released."""
    place = Place(data, anchor, database, keys_database, by)
    found, appended = _act(place, decision, reference, lambda custody, found: custody.hold(found, why))
    _tell("held", found, appended, as_json=as_json)


def release(  # noqa: PLR0917
    why: Why,
    decision: Decisions = None,
    reference: Reference = None,
    data: Data = None,
    anchor: AnchorDirectory = None,
    database: Database = None,
    keys_database: KeysDatabase = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Release one legal hold on each of the decisions."""
    place = Place(data, anchor, database, keys_database, by)
    found, appended = _act(place, decision, reference, lambda custody, found: custody.release(found, why))
    _tell("released", found, appended, as_json=as_json)


def supersede(  # noqa: PLR0917
    why: Why,
    cause: Annotated[
        Cause, typer.Option(help="What was wrong: the facts that were given, or the law that was applied")
    ],
    decision: Decisions = None,
    reference: Reference = None,
    rule: Annotated[str | None, typer.Option(help="All decisions that this rule decided, within the times")] = None,
    start: Annotated[datetime | None, typer.Option(help="With --rule: earliest time, inclusive, UTC")] = None,
    end: Annotated[datetime | None, typer.Option(help="With --rule: latest time, exclusive, UTC")] = None,
    data: Data = None,
    anchor: AnchorDirectory = None,
    database: Database = None,
    keys_database: KeysDatabase = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Mark decisions that rested on wrong facts or law, and list the callers to tell."""
    place = Place(data, anchor, database, keys_database, by)
    chosen = Filter(_utc(start), _utc(end), rule_id=rule) if rule else None
    found, appended = _act(
        place, decision, reference, lambda custody, found: custody.supersede(found, why, cause.value), chosen
    )
    _tell("superseded", found, appended, as_json=as_json, tell=callers_of(found))


def fulfil(  # noqa: PLR0917
    obligation: Annotated[str, typer.Option(help="Token of the obligation, such as serve_copy_on_individual")],
    decision: Decisions = None,
    reference: Reference = None,
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day on which it was done")] = None,
    why: Annotated[str, typer.Option(help="How it was done, in words; they are sealed in the record")] = "",
    data: Data = None,
    anchor: AnchorDirectory = None,
    database: Database = None,
    keys_database: KeysDatabase = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Record that an obligation of decisions was done, such as a notice that was given."""
    place = Place(data, anchor, database, keys_database, by)
    done: date = day.date() if day else clock.today()
    found, appended = _act(
        place, decision, reference, lambda custody, found: custody.fulfil(found, obligation, done, why)
    )
    _tell("fulfilled", found, appended, as_json=as_json)


def retain(  # noqa: PLR0917
    keep: Annotated[
        list[str] | None,
        typer.Option(help="KIND=DAYS; may be given several times", show_default="SCREENING_RETENTION"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what is due")] = False,
    data: Data = None,
    anchor: AnchorDirectory = None,
    database: Database = None,
    keys_database: KeysDatabase = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Erase what is older than its kind is kept, unless a legal hold is on it."""
    place = Place(data, anchor, database, keys_database, by)
    try:
        days = dict(kept_days(keep) if keep else place.settings().retention)
    except ValueError:
        raise typer.BadParameter("--keep must be KIND=DAYS; deploy/README.md names the kinds") from None
    if not days:
        raise typer.BadParameter("nothing says how long records are kept: give --keep or set SCREENING_RETENTION")
    done: Retained = place.run(lambda custody: custody.retain(days, dry=dry_run))
    if as_json:
        typer.echo(json.dumps({"erased": done.erased, "held": done.held, "dry_run": dry_run}))
        return
    counts = ", ".join(f"{number} {kind}" for kind, number in sorted(done.erased.items())) or "nothing"
    typer.echo(f"{'due' if dry_run else 'erased'}: {counts}; kept by a legal hold: {len(done.held)}")


def _act(
    place: Place, decisions: list[str] | None, reference: str | None, act: Act, chosen: Filter | None = None
) -> tuple[list[Stored], list[Appended]]:
    """Find the decisions that are meant and act on them; end with exit code 1 where that cannot be."""
    if not decisions and not reference and chosen is None:
        raise typer.BadParameter("say which decisions: --decision or --reference")
    kind, _, value = (reference or "").partition("=")
    if reference and (kind not in REFERENCES or not value):
        raise typer.BadParameter(f"--reference must be KIND=VALUE, its kind one of {', '.join(REFERENCES)}")

    async def whole(custody: Custody) -> tuple[list[Stored], list[Appended]]:
        try:
            found = await custody.find(decisions or ())
            found += await custody.find_reference(kind, value) if reference else []
            found += await _listed(custody, chosen) if chosen else []
            found = list({stored.index: stored for stored in found}.values())
            return found, await act(custody, found)
        except NoSuchDecision as error:
            refuse(f"no decision {error} is recorded; nothing was done")
        except AlreadyErased as error:
            refuse(f"the decision {error} was erased before; nothing was done")
        except OnHold as error:
            refuse(f"{error}; nothing was done")

    return place.run(whole)


async def _listed(custody: Custody, chosen: Filter) -> list[Stored]:
    found: list[Stored] = []
    before = None
    while page := await custody.log.list_decisions(
        Filter(chosen.start_time, chosen.end_time, rule_id=chosen.rule_id, before_index=before), _PAGE
    ):
        found += page
        before = page[-1].index
    return found[::-1]


def _utc(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time else None


def _tell(
    done: str,
    found: Sequence[Stored],
    appended: Sequence[Appended],
    *,
    as_json: bool,
    tell: dict[str, list[str]] | None = None,
) -> None:
    """Print what was done, in which records, and whom to tell."""
    ids = [identity(stored) for stored in found]
    records = [outcome.index for outcome in appended]
    if as_json:
        report: dict[str, Any] = {done: ids, "records": records}
        typer.echo(json.dumps(report if tell is None else report | {"tell": tell}))
        return
    where = f"record {records[0]}" if len(records) == 1 else f"records {', '.join(map(str, records))}"
    typer.echo(f"{done}: {len(ids)} decisions; {where if records else 'nothing recorded'}")
    for caller, asked in sorted((tell or {}).items()):
        more = f" and {len(asked) - _MOST_SHOWN} more (--json names all)" if len(asked) > _MOST_SHOWN else ""
        typer.echo(f"  tell {caller}: {', '.join(asked[:_MOST_SHOWN])}{more}")
