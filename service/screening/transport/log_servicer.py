"""DecisionLogService: reads recorded decisions, for each caller those that its line in the callers file lets it read.

A proof of inclusion shows a record to whoever has its receipt. Whoever is shown a decision, or what stands open of it,
is recorded; checkpoints and proofs of consistency show none.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from city.screening.v1 import decision_log_service_pb2, decision_pb2, information_request_facts_pb2

from screening.callers import UNITS, Caller, Records
from screening.decisionlog import receipt
from screening.decisionlog.decision_record import Erased, open_decision
from screening.decisionlog.merkle import HASH_BYTES
from screening.decisionlog.port import DecisionLog, Filter, Stored
from screening.decisionlog.reading import reading
from screening.decisionlog.receipt import NotIntegrated, Receipts
from screening.decisionlog.record import Json
from screening.decisionlog.seal import Sealer
from screening.errors import DecisionNotFound, InvalidField, NotAllowed, NotYetIntegrated, Violation
from screening.transport import convert
from screening.transport.call import Call

SERVICE = "city.screening.v1.DecisionLogService"
DEFAULT_PAGE, LARGEST_PAGE = 100, 1_000
LARGEST_INDEX = 2**63 - 1
MOST_LOOKS = 10
"""Pages that one listing reads at most in search of decisions that the caller may read."""
_TOKEN_BYTES = 16
_RULE = re.compile(r"[a-z0-9_]{1,64}\.[a-z0-9_]{1,64}")
"""What may stand in the record of a reading as a rule's id; anything else a caller might have put a name into."""

_pb = decision_log_service_pb2


class DecisionLogServicer:
    """The reading surface."""

    def __init__(
        self,
        log: DecisionLog,
        sealer: Sealer,
        receipts: Receipts,
        clock: Callable[[], datetime],
        new_id: Callable[[datetime], str],
    ) -> None:
        self._log = log
        self._sealer = sealer
        self._receipts = receipts
        self._clock = clock
        self._new_id = new_id

    async def get_decision(self, call: Call, body: bytes) -> bytes:
        """Answer GetDecision."""
        request = convert.parse(_pb.GetDecisionRequest, body)
        if not request.decision_id:
            raise InvalidField(Violation("decision_id", "is required"))
        stored = await self._log.find_decision(request.decision_id)
        call.trace.mark("log.read")
        if stored is None:
            raise DecisionNotFound
        if not may_read(call.caller, stored):
            raise NotAllowed("record")
        try:
            decision = open_decision(stored, self._sealer)
        except Erased:
            raise DecisionNotFound from None
        await self._record(call, [decision.decision_id])
        self._receipts.add(decision, stored)
        return _pb.GetDecisionResponse(decision=decision).SerializeToString()

    async def list_decisions(self, call: Call, body: bytes) -> bytes:
        """Answer ListDecisions."""
        request = convert.parse(_pb.ListDecisionsRequest, body)
        size, chosen = _checked(request)
        found, before = await self._readable(call.caller, chosen, size)
        call.trace.mark("log.read")
        summaries = [self._summary(stored) for stored in found]
        await self._record(call, [each.decision_id for each in summaries], _asked(request))
        reply = _pb.ListDecisionsResponse(decisions=summaries)
        if before is not None:
            reply.next_page_token = _token(request, before)
        return reply.SerializeToString()

    async def _readable(self, caller: Caller, chosen: Filter, wanted: int) -> tuple[list[Stored], int | None]:
        """Return up to `wanted` decisions that the caller may read, newest first, and the place before which to go on.

        None: there are no more. A caller who may read few of many gets short pages, so that no page costs without bound.
        """
        look = wanted + 1 if caller.records is Records.ALL else LARGEST_PAGE
        found: list[Stored] = []
        for _ in range(MOST_LOOKS):
            seen = await self._log.list_decisions(chosen, look)
            for stored in seen:
                if len(found) == wanted:
                    return found, stored.index + 1
                if may_read(caller, stored):
                    found.append(stored)
            if len(seen) < look:
                return found, None
            chosen = replace(chosen, before_index=seen[-1].index)
        return found, chosen.before_index

    async def get_inclusion_proof(self, call: Call, body: bytes) -> bytes:
        """Answer GetInclusionProof."""
        request = convert.parse(_pb.GetInclusionProofRequest, body)
        if len(request.leaf_hash) != HASH_BYTES or request.log_index > LARGEST_INDEX:
            raise InvalidField(Violation("leaf_hash", "must be the 32 bytes of the receipt, with its log_index"))
        try:
            proof = await receipt.prove_inclusion(self._log, request.log_index, request.leaf_hash)
        except NotIntegrated:
            raise NotYetIntegrated from None
        call.trace.mark("log.read")
        if proof is None:
            raise DecisionNotFound
        await self._record(call, [json.loads(proof.record)["id"]])
        reply = _pb.GetInclusionProofResponse()
        reply.proof.log_index, reply.proof.record, reply.proof.checkpoint = proof.index, proof.record, proof.checkpoint
        reply.proof.hashes.extend(proof.hashes)
        return reply.SerializeToString()

    async def get_checkpoint(self, call: Call, body: bytes) -> bytes:
        """Answer GetCheckpoint."""
        convert.parse(_pb.GetCheckpointRequest, body)
        checkpoint = await self._log.checkpoint()
        call.trace.mark("log.read")
        if checkpoint is None:
            raise NotYetIntegrated
        return _pb.GetCheckpointResponse(checkpoint=checkpoint.note).SerializeToString()

    async def get_consistency_proof(self, call: Call, body: bytes) -> bytes:
        """Answer GetConsistencyProof."""
        request = convert.parse(_pb.GetConsistencyProofRequest, body)
        if not 0 < request.first_size <= LARGEST_INDEX:
            raise InvalidField(Violation("first_size", "must be the size of an earlier checkpoint, at least 1"))
        try:
            hashes, checkpoint = await receipt.prove_consistency(self._log, request.first_size)
        except NotIntegrated:
            raise NotYetIntegrated from None
        call.trace.mark("log.read")
        return _pb.GetConsistencyProofResponse(hashes=hashes, checkpoint=checkpoint.note).SerializeToString()

    async def _record(self, call: Call, decisions: Sequence[str], asked: Mapping[str, Json] | None = None) -> None:
        """Record who reads what, durably, before it is shown. Raises LogUnavailable."""
        now = self._clock()
        record = reading(
            self._new_id(now),
            now,
            caller=call.caller.name,
            rpc=call.rpc,
            trace=call.trace.hex_id,
            decisions=decisions,
            asked=asked,
        )
        await self._log.append([record])
        call.trace.mark("log.append")

    def _summary(self, stored: Stored) -> decision_log_service_pb2.DecisionSummary:
        fields = json.loads(stored.canonical)
        summary = _pb.DecisionSummary(
            decision_id=fields["id"],
            rpc=fields["rpc"],
            outcome=decision_pb2.Outcome.Value(f"OUTCOME_{fields['outcome']}"),
            rule_ids=fields["rules"],
            policy_pack=fields["pack"],
            bundle_revision=fields["bundle"],
        )
        if fields["unit"]:
            summary.city_unit = information_request_facts_pb2.CityUnit.Value(f"CITY_UNIT_{fields['unit']}")
        summary.decision_time.FromDatetime(datetime.fromisoformat(fields["time"]))
        summary.receipt.CopyFrom(self._receipts.of(stored))
        return summary


def _asked(request: decision_log_service_pb2.ListDecisionsRequest) -> dict[str, Json]:
    """Return what narrowed a listing, each as text; a rule's id only if it has the form of one."""
    asked: dict[str, Json] = {
        name: getattr(request, name).ToJsonString() for name in ("start_time", "end_time") if request.HasField(name)
    }
    if request.HasField("outcome"):
        asked["outcome"] = decision_pb2.Outcome.Name(request.outcome).removeprefix("OUTCOME_")
    if request.HasField("city_unit"):
        unit = information_request_facts_pb2.CityUnit.Name(request.city_unit)
        asked["unit"] = unit.removeprefix("CITY_UNIT_")
    if request.HasField("rule_id"):
        asked["rule"] = request.rule_id if _RULE.fullmatch(request.rule_id) else "unknown"
    return asked


def may_read(caller: Caller, stored: Stored) -> bool:
    """Say whether a caller may read a decision."""
    if caller.records is Records.ALL:
        return True
    fields = json.loads(stored.canonical)
    return caller.may_read(asked_by=fields["caller"], unit=UNITS.get(fields["unit"] or "", 0))


def _checked(request: decision_log_service_pb2.ListDecisionsRequest) -> tuple[int, Filter]:
    violations = []
    if not 0 <= request.page_size <= LARGEST_PAGE:
        violations.append(Violation("page_size", f"must be from 0 to {LARGEST_PAGE}"))
    if request.HasField("outcome") and request.outcome not in decision_pb2.Outcome.values()[1:]:
        violations.append(Violation("outcome", "must be a value of Outcome, and not the unspecified one"))
    units = information_request_facts_pb2.CityUnit.values()[1:]
    if request.HasField("city_unit") and request.city_unit not in units:
        violations.append(Violation("city_unit", "must be a value of CityUnit, and not the unspecified one"))
    before = _before(request)
    if request.page_token and before is None:
        violations.append(Violation("page_token", "must be the token of the page before, with the same filters"))
    times = {name: _time(request, name) for name in ("start_time", "end_time") if request.HasField(name)}
    violations += [Violation(name, "must be a valid time") for name, time in times.items() if time is None]
    if violations:
        raise InvalidField(*violations)
    return request.page_size or DEFAULT_PAGE, Filter(
        start_time=times.get("start_time"),
        end_time=times.get("end_time"),
        outcome=request.outcome if request.HasField("outcome") else None,
        rule_id=request.rule_id if request.HasField("rule_id") else None,
        city_unit=request.city_unit if request.HasField("city_unit") else None,
        before_index=before,
    )


def _time(request: decision_log_service_pb2.ListDecisionsRequest, name: str) -> datetime | None:
    try:
        time: datetime = getattr(request, name).ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return time


def _token(request: decision_log_service_pb2.ListDecisionsRequest, index: int) -> str:
    return base64.urlsafe_b64encode(index.to_bytes(8, "big") + _filters(request)).decode().rstrip("=")


def _before(request: decision_log_service_pb2.ListDecisionsRequest) -> int | None:
    """Return the index in a page token; None if there is no token or it is not one for these filters."""
    try:
        data = base64.urlsafe_b64decode(request.page_token + "=" * (-len(request.page_token) % 4))
    except ValueError:
        return None
    return int.from_bytes(data[:8], "big") if len(data) == _TOKEN_BYTES and data[8:] == _filters(request) else None


def _filters(request: decision_log_service_pb2.ListDecisionsRequest) -> bytes:
    same = _pb.ListDecisionsRequest()
    same.CopyFrom(request)
    same.ClearField("page_token")
    same.ClearField("page_size")
    return hashlib.sha256(same.SerializeToString(deterministic=True)).digest()[:8]
