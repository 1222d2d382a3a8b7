"""`screening laws check`: whether the law files are well made, and their rules fit together."""

import os
from collections import Counter

import typer

from screening import config
from screening.policy.soundness import faults
from screening.wiring import read_bundle


def check() -> None:
    """Load and type-check law, registry and lexicon, and look for rules that do not fit; exit 1 if one is an error."""
    bundle = read_bundle(config.from_environ(os.environ))
    for pack in bundle.law.packs.values():
        typer.echo(f"{pack.id}: {len(pack.rules)} rules, {len(pack.duties)} duties")
    typer.echo(f"registry: {len(bundle.names.registry.entities)} entities")
    found = faults(bundle.law)
    for fault in found:
        typer.echo(f"{'error' if fault.is_error else 'warning'}: {fault.file}:{fault.line}: {fault.words}")
    levels = Counter(fault.is_error for fault in found)
    typer.echo(f"{levels[True]} errors, {levels[False]} warnings")
    typer.echo(f"bundle {bundle.revision}")
    raise typer.Exit(1 if levels[True] else 0)
