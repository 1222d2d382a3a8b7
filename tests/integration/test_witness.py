"""Witnesses: what they cosigned is told from what they did not."""

import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from screening.cli.app import app
from screening.config import Settings
from screening.decisionlog.checkpoint import COSIGNATURE, VerifierKey, cosign, unverified
from screening.recorded import open_signer
from typer.testing import CliRunner

from tests.logs import settings_of, write_log

SEED = b"w" * 32
WITNESS = VerifierKey(
    "witness.example", COSIGNATURE, Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()
)


def verify(settings: Settings, *words: str) -> tuple[int, dict[str, Any]]:
    """Run `screening log verify` with a witness."""
    given = ["log", "verify", "--data", str(settings.data), "--witness", str(WITNESS), "--json", *words]
    done = CliRunner().invoke(app, given)
    return done.exit_code, json.loads(done.output)


def cosigned(settings: Settings, name: str, time: int = 1_800_000_000) -> None:
    """Do what a witness does: add a line to an anchored note."""
    path = settings.anchor_directory / name
    note = path.read_text()
    path.write_text(note + cosign(unverified(note), WITNESS.name, SEED, time))


async def test_what_no_witness_cosigned_yet_is_unproven_and_no_fault(tmp_path: Path) -> None:
    """The newest checkpoint changes every few seconds; a witness comes later."""
    settings = settings_of(tmp_path)
    await write_log(settings, 10)
    code, report = verify(settings)
    assert (code, report["integrity"], report["anchored"], report["cosigned"]) == (3, True, 10, 0)
    cosigned(settings, "checkpoints/10")
    code, report = verify(settings)
    assert (code, report["completeness"], report["cosigned"]) == (0, "verified", 10)
    await write_log(settings, 5)
    code, report = verify(settings)
    assert (code, report["completeness"], report["anchored"], report["cosigned"]) == (3, "unproven", 15, 10)
    words = ["log", "verify", "--data", str(settings.data), "--witness", str(WITNESS)]
    told = CliRunner().invoke(app, words).output
    assert "  cosigned: records 0 to 9" in told
    assert "  not cosigned: records 10 to 14" in told


async def test_a_wrong_cosignature_is_a_fault(tmp_path: Path) -> None:
    """One of a known witness that does not hold, such as one that was moved from another checkpoint."""
    settings = settings_of(tmp_path)
    await write_log(settings, 10)
    other = open_signer(settings).sign(9, bytes(32))
    path = settings.anchor_directory / "checkpoints/10"
    path.write_text(path.read_text() + cosign(other, WITNESS.name, SEED, 1_800_000_000))
    code, report = verify(settings)
    assert code == 1
    assert report["cosigned"] == 0
    assert any("witness.example" in fault for fault in report["faults"])
