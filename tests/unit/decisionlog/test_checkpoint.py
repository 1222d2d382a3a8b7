import base64
import hashlib

import pytest
from screening.decisionlog.checkpoint import (
    COSIGNATURE,
    BadNote,
    Checkpoint,
    Signer,
    VerifierKey,
    cosign,
    open_note,
    unverified,
)

SIGNER = Signer("log.example/one", b"s" * 32)
WITNESS = Signer("witness.example/w", b"w" * 32)
ROOT = hashlib.sha256(b"root").digest()
KNOWN_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
KNOWN_NOTE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def made() -> Checkpoint:
    """Return a checkpoint."""
    return SIGNER.sign(42, ROOT)


def test_a_checkpoint_is_origin_size_and_root() -> None:
    """In three lines, a blank one, and a signature line with an em dash."""
    lines = made().note.split("\n")
    assert lines[:4] == ["log.example/one", "42", base64.b64encode(ROOT).decode(), ""]
    assert lines[4].startswith("— log.example/one ")
    assert lines[5:] == [""]
    assert open_note(made().note, [SIGNER.key]) == made()


def test_keys_and_signatures_are_those_of_other_programs() -> None:
    """The example of Go's note package: its key reads, and its signature holds until the text is no checkpoint."""
    key = VerifierKey.parse(KNOWN_KEY)
    assert str(key) == KNOWN_KEY
    with pytest.raises(BadNote, match="no checkpoint"):
        open_note(KNOWN_NOTE, [key])
    with pytest.raises(BadNote, match="signature of PeterNeumann is wrong"):
        open_note(KNOWN_NOTE.replace("answer", "Answer"), [key])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n42\n", "\n43\n"),
        ("\n42\n", "\n042\n"),
        ("log.example/one\n", "log.example/two\n"),
        ("\n\n—", "\n—"),
        ("— log", "- log"),
        ("\n42\n", "\n42\t\n"),
        ("— log.example/one ", "— log.example/one  "),
    ],
)
def test_a_note_that_was_touched_is_refused(old: str, new: str) -> None:
    """Whatever was changed."""
    note = made().note
    assert old in note
    with pytest.raises(BadNote):
        open_note(note.replace(old, new, 1), [SIGNER.key])


@pytest.mark.parametrize("text", ["", "\n\n", "x", "a\n1\nb\n\n", "a\n1\nb\n\n— a AAAA\n", "\x00"])
def test_noise_is_no_note(text: str) -> None:
    """It is refused, and nothing else happens."""
    with pytest.raises(BadNote):
        unverified(text)


def test_only_a_trusted_key_counts() -> None:
    """The same origin with another key is a forgery."""
    forged = Signer("log.example/one", b"f" * 32).sign(42, ROOT)
    with pytest.raises(BadNote, match="no trusted key"):
        open_note(forged.note, [SIGNER.key])


def test_witnesses_cosign_and_can_be_required() -> None:
    """A cosignature of type 0x04 over time and text; unknown ones are ignored."""
    line = cosign(made(), "witness.example/w", b"w" * 32, 1_800_000_000)
    note = made().note + line
    witness = VerifierKey("witness.example/w", COSIGNATURE, WITNESS.key.public)
    assert open_note(note, [SIGNER.key]).head == made().head
    assert open_note(note, [SIGNER.key], [witness]).head == made().head
    with pytest.raises(BadNote, match="did not cosign"):
        open_note(made().note, [SIGNER.key], [witness])
    late = cosign(SIGNER.sign(41, ROOT), "witness.example/w", b"w" * 32, 1_800_000_000)
    with pytest.raises(BadNote, match="signature of witness"):
        open_note(made().note + late, [SIGNER.key], [witness])
    with pytest.raises(BadNote, match="no trusted key"):
        open_note(made().head.text() + "\n" + line, [SIGNER.key], [witness])


@pytest.mark.parametrize("line", ["", "a+b", "a+00000000+AQ==", KNOWN_KEY.replace("c74f", "c74e"), KNOWN_KEY[:-4]])
def test_a_verifier_key_that_is_wrong_is_refused(line: str) -> None:
    """Its id must be that of its bytes."""
    with pytest.raises(BadNote):
        VerifierKey.parse(line)
