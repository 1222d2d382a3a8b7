"""One immutable release of everything a decision rests on: law, registry, lexicon and dated settings."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from screening.memory import Memory
from screening.names.match import NameIndex
from screening.policy.law import Law
from screening.reading.lexicon import Lexicon

_REMEMBERED = 4_096

LAWS, REGISTRY, LEXICON = "laws/", "registry/", "lexicon/"


@dataclass(frozen=True)
class Bundle:
    """Law, names and lexicon, with the hash that identifies them."""

    law: Law
    names: NameIndex
    lexicon: Lexicon
    revision: str
    """SHA-256 of all files and dated settings, in hexadecimal."""
    serial: int = 0
    """Grows with each signed release; 0 where the files are not a signed release."""
    opinions: Memory[Any, Any] = field(default_factory=lambda: Memory(_REMEMBERED), compare=False, repr=False)
    """What was decided of each question, by the hash of its facts."""
    said: Memory[Any, Any] = field(default_factory=lambda: Memory(_REMEMBERED), compare=False, repr=False)
    """What the law said of each combination of truths that a question can have for it."""


def build(files: Mapping[str, str], settings: Mapping[str, date | None]) -> Bundle:
    """Build a bundle from file texts by path, such as `laws/us/terms.yaml`. Raises DataFileError."""
    return Bundle(
        law=Law(_under(files, LAWS), settings),
        names=NameIndex(_under(files, REGISTRY)),
        lexicon=Lexicon(_under(files, LEXICON)),
        revision=revision(files, settings),
    )


def _under(files: Mapping[str, str], folder: str) -> dict[str, str]:
    return {path.removeprefix(folder): text for path, text in files.items() if path.startswith(folder)}


def revision(files: Mapping[str, str], settings: Mapping[str, date | None]) -> str:
    """Return the hash that identifies a bundle; each part goes in with its length, so that none can flow into another."""
    digest = hashlib.sha256()
    parts = [part for path in sorted(files) for part in (path, files[path])]
    parts += [f"{name}={day}" for name, day in sorted(settings.items())]
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()
