"""The record of one decided call, and the way back from a stored record to the decision."""

import json
from dataclasses import dataclass, replace
from datetime import datetime

from city.screening.v1 import decision_pb2, recorded_call_pb2

from screening.decisionlog.port import Stored
from screening.decisionlog.record import DECISION, Idempotency, Json, Listing, Record, make
from screening.decisionlog.seal import SealBroken, Sealer

_BASIS = {number: name.removeprefix("BASIS_") for name, number in decision_pb2.Basis.items()}
_OUTCOME = {number: name.removeprefix("OUTCOME_") for name, number in decision_pb2.Outcome.items()}


class Erased(LookupError):
    """The key of a record was destroyed; its sealed part cannot be read any more."""


@dataclass(frozen=True)
class AnsweredCall:
    """A decided call before it is recorded."""

    rpc: str
    caller: str
    trace_id: str
    request: bytes
    """The request message as it is sealed."""
    decision: decision_pb2.Decision
    time: datetime
    city_unit: int
    """Number of the CityUnit; 0 for employment."""
    city_unit_name: str
    references: tuple[tuple[str, str], ...]
    """Kind and value of each opaque reference that was given."""
    idempotency: Idempotency | None


def decision_record(call: AnsweredCall, sealer: Sealer) -> Record:
    """Return the record of a decided call, its sealed part sealed under a fresh key."""
    decision = call.decision
    plaintext = recorded_call_pb2.RecordedCall(request=call.request, decision=decision).SerializeToString()
    sealed = sealer.seal(plaintext, decision.decision_id)
    rule_ids = tuple(reason.rule_id for reason in decision.reasons if reason.decisive)
    day = decision.as_of
    fields: dict[str, Json] = {
        "rpc": call.rpc,
        "caller": call.caller,
        "trace": call.trace_id,
        "outcome": _OUTCOME[decision.outcome],
        "rules": rule_ids,
        "unit": call.city_unit_name,
        "pack": decision.policy_pack,
        "bundle": decision.bundle_revision,
        "as_of": f"{day.year:04}-{day.month:02}-{day.day:02}",
        "basis": _BASIS[decision.basis],
        "needs_verification": decision.needs_verification,
        "sealed": sealed.fields(),
    }
    listing = Listing(
        call.rpc, decision.outcome, call.city_unit, rule_ids, decision.policy_pack, decision.bundle_revision
    )
    return replace(
        make(DECISION, decision.decision_id, call.time, fields),
        listing=listing,
        wrapped_key=(sealed.key_id, sealed.wrapped_key),
        references=tuple(sealer.reference(kind, value) for kind, value in call.references),
        idempotency=call.idempotency,
    )


def open_decision(stored: Stored, sealer: Sealer) -> decision_pb2.Decision:
    """Return the decision of a stored record as it was answered. Raises Erased, SealBroken."""
    if stored.wrapped_key is None:
        raise Erased
    fields = json.loads(stored.canonical)
    opened = sealer.open(fields["sealed"], stored.wrapped_key, fields["id"])
    try:
        decision = recorded_call_pb2.RecordedCall.FromString(opened).decision
    except Exception as error:  # protobuf's parser raises a class of its own runtime
        raise SealBroken("the sealed part is no recorded call") from error
    decision.trace_id = fields["trace"]
    return decision
