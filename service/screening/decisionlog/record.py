"""The records of the decision log and their canonical bytes.

A record is a JSON object in the canonical form of RFC 8785 (JCS), restricted to strings, whole numbers, booleans, lists
and objects with ASCII keys, so that any program can recompute the bytes. README.md of this folder lists the fields.
Its leaf hash is that of RFC 9162: SHA-256 over one zero byte and the canonical bytes.

What stands open in a record is what oversight must see without a key: when, which RPC, which answer, under which rules.
The question itself and the full answer are sealed (`seal.py`). No person is named in the open part, not even by hash.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

import orjson

from screening.errors import RecordTooLong

VERSION = 1
MOST_BYTES = 65_535
"""Most canonical bytes of a record: an entry of c2sp.org/tlog-tiles has its length in two bytes."""
DECISION = "decision"
REFUSAL = "refusal"
REFUSALS = "refusals"
REPAIR = "repair"
READING = "reading"
ERASURE = "erasure"
HOLD = "hold"
RELEASE = "release"
SUPERSEDE = "supersede"
FULFILMENT = "fulfilment"
ACTIVATION = "activation"
ROTATION = "rotation"

LAW = "law"
"""Stands where marks name a decision: activations are marks on the law."""

_PIECE = 2_047
"""Bytes hashed at once: of more, hashlib hands the interpreter over (adr/0025)."""

Json = str | int | bool | Sequence["Json"] | Mapping[str, "Json"]


_HOLE = re.compile(rb'"\\u0000(\w+)"')
"""A text that begins with the character zero, as it stands in JSON."""


class Record(NamedTuple):
    """One record, ready to be appended."""

    id: str
    """UUID of the record; of a decision, the decision_id."""
    kind: str
    time: datetime
    canonical: bytes
    leaf_hash: bytes
    listing: "Listing | None" = None
    """What decisions are listed by; None for other kinds."""
    wrapped_key: "tuple[str, bytes] | None" = None
    """Key id and wrapped data key of the sealed part, for the key store; never part of the canonical bytes."""
    references: tuple[bytes, ...] = ()
    """Keyed hashes of the opaque references; kept in a deletable table, never part of the canonical bytes."""
    idempotency: "Idempotency | None" = None


@dataclass(frozen=True)
class Listing:
    """The open facts by which decisions are listed."""

    rpc: str
    outcome: int
    city_unit: int
    rule_ids: tuple[str, ...]
    policy_pack: str
    bundle_revision: str


@dataclass(frozen=True)
class Idempotency:
    """A caller's request_id as keyed hash, and the keyed hash of the body that came with it."""

    caller: str
    request_key: bytes
    body_key: bytes


def canonical_bytes(fields: Mapping[str, Json]) -> bytes:
    """Return the canonical form of RFC 8785 for the restricted values that records use."""
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


def hole(name: str) -> str:
    """Return what stands in a form for a text that each record has of its own."""
    return f"\x00{name}"


class Form:
    """The canonical bytes of records that differ in a few texts only: put together, where serialising costs more."""

    def __init__(self, fields: Mapping[str, Json]) -> None:
        """Take the fields of such a record but the version, with a `hole` for each text of its own."""
        self._template = _HOLE.sub(rb'"%(\1)b"', canonical_bytes({"v": VERSION, **fields}).replace(b"%", b"%%"))

    def fill(self, texts: Mapping[bytes, bytes]) -> bytes:
        """Return the canonical bytes of one record; by name of the hole, its text, of which nothing is escaped in JSON."""
        return self._template % texts


def leaf_hash(canonical: bytes) -> bytes:
    """Return the leaf hash of RFC 9162, section 2.1.1."""
    found = hashlib.sha256(b"\x00")
    for start in range(0, len(canonical), _PIECE):
        found.update(canonical[start : start + _PIECE])
    return found.digest()


@lru_cache(maxsize=16)
def timestamp(time: datetime) -> str:
    """Return a UTC time with microseconds as records hold it, such as 2026-11-20T18:00:00.000000Z."""
    in_utc = time if time.tzinfo is UTC else time.astimezone(UTC)
    return in_utc.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def make(
    kind: str,
    identity: str,
    time: datetime,
    fields: Mapping[str, Json],
    *,
    listing: Listing | None = None,
    wrapped_key: tuple[str, bytes] | None = None,
    references: tuple[bytes, ...] = (),
    idempotency: Idempotency | None = None,
) -> Record:
    """Return a record of a kind with the fields that every record has. Raises RecordTooLong."""
    body = canonical_bytes({"v": VERSION, "kind": kind, "id": identity, "time": timestamp(time), **fields})
    return Record(identity, kind, time, body, checked_hash(body), listing, wrapped_key, references, idempotency)


def checked_hash(canonical: bytes) -> bytes:
    """Return the leaf hash of a record that is being made. Raises RecordTooLong."""
    if len(canonical) > MOST_BYTES:
        raise RecordTooLong(f"a record of {len(canonical)} bytes; the most is {MOST_BYTES}")
    return leaf_hash(canonical)
