"""One immutable release of everything a decision rests on: law, registry, lexicon and dated settings."""

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
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
    parts: Mapping[str, str] = field(default_factory=dict)
    """Revision of law, registry and lexicon alone, by folder."""
    serial: int = 0
    """Grows with each signed release; 0 where the files are not a signed release."""
    signed: datetime | None = None
    """When the release was signed; None where the files are not a signed release."""
    packed: bytes = field(default=b"", compare=False, repr=False)
    """Everything that it was built from; see `pack`."""
    opinions: Memory[Any, Any] = field(default_factory=lambda: Memory(_REMEMBERED), compare=False, repr=False)
    """What was decided of each question, by the hash of its facts."""
    said: Memory[Any, Any] = field(default_factory=lambda: Memory(_REMEMBERED), compare=False, repr=False)
    """What the law said of each combination of truths that a question can have for it."""


def build(
    files: Mapping[str, str],
    settings: Mapping[str, date | None],
    serial: int = 0,
    before: Bundle | None = None,
    signed: datetime | None = None,
) -> Bundle:
    """Build a bundle from file texts by path, such as `laws/us/terms.yaml`. Raises DataFileError.

    What has not changed since the bundle `before` is taken from it, with all that it remembers.
    """
    law, registry, lexicon = (_under(files, folder) for folder in (LAWS, REGISTRY, LEXICON))
    parts = {LAWS: revision(law, settings), REGISTRY: revision(registry, {}), LEXICON: revision(lexicon, {})}
    same = {folder for folder, part in parts.items() if before and before.parts.get(folder) == part}
    return Bundle(
        law=before.law if before and LAWS in same else Law(law, settings),
        names=before.names if before and REGISTRY in same else NameIndex(registry),
        lexicon=before.lexicon if before and LEXICON in same else Lexicon(lexicon),
        revision=revision(files, settings),
        parts=parts,
        serial=serial,
        signed=signed,
        packed=pack(files, settings),
    )


def pack(files: Mapping[str, str], settings: Mapping[str, date | None]) -> bytes:
    """Return files and dated settings as bytes that `unpack` reads: JSON, compressed with zlib."""
    dated = {name: day and day.isoformat() for name, day in settings.items()}
    return zlib.compress(json.dumps({"files": dict(files), "settings": dated}, sort_keys=True).encode())


def unpack(packed: bytes, expected: str) -> tuple[dict[str, str], dict[str, date | None]]:
    """Return files and dated settings. Raises ValueError if they do not have the expected revision."""
    try:
        found = json.loads(zlib.decompress(packed))
        files: dict[str, str] = found["files"]
        settings = {name: day and date.fromisoformat(day) for name, day in found["settings"].items()}
        same = revision(files, settings) == expected
    except (zlib.error, KeyError, TypeError, AttributeError) as error:
        raise ValueError("the bytes are no bundle") from error
    if not same:
        raise ValueError("the bytes are those of another bundle")
    return files, settings


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
