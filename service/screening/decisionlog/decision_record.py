"""The record of one decided call, and the way back from a stored record to the decision."""

import json
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple

from city.screening.v1 import decision_pb2, information_request_facts_pb2, recorded_call_pb2

from screening.decisionlog.keyring import SealBroken
from screening.decisionlog.port import DecisionLog, Stored
from screening.decisionlog.record import (
    DECISION,
    ERASURE,
    Form,
    Idempotency,
    Json,
    Listing,
    Record,
    checked_hash,
    hole,
    timestamp,
)
from screening.decisionlog.seal import ALGORITHM, Sealer
from screening.wire import nested

_BASIS = {number: name.removeprefix("BASIS_") for name, number in decision_pb2.Basis.items()}
_UNITS: dict[int, str] = {
    number: name.removeprefix("CITY_UNIT_") for name, number in information_request_facts_pb2.CityUnit.items() if number
}
_REQUEST, _DECISION = (
    recorded_call_pb2.RecordedCall.DESCRIPTOR.fields_by_name[name].number for name in ("request", "decision")
)
_ID = decision_pb2.Decision.DESCRIPTOR.fields_by_name["decision_id"].number
_OUTCOME: dict[int, str] = {number: name.removeprefix("OUTCOME_") for name, number in decision_pb2.Outcome.items()}


class Erased(LookupError):
    """The key of a record is gone, so that its sealed part cannot be read any more; `was_erased` says whether by order."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What was decided, apart from who asked and when: the same for all who ask the same on that day. Not to be changed."""

    decision: decision_pb2.Decision
    """Without id, time, basis, trace id and receipt."""
    serialized: bytes
    form: Form
    """What stands open of it in a record."""
    listing: Listing


def decisive(decision: decision_pb2.Decision) -> tuple[str, ...]:
    """Return the ids of the rules that decided."""
    return tuple(reason.rule_id for reason in decision.reasons if reason.decisive)


def opinion(rpc: str, decision: decision_pb2.Decision, city_unit: int) -> Opinion:
    """Return a decision as an opinion; `city_unit` is the number of the CityUnit, 0 for employment."""
    day = date(decision.as_of.year, decision.as_of.month, decision.as_of.day)
    listing = Listing(
        rpc, decision.outcome, city_unit, decisive(decision), decision.policy_pack, decision.bundle_revision
    )
    form = _form(listing, day, needs_verification=decision.needs_verification)
    return Opinion(decision, decision.SerializeToString(), form, listing)


@lru_cache(maxsize=4_096)
def _form(listing: Listing, as_of: date, *, needs_verification: bool) -> Form:
    """Return the record of an opinion with what is the call's own left open."""
    sealed: dict[str, Json] = {"alg": ALGORITHM, "key": hole("id"), "nonce": hole("nonce"), "data": hole("data")}
    fields: dict[str, Json] = {
        "kind": DECISION,
        "rpc": listing.rpc,
        "outcome": _OUTCOME[listing.outcome],
        "rules": listing.rule_ids,
        "unit": _UNITS.get(listing.city_unit, ""),
        "pack": listing.policy_pack,
        "bundle": listing.bundle_revision,
        "as_of": as_of.isoformat(),
        "needs_verification": needs_verification,
        "sealed": sealed,
    }
    own = ("id", "time", "caller", "trace", "basis")
    return Form({**fields, **{name: hole(name) for name in own}})


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
        return self.opinion.serialized + nested(_ID, self.decision_id.encode()) + _when(self.basis, self.time)


@lru_cache(maxsize=16)
def _when(basis: decision_pb2.Basis.ValueType, time: datetime) -> bytes:
    """Return basis and time of a decision, serialised; items of a batch that are decided together have them in common."""
    own = decision_pb2.Decision(basis=basis)
    own.decision_time.seconds = int(time.timestamp())
    own.decision_time.nanos = time.microsecond * 1000
    return own.SerializeToString()


def decision_record(call: AnsweredCall, decision: bytes, sealer: Sealer) -> Record:
    """Return the record of a call and its serialised decision, its sealed part sealed under a fresh key."""
    sealed = sealer.seal(nested(_REQUEST, call.request) + nested(_DECISION, decision), call.decision_id)
    nonce, data = sealed.texts()
    texts = {
        b"id": call.decision_id.encode(),
        b"time": timestamp(call.time).encode(),
        b"caller": call.caller.encode(),
        b"trace": call.trace_id.encode(),
        b"basis": _BASIS[call.basis].encode(),
        b"nonce": nonce,
        b"data": data,
    }
    body = call.opinion.form.fill(texts)
    return Record(
        call.decision_id,
        DECISION,
        call.time,
        body,
        checked_hash(body),
        call.opinion.listing,
        (call.decision_id, sealed.wrapped_key),
        tuple([sealer.reference(kind, value) for kind, value in call.references]),
        call.idempotency,
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
