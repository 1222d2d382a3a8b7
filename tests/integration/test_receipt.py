"""A caller's receipt becomes a proof that anybody can check."""

import base64
import json
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
from city.screening.v1 import decision_log_service_pb2_grpc
from city.screening.v1.decision_log_service_pb2 import GetConsistencyProofRequest as Request
from city.screening.v1.decision_pb2 import Receipt
from screening.cli.app import app
from screening.decisionlog import merkle
from screening.decisionlog.checkpoint import Head, VerifierKey, open_note
from screening_client import NotDecided, ScreeningClient
from typer.testing import CliRunner

from tests.errors import reason_of
from tests.factories import employment
from tests.processes import ServiceProcess


def verify(file: Path, key: Path) -> Any:
    """Run `screening receipt verify`."""
    return CliRunner().invoke(app, ["receipt", "verify", str(file), "--key", str(key), "--json"])


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
    proof = json.loads(file.read_text())
    proof["record"] = base64.b64encode(base64.b64decode(proof["record"]).replace(b"REQUIRED", b"rEQUIRED")).decode()
    file.write_text(json.dumps(proof))
    assert verify(file, key).exit_code == 1
    assert open_note(note, [VerifierKey.parse(key.read_text())]).head.size > 0


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
