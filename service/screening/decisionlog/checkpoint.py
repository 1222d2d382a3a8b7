"""Checkpoints: signed statements of the log's size and root.

A checkpoint is a C2SP signed note (c2sp.org/signed-note) whose text is that of c2sp.org/tlog-checkpoint: origin, size,
root. The log signs with Ed25519, signature type 0x01; witnesses may add cosignatures, type 0x04, as
c2sp.org/tlog-cosignature has it. Keys are written as verifier keys: name, key id and key, joined by plus signs.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from screening.decisionlog.merkle import HASH_BYTES

ED25519, COSIGNATURE = 0x01, 0x04
_ID_BYTES, _TIME_BYTES, _SIGNATURE_BYTES, _KEY_BYTES = 4, 8, 64, 32
MOST_SIGNATURES = 64
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


class BadNote(ValueError):
    """Bytes are no checkpoint, or no trusted key signed them; the text says which."""


class NotCosigned(BadNote):
    """A witness has not signed a checkpoint (yet)."""


@dataclass(frozen=True)
class Head:
    """What a checkpoint states."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()
    """Lines that are signed with the rest; none is empty or has a line break."""

    def text(self) -> str:
        """Return the signed text."""
        lines = [self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions]
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True)
class Checkpoint:
    """A statement and the note that carries it."""

    head: Head
    note: str


@dataclass(frozen=True)
class VerifierKey:
    """A public key with the name that it signs under."""

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        """Return the key id that stands before each signature."""
        return hashlib.sha256(f"{self.name}\n".encode() + bytes([self.kind]) + self.public).digest()[:_ID_BYTES]

    def __str__(self) -> str:
        """Return the key as a verifier key, in one line."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([self.kind]) + self.public).decode()}"

    @classmethod
    def parse(cls, line: str) -> "VerifierKey":
        """Read a verifier key. Raises BadNote."""
        try:
            name, identity, material = line.strip().split("+", 2)
            data = base64.b64decode(material, validate=True)
            key = cls(name, data[0], data[1:])
        except (ValueError, IndexError):
            raise BadNote("a verifier key cannot be read") from None
        if key.kind not in (ED25519, COSIGNATURE) or len(key.public) != _KEY_BYTES or key.id.hex() != identity:
            raise BadNote("a verifier key has an unknown type or a wrong id")
        return key


@dataclass(frozen=True)
class Signature:
    """One signature line of a note."""

    name: str
    key_id: bytes
    value: bytes

    def line(self) -> str:
        """Return the line as it stands in a note."""
        return f"— {self.name} {base64.b64encode(self.key_id + self.value).decode()}\n"


class Signer:
    """The log's own signing key."""

    def __init__(self, origin: str, seed: bytes) -> None:
        """Take the log's origin and 32 secret bytes."""
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.key = VerifierKey(origin, ED25519, self._private.public_key().public_bytes_raw())

    def sign(self, size: int, root: bytes, extensions: tuple[str, ...] = ()) -> Checkpoint:
        """Return the signed checkpoint of a size and root."""
        head = Head(self.key.name, size, root, extensions)
        signature = Signature(self.key.name, self.key.id, self._private.sign(head.text().encode()))
        return Checkpoint(head, f"{head.text()}\n{signature.line()}")


def cosign(checkpoint: Checkpoint, name: str, seed: bytes, time: int) -> str:
    """Return a witness's cosignature line on a checkpoint, at a time in seconds since 1970."""
    private = Ed25519PrivateKey.from_private_bytes(seed)
    key = VerifierKey(name, COSIGNATURE, private.public_key().public_bytes_raw())
    signed = private.sign(_cosigned(time, checkpoint.head.text().encode()))
    return Signature(name, key.id, time.to_bytes(_TIME_BYTES, "big") + signed).line()


def open_note(note: str, keys: Iterable[VerifierKey], witnesses: Sequence[VerifierKey] = ()) -> Checkpoint:
    """Return the checkpoint in a note that one of `keys` and every one of `witnesses` signed.

    Raises NotCosigned where only a witness is missing, BadNote. Signatures of unknown keys are ignored; a wrong signature of a known key makes the whole note wrong.
    """
    text, signatures = _parse(note)
    signers = _signers(text, signatures, [*keys, *witnesses])
    if not any(key.kind == ED25519 and key not in witnesses for key in signers):
        raise BadNote("no trusted key signed the checkpoint")
    if missing := [key.name for key in witnesses if key not in signers]:
        raise NotCosigned(f"the witness {missing[0]} did not cosign the checkpoint")
    return Checkpoint(_head(text), note)


def unverified(note: str) -> Checkpoint:
    """Return the checkpoint in a note whose signatures nobody has checked yet. Raises BadNote."""
    return Checkpoint(_head(_parse(note)[0]), note)


def _parse(note: str) -> tuple[str, list[Signature]]:
    text, blank, lines = note.rpartition("\n\n")
    if not blank or not lines.endswith("\n") or _CONTROL.search(note):
        raise BadNote("the file is no signed note")
    found = lines[:-1].split("\n")
    if len(found) > MOST_SIGNATURES:
        raise BadNote("the note has too many signatures")
    return f"{text}\n", [_signature(line) for line in found]


def _signature(line: str) -> Signature:
    try:
        dash, name, data = line.split(" ")
        decoded = base64.b64decode(data, validate=True)
    except (ValueError, binascii.Error):
        raise BadNote("a signature line cannot be read") from None
    if dash != "—" or not name or len(decoded) <= _ID_BYTES:
        raise BadNote("a signature line cannot be read")
    return Signature(name, decoded[:_ID_BYTES], decoded[_ID_BYTES:])


def _signers(text: str, signatures: Sequence[Signature], keys: Sequence[VerifierKey]) -> set[VerifierKey]:
    signers = set()
    for signature in signatures:
        for key in keys:
            if (key.name, key.id) == (signature.name, signature.key_id):
                _check(key, text.encode(), signature.value)
                signers.add(key)
    return signers


def _check(key: VerifierKey, text: bytes, value: bytes) -> None:
    signed = text
    if key.kind == COSIGNATURE:
        time, value = int.from_bytes(value[:_TIME_BYTES], "big"), value[_TIME_BYTES:]
        signed = _cosigned(time, text)
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(value, signed)
    except InvalidSignature:
        raise BadNote(f"the signature of {key.name} is wrong") from None


def _cosigned(time: int, text: bytes) -> bytes:
    return f"cosignature/v1\ntime {time}\n".encode() + text


def _head(text: str) -> Head:
    lines = text.split("\n")
    try:
        origin, size, encoded = lines[:3]
        root = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        raise BadNote("the note is no checkpoint") from None
    if not origin or not _SIZE.fullmatch(size) or len(root) != HASH_BYTES or not all(lines[3:-1]):
        raise BadNote("the note is no checkpoint")
    return Head(origin, int(size), root, tuple(lines[3:-1]))
