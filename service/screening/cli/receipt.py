"""`screening receipt …`: completes a receipt to a proof, and checks a proof with nothing but the log's public key."""

import json
from pathlib import Path
from typing import Annotated

import typer
from city.screening.v1 import decision_log_service_pb2, decision_pb2
from google.protobuf.json_format import MessageToJson, Parse, ParseDict, ParseError
from screening_client import NotDecided

from screening.cli.connection import DEFAULT_TARGET, Target, connect
from screening.cli.forms import AsJson
from screening.cli.log.verify import verifier_key
from screening.decisionlog import receipt as receipts
from screening.decisionlog.receipt import InclusionProof, ProofBroken

receipt = typer.Typer(help="Fetch and verify proofs of recorded decisions.", no_args_is_help=True)


@receipt.callback()
def _group() -> None:
    """Fetch and verify proofs of recorded decisions."""


@receipt.command("get")
def get_receipt(
    decision_id: Annotated[str, typer.Argument(help="The decision's id")],
    target: Target = DEFAULT_TARGET,
    output: Annotated[Path | None, typer.Option(help="File to write; default standard output")] = None,
) -> None:
    """Fetch the proof that a decision is in the log."""
    try:
        with connect(target) as client:
            held = client.get_decision(decision_id).receipt
            proof = client.get_inclusion_proof(held.log_index, held.leaf_hash)
    except NotDecided as error:
        typer.echo(f"screening: there is no proof: {error.reason}", err=True)
        raise typer.Exit(1) from None
    text = MessageToJson(proof, preserving_proto_field_name=True)
    if output is None:
        typer.echo(text)
    else:
        output.write_text(f"{text}\n", encoding="utf-8")


@receipt.command("verify")
def verify_receipt(
    file: Annotated[Path, typer.Argument(help="A proof as `receipt get` writes it")],
    key: Annotated[str, typer.Option(help="The log's verifier key, or a file with it")],
    witness: Annotated[list[str] | None, typer.Option(help="Verifier key of a witness that must have cosigned")] = None,
    receipt_file: Annotated[
        Path | None,
        typer.Option(
            "--receipt", help="The answer as the caller kept it, or its receipt, in JSON: the proof must be of it"
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a proof offline; exit 0 if the record is in the log, 1 if the proof does not hold.

    Give the receipt that came with the answer: a proof alone cannot show that its record is the one that was answered.
    """
    try:
        proof = Parse(file.read_text(encoding="utf-8"), decision_log_service_pb2.InclusionProof())
    except (OSError, ParseError, ValueError):
        raise typer.BadParameter(f"{file} is no proof") from None
    held = _held(receipt_file) if receipt_file else None
    keys = [verifier_key(key)]
    witnesses = [verifier_key(text) for text in witness or ()]
    try:
        shown = receipts.verify(
            InclusionProof(proof.log_index, proof.record, list(proof.hashes), proof.checkpoint), keys, witnesses, held
        )
    except ProofBroken as error:
        typer.echo(json.dumps({"verified": False, "problem": str(error)}) if as_json else f"NOT VERIFIED: {error}")
        raise typer.Exit(1) from None
    if as_json:
        found = {"verified": True, "log_index": proof.log_index, "receipt_compared": held is not None, "record": shown}
        typer.echo(json.dumps(found))
        return
    typer.echo(f"verified: record {proof.log_index} is in the log {keys[0].name}")
    if held is None:
        typer.echo("  not compared with the receipt of an answer: give --receipt")
    for name, value in shown.items():
        typer.echo(f"  {name}: {value}")


def _held(file: Path) -> decision_pb2.Receipt:
    """Return the receipt in an answer or alone. Raises BadParameter."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        for part in ("decision", "receipt"):
            found = found.get(part, found)
        held = ParseDict(found, decision_pb2.Receipt())
    except (OSError, ValueError, AttributeError, ParseError):
        raise typer.BadParameter(f"{file} holds no receipt") from None
    if not held.leaf_hash:
        raise typer.BadParameter(f"{file} holds no receipt")
    return held
