"""`screening laws check`: whether the law files are well made."""

import os

import typer

from screening import config
from screening.wiring import read_bundle


def check() -> None:
    """Load and type-check law, registry and lexicon as the service does at its start."""
    bundle = read_bundle(config.from_environ(os.environ))
    for pack in bundle.law.packs.values():
        typer.echo(f"{pack.id}: {len(pack.rules)} rules, {len(pack.duties)} duties")
    typer.echo(f"registry: {len(bundle.names.registry.entities)} entities")
    typer.echo(f"bundle {bundle.revision}")
