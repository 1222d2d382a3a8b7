"""A caller's receipt becomes a proof that anybody can check."""

import base64
import json
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from city.screening.v1 import decision_log_service_pb2_grpc
from city.screening.v1.decision_log_service_pb2 import GetConsistencyProofRequest as Request
from city.screening.v1.decision_pb2 import Receipt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.json_format import MessageToJson
from screening.cli.app import app
from screening.decisionlog import merkle
from screening.decisionlog import receipt as receipts
from screening.decisionlog.checkpoint import Head, Signature, Signer, VerifierKey, open_note
from screening.decisionlog.receipt import InclusionProof, ProofBroken
from screening.decisionlog.record import make
from screening_client import NotDecided, ScreeningClient
from typer.testing import CliRunner

from tests.errors import reason_of
from tests.factories import employment
from tests.processes import ServiceProcess


def verify(file: Path, key: Path, *words: str) -> Any:
    """Run `screening receipt verify`."""
    return CliRunner().invoke(app, ["receipt", "verify", str(file), "--key", str(key), "--json", *words])


def proven(client: ScreeningClient, receipt: Receipt) -> None:
    """Wait until a checkpoint covers a record; until then the only answer is that it is not integrated yet."""
    for _ in range(100):
        try:
            client.get_inclusion_proof(receipt.log_index, receipt.leaf_hash)
        except NotDecided as error:
            assert error.reason == "NOT_YET_INTEGRATED"  # noqa: PT017  # it need not be raised: a checkpoint may be there
            time.sleep(0.05)
        else:
            return
    raise AssertionError("no checkpoint covers the record")


def test_a_receipt_is_completed_and_checked_offline(tmp_path: Path) -> None:
    """The service is gone when the proof is checked; a proof that was touched does not hold."""
    data, file = tmp_path / "data", tmp_path / "proof.json"
    with ServiceProcess(data, SCREENING_CHECKPOINT_SECONDS="0.1") as service:
        with ScreeningClient(service.target) as client:
            decisions = [client.screen_employment(employment()) for _ in range(5)]
            receipt = decisions[2].receipt
            assert receipt.integration_seconds == 1
            proven(client, receipt)
            with pytest.raises(NotDecided, match="DECISION_NOT_FOUND"):
                client.get_inclusion_proof(receipt.log_index, bytes(32))
            with pytest.raises(NotDecided, match="INVALID_FIELD"):
                client.get_inclusion_proof(receipt.log_index, b"short")
            note = client.get_checkpoint()
        words = ["receipt", "get", decisions[2].decision_id, "--target", service.target, "--output", str(file)]
        assert CliRunner().invoke(app, words).exit_code == 0
        assert service.stop() == 0
    key = tmp_path / "data-anchor" / "log.vkey"
    done = verify(file, key)
    assert done.exit_code == 0, done.output
    shown = json.loads(done.output)
    assert shown["record"]["id"] == decisions[2].decision_id
    assert shown["log_index"] == receipt.log_index
    assert shown["receipt_compared"] is False
    for number, answer in enumerate(decisions):
        kept = tmp_path / "answer.json"
        for message in (answer, answer.receipt):
            kept.write_text(MessageToJson(message))
            done = verify(file, key, "--receipt", str(kept))
            assert done.exit_code == (0 if number == 2 else 1), done.output
            assert json.loads(done.output).get("receipt_compared") is (True if number == 2 else None)
    kept.write_text("{}")
    assert verify(file, key, "--receipt", str(kept)).exit_code == 2
    proof = json.loads(file.read_text())
    proof["record"] = base64.b64encode(base64.b64decode(proof["record"]).replace(b"REQUIRED", b"rEQUIRED")).decode()
    file.write_text(json.dumps(proof))
    assert verify(file, key).exit_code == 1
    assert open_note(note, [VerifierKey.parse(key.read_text())]).head.size > 0


def test_a_record_that_was_written_anew_is_not_the_one_of_the_receipt() -> None:
    """A service that has its key proves whatever it wrote; only what the caller kept shows that it is something else."""
    signer = Signer("a.log", b"k" * 32)
    answered, rewritten = (
        make("decision", "d-1", datetime(2026, 1, 1, tzinfo=UTC), {"outcome": outcome}) for outcome in ("DENY", "ALLOW")
    )
    proof = InclusionProof(0, rewritten.canonical, [], signer.sign(1, rewritten.leaf_hash).note)
    held = Receipt(log_origin="a.log", log_index=0, leaf_hash=answered.leaf_hash)
    assert receipts.verify(proof, [signer.key])["outcome"] == "ALLOW"
    with pytest.raises(ProofBroken, match="not the one of the receipt"):
        receipts.verify(proof, [signer.key], held=held)
    held.leaf_hash = rewritten.leaf_hash
    assert receipts.verify(proof, [signer.key], held=held)
    held.log_origin = "another.log"
    with pytest.raises(ProofBroken, match="not the one of the receipt"):
        receipts.verify(proof, [signer.key], held=held)


def test_a_checkpoint_that_names_another_log_proves_nothing() -> None:
    """Even where a trusted key signed it."""
    signer = Signer("a.log", b"k" * 32)
    record = make("decision", "d-1", datetime(2026, 1, 1, tzinfo=UTC), {})
    private = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    text = Head("another.log", 1, record.leaf_hash).text()
    note = f"{text}\n{Signature('a.log', signer.key.id, private.sign(text.encode())).line()}"
    with pytest.raises(ProofBroken, match="another log"):
        receipts.verify(InclusionProof(0, record.canonical, [], note), [signer.key])


def test_a_log_is_shown_to_have_only_grown(tmp_path: Path) -> None:
    """GetConsistencyProof leads from an earlier checkpoint to the newest one."""
    with ServiceProcess(tmp_path / "data", SCREENING_CHECKPOINT_SECONDS="0.05") as service:
        key = VerifierKey.parse((tmp_path / "data-anchor" / "log.vkey").read_text())
        with ScreeningClient(service.target) as client:

            def grown() -> Head:
                index = client.screen_employment(employment()).receipt.log_index
                while (head := open_note(client.get_checkpoint(), [key]).head).size <= index:
                    time.sleep(0.02)
                return head

            old = grown()
            grown()
            with grpc.insecure_channel(service.target) as channel:
                log = decision_log_service_pb2_grpc.DecisionLogServiceStub(channel)
                reply = log.GetConsistencyProof(Request(first_size=old.size))
                with pytest.raises(grpc.RpcError) as raised:
                    log.GetConsistencyProof(Request(first_size=10**6))
                assert reason_of(raised.value) == "NOT_YET_INTEGRATED"
        assert service.stop() == 0
    new = open_note(reply.checkpoint, [key]).head
    assert merkle.verify_consistency(old.size, new.size, old.root, new.root, list(reply.hashes))


def test_checkpoints_are_anchored_where_the_service_is_told_to(tmp_path: Path) -> None:
    """`serve --anchor DIR`: only there; whoever verifies says where, and is warned where both lie on one device."""
    anchor = tmp_path / "elsewhere" / "anchor"
    with ServiceProcess(tmp_path / "data", "--anchor", str(anchor)) as service:
        with ScreeningClient(service.target) as client:
            client.screen_employment(employment())
        assert service.stop() == 0
    assert not (tmp_path / "data-anchor").exists()
    words = ["log", "verify", "--data", str(tmp_path / "data")]
    told = CliRunner().invoke(app, [*words, "--anchor", str(anchor)])
    assert told.exit_code == 0
    assert "completeness: verified" in told.output
    assert "warning: the anchor lies on the device of the log" in told.output
    unanchored = CliRunner().invoke(app, words)
    assert unanchored.exit_code == 3
    assert "completeness: unproven" in unanchored.output
    assert "warning" not in unanchored.output


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="there is no second device")
def test_an_anchor_on_another_device_needs_no_warning(tmp_path: Path) -> None:
    """Here it lies in memory."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        anchor = Path(elsewhere) / "anchor"
        with ServiceProcess(tmp_path / "data", "--anchor", str(anchor)) as service:
            assert service.stop() == 0
        told = CliRunner().invoke(app, ["log", "verify", "--data", str(tmp_path / "data"), "--anchor", str(anchor)])
    assert told.exit_code == 0
    assert "warning" not in told.output
