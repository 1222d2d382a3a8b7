"""`screening laws sign` and `screening laws verify`: who released the law."""

import os
from pathlib import Path
from typing import Annotated

import typer

from screening import clock, config, release
from screening.decisionlog.checkpoint import Signer
from screening.storage.keys import load_or_create
from screening.wiring import bundle_root, law_key, read_bundle, read_files, read_note


def sign(
    serial: Annotated[int, typer.Option(min=1, help="Number of the release, higher than the last")],
    key: Annotated[Path, typer.Option(help="File with the secret key; made if it is not there")],
    name: Annotated[str, typer.Option(help="Name of the key, such as attorney.city/law")],
) -> None:
    """Sign the law, registry and lexicon of SCREENING_BUNDLE as a release; prints the verifier key."""
    settings = config.from_environ(os.environ, law_key="")
    read_bundle(settings)  # what does not load is not released
    root = bundle_root(settings)
    signer = Signer(name, load_or_create(key))
    note = release.sign(read_files(root), serial, signer, clock.now())
    (root / release.NOTE).write_text(note, encoding="utf-8")
    typer.echo(str(signer.key))


def verify(
    key: Annotated[str, typer.Option(help="Verifier key, or a file with it")],
) -> None:
    """Check that SCREENING_BUNDLE is a release of the key; exit 2 and one line if it is not."""
    root = bundle_root(config.from_environ(os.environ, law_key=""))
    found = release.verify(read_files(root), read_note(root), law_key(key))
    typer.echo(f"release {found.serial}, signed {found.time.isoformat()}")
