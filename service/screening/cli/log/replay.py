"""`screening log replay`: decides every recorded decision again, under its own recorded law or under another."""

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated

import typer

from screening import config
from screening.bundle import Bundle
from screening.cli.log.opened import AnchorDirectory, By, Data, Database, KeysDatabase, Place, refuse
from screening.custody import Custody
from screening.replay import ERASED, Bundles, Change, Replayed, Verdict, replay
from screening.wiring import read_bundle

CHANGED_EXIT, NOT_REPLAYABLE_EXIT = 1, 3
_MOST_SHOWN = 50


@dataclass
class Sums:
    """How all decisions came out."""

    verdicts: Counter[Verdict] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, replayed: Replayed) -> None:
        """Count one."""
        self.verdicts[replayed.verdict] += 1
        if replayed.reason:
            self.reasons[replayed.reason] += 1

    @property
    def exit_code(self) -> int:
        """Return 1 if a decision changed, 3 if one could not be replayed for another reason than erasure, else 0."""
        if self.verdicts[Verdict.CHANGED]:
            return CHANGED_EXIT
        return NOT_REPLAYABLE_EXIT if self.reasons.keys() - {ERASED} else 0


def replay_log(  # noqa: PLR0917  # typer makes options of parameters
    under: Annotated[
        str | None, typer.Option(help="Directory of another law, or the revision of one that the log keeps")
    ] = None,
    data: Data = None,
    anchor: AnchorDirectory = None,
    database: Database = None,
    keys_database: KeysDatabase = None,
    by: By = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line a decision that is not identical")] = False,
) -> None:
    """Decide every recorded decision again; exit 0 if all are identical or erased, 1 if one changed, else 3.

    This reads what is sealed, so it is recorded.
    """
    sums, shown = Sums(), [0]

    def show(replayed: Replayed) -> None:
        sums.add(replayed)
        if replayed.verdict == Verdict.IDENTICAL or (replayed.reason == ERASED and not as_json):
            return
        shown[0] += 1
        if as_json:
            typer.echo(json.dumps(asdict(replayed)))
        elif shown[0] <= _MOST_SHOWN:
            typer.echo(told(replayed))

    given = _of_files(under) if under else None

    async def whole(custody: Custody) -> None:
        other = given or (await _kept(custody, under) if under else None)
        await custody.note_reading("log replay", {"under": other.revision} if other else {})
        async for replayed in replay(custody.log, custody.sealer, under=other):
            show(replayed)

    Place(data, anchor, database, keys_database, by).run(whole)
    if as_json:
        typer.echo(
            json.dumps(
                {**{verdict.replace(" ", "_"): sums.verdicts[verdict] for verdict in Verdict}, "reasons": sums.reasons}
            )
        )
    else:
        _tell(sums, shown[0], other=bool(under))
    raise typer.Exit(sums.exit_code)


def _of_files(under: str) -> Bundle | None:
    """Return the law in a directory; None if there is no such directory."""
    folder = Path(under)
    return read_bundle(replace(config.from_environ(os.environ), bundle=folder)) if folder.is_dir() else None


async def _kept(custody: Custody, under: str) -> Bundle:
    """Return a law that the log keeps."""
    try:
        found = await Bundles(custody.log).find(under)
    except ValueError as error:
        refuse(f"the bundle {under} cannot be used: {error}")
    if found is None:
        raise typer.BadParameter(f"--under: {under} is no directory, and the log keeps no bundle of that revision")
    return found


def _tell(sums: Sums, shown: int, *, other: bool) -> None:
    if shown > _MOST_SHOWN:
        typer.echo(f"… and {shown - _MOST_SHOWN} more; --json names all")
    law = "under the other law" if other else "under their own recorded law"
    counts = ", ".join(f"{sums.verdicts[verdict]} {verdict}" for verdict in Verdict)
    typer.echo(f"{sums.verdicts.total()} decisions {law}: {counts}")
    for reason, number in sums.reasons.most_common():
        typer.echo(f"  {number} not replayable: {reason}")


def told(replayed: Replayed) -> str:
    """Return one decision, decided again, in words."""
    head = f"record {replayed.index} {replayed.decision_id} {replayed.rpc}: {replayed.verdict}"
    return "\n".join([f"{head}, {replayed.reason}" if replayed.reason else head, *_changes(replayed.changes)])


def _changes(changes: Sequence[Change]) -> list[str]:
    return [
        f"  {change.what}: {change.before or 'nothing'} -> {change.after or 'nothing'}"
        if change.before or change.after
        else f"  {change.what} is worded otherwise"
        for change in changes
    ]
