"""The record of one decided call, and the way back from a stored record to the decision."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from city.screening.v1 import decision_pb2, information_request_facts_pb2, recorded_call_pb2

from screening.decisionlog.keyring import SealBroken
from screening.decisionlog.port import DecisionLog, Stored
from screening.decisionlog.record import DECISION, ERASURE, Idempotency, Json, Listing, Record, make
from screening.decisionlog.seal import Sealer
from screening.wire import nested

_BASIS = {number: name.removeprefix("BASIS_") for name, number in decision_pb2.Basis.items()}
_UNITS: dict[int, str] = {
    number: name.removeprefix("CITY_UNIT_") for name, number in information_request_facts_pb2.CityUnit.items() if number
}
_REQUEST, _DECISION = (
    recorded_call_pb2.RecordedCall.DESCRIPTOR.fields_by_name[name].number for name in ("request", "decision")
)
_OUTCOME = {number: name.removeprefix("OUTCOME_") for name, number in decision_pb2.Outcome.items()}


class Erased(LookupError):
    """The key of a record is gone, so that its sealed part cannot be read any more; `was_erased` says whether by order."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What was decided, apart from who asked and when: the same for all who ask the same on that day. Not to be changed."""

    decision: decision_pb2.Decision
    """Without id, time, basis, trace id and receipt."""
    serialized: bytes
    fields: dict[str, Json]
    """What stands open of it in a record."""
    listing: Listing


def decisive(decision: decision_pb2.Decision) -> tuple[str, ...]:
    """Return the ids of the rules that decided."""
    return tuple(reason.rule_id for reason in decision.reasons if reason.decisive)


def opinion(rpc: str, decision: decision_pb2.Decision, city_unit: int) -> Opinion:
    """Return a decision as an opinion; `city_unit` is the number of the CityUnit, 0 for employment."""
    rule_ids = decisive(decision)
    day = decision.as_of
    fields: dict[str, Json] = {
        "rpc": rpc,
        "outcome": _OUTCOME[decision.outcome],
        "rules": rule_ids,
        "unit": _UNITS.get(city_unit, ""),
        "pack": decision.policy_pack,
        "bundle": decision.bundle_revision,
        "as_of": f"{day.year:04}-{day.month:02}-{day.day:02}",
        "needs_verification": decision.needs_verification,
    }
    listing = Listing(rpc, decision.outcome, city_unit, rule_ids, decision.policy_pack, decision.bundle_revision)
    return Opinion(decision, decision.SerializeToString(), fields, listing)


class AnsweredCall(NamedTuple):
    """A decided call before it is recorded."""

    opinion: Opinion
    decision_id: str
    time: datetime
    basis: decision_pb2.Basis.ValueType
    caller: str
    trace_id: str
    request: bytes
    """The request message as it is sealed."""
    references: tuple[tuple[str, str], ...]
    """Kind and value of each opaque reference that was given."""
    idempotency: Idempotency | None

    def decision(self) -> bytes:
        """Return the decision as it is recorded: as it is answered, but for receipt and trace id."""
        own = decision_pb2.Decision(decision_id=self.decision_id, basis=self.basis)
        own.decision_time.seconds = int(self.time.timestamp())
        own.decision_time.nanos = self.time.microsecond * 1000
        return self.opinion.serialized + own.SerializeToString()


def decision_record(call: AnsweredCall, decision: bytes, sealer: Sealer) -> Record:
    """Return the record of a call and its serialised decision, its sealed part sealed under a fresh key."""
    plaintext = nested(_REQUEST, call.request) + nested(_DECISION, decision)
    sealed = sealer.seal(plaintext, call.decision_id)
    fields: dict[str, Json] = {
        **call.opinion.fields,
        "caller": call.caller,
        "trace": call.trace_id,
        "basis": _BASIS[call.basis],
        "sealed": sealed.fields(),
    }
    return make(
        DECISION,
        call.decision_id,
        call.time,
        fields,
        listing=call.opinion.listing,
        wrapped_key=(sealed.key_id, sealed.wrapped_key),
        references=tuple(sealer.reference(kind, value) for kind, value in call.references),
        idempotency=call.idempotency,
    )


def open_call(stored: Stored, sealer: Sealer) -> recorded_call_pb2.RecordedCall:
    """Return the question and the decision of a stored record. Raises Erased, SealBroken."""
    if stored.wrapped_key is None:
        raise Erased
    fields = json.loads(stored.canonical)
    opened = sealer.open(fields["sealed"], stored.wrapped_key, fields["id"])
    try:
        return recorded_call_pb2.RecordedCall.FromString(opened)
    except Exception as error:  # protobuf's parser raises a class of its own runtime
        raise SealBroken("the sealed part is no recorded call") from error


async def was_erased(log: DecisionLog, decision_id: str) -> bool:
    """Say whether a record says that a decision was erased; where none does, its key was lost. Raises LogUnavailable."""
    return any(mark.kind == ERASURE for mark in await log.marks(decision_id))


def open_decision(stored: Stored, sealer: Sealer) -> decision_pb2.Decision:
    """Return the decision of a stored record as it was answered. Raises Erased, SealBroken."""
    decision = open_call(stored, sealer).decision
    decision.trace_id = json.loads(stored.canonical)["trace"]
    return decision
