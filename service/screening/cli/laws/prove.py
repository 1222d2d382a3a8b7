"""`screening laws prove`: what must hold of a pack, for every combination of facts."""

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Annotated

import typer

from screening import config
from screening.facts import Value
from screening.policy import invariant, proof
from screening.policy.invariant import Invariant
from screening.policy.law import Pack
from screening.policy.proof import Proof
from screening.policy.rule import OUTCOMES
from screening.policy.share import Share, shares
from screening.policy.violation import Violation
from screening.wiring import bundle_root, read_bundle

_OUTCOME = {number: name for name, number in OUTCOMES.items()}


def prove(
    pack: Annotated[str, typer.Option(help="The pack whose rules are proved")] = "la_city",
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First civil day; without it all time since 1979")
    ] = None,
    share: Annotated[
        list[str] | None, typer.Option(help="Only these request kinds and data categories, such as TRANSFER or ALPR")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that work side by side")] = 2,
) -> None:
    """Check the invariants beside the law for every combination of facts; exit 1 if one does not hold."""
    started = time.monotonic()
    law, invariants = _given(pack, _root())
    chosen = [each for each in shares(law, invariants) if not share or each.name in share]
    if not chosen:
        raise typer.BadParameter("no such share; name a request kind or the first of a class of data categories")
    day = since.date() if since else date.min
    proofs = []
    for done in _proofs(pack, chosen, day, jobs):
        typer.echo(f"{done.share.name}: {done.combinations:.1e} combinations, {done.laws} laws, {done.sampled} sampled")
        proofs.append(done)
    broken = {each.invariant.id: each for done in proofs for each in done.violations}
    subjects = {each.subject for each in chosen}
    for line in _findings([each for each in invariants if each.subject in subjects], broken):
        typer.echo(line)
    if not share:
        for line in _unreached(law, proofs, day):
            typer.echo(line)
    typer.echo(
        f"{sum(done.combinations for done in proofs):.1e} combinations of facts, each with one outcome, "
        f"as {sum(done.classes for done in proofs):.1e} that the law tells apart; "
        f"{sum(done.sampled for done in proofs)} of them through the engine; {time.monotonic() - started:.0f} s, "
        f"{sum(os.times()[:4]):.0f} s of processor time"
    )
    raise typer.Exit(1 if broken else 0)


def _root() -> Path:
    return bundle_root(config.from_environ(os.environ)) / "laws"


@cache
def _given(pack: str, root: Path) -> tuple[Pack, list[Invariant]]:
    packs = read_bundle(config.from_environ(os.environ)).law.packs
    if pack not in packs:
        raise typer.BadParameter(f"there is no pack '{pack}'; use one of: {', '.join(packs)}")
    files = [path for path in root.rglob("*.yaml") if path.name == invariant.FILE]
    texts = {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in files}
    return packs[pack], invariant.read(texts, packs[pack])


def _proofs(pack: str, chosen: Sequence[Share], since: date, jobs: int) -> Iterator[Proof]:
    many = len(chosen)
    with ProcessPoolExecutor(min(jobs, many)) as workers:
        yield from workers.map(_proof, [pack] * many, chosen, [since] * many)


def _proof(pack: str, share: Share, since: date) -> Proof:
    law, invariants = _given(pack, _root())
    return proof.prove(law, share, invariants, since)


def _findings(invariants: Sequence[Invariant], broken: dict[str, Violation]) -> Iterator[str]:
    for each in invariants:
        if violation := broken.get(each.id):
            yield f"BROKEN {each.id} ({each.file}:{each.line}): {each.sentence.strip()}"
            yield f"  on {violation.day}: {_stated(violation.combination)}"
            answers = [_OUTCOME[answer] for answer in violation.answers]
            yield f"  is answered {answers[0]}" + (
                f"; with {_stated(violation.changed)} {answers[1]}" if len(answers) > 1 else ""
            )
        else:
            yield f"holds {each.id}: {each.sentence.strip()}"
        for exemption in each.exemptions:
            yield f"  except: {exemption.sentence} ({exemption.citation})"


def _stated(values: Mapping[str, Value]) -> str:
    return ", ".join(f"{path}={value}" for path, value in values.items() if value != "")


def _unreached(law: Pack, proofs: Iterable[Proof], since: date) -> Iterator[str]:
    """Name the rules that never decide and the duties that never arise, though in force on or after the first day."""
    reaches = [done.reach for done in proofs]
    decisive = set().union(*(reach.decisive for reach in reaches))
    arising = set().union(*(reach.arising for reach in reaches))
    for rule in law.rules:
        if rule.id not in decisive and (rule.in_force.end is None or rule.in_force.end > since):
            yield f"never decides: {rule.id} ({rule.source.file}:{rule.line})"
    for duty in law.duties:
        if duty.id not in arising and (duty.in_force.end is None or duty.in_force.end > since):
            yield f"never arises: {duty.id} ({duty.source.file}:{duty.line})"
