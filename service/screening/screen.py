"""The two use cases, top to bottom: what happens between a question and its answer.

    question -> who is named -> what the words say -> what the law says of each part -> the whole answer -> the record

`decide_employment` and `decide_information_request` are pure: the same question, bundle and day give the same answer.
`Screen` adds what only the running service has: an id, the time, and the decision log, whose record is durable before
anything is answered.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from itertools import chain
from typing import Literal, NamedTuple

from city.screening.v1 import decision_pb2, screening_service_pb2

from screening import answer
from screening.bundle import Bundle
from screening.decisionlog.decision_record import (
    AnsweredCall,
    Opinion,
    decision_record,
    decisive,
    open_decision,
    opinion,
)
from screening.decisionlog.port import Appended, DecisionLog, Stored
from screening.decisionlog.receipt import Receipts
from screening.decisionlog.record import MOST_BYTES, Idempotency, Record
from screening.decisionlog.seal import Sealer
from screening.errors import BundleTooLow, CallError, InvalidField, RecordTooLong, RequestIdReused, Violation
from screening.facts import Facts, Item, Reading
from screening.names.resolution import NO_NAME, Resolution
from screening.policy.evaluate import Docket, Part, strictest
from screening.policy.law import Law, Pack
from screening.policy.program import Codes
from screening.reading import employment, information_request
from screening.reading.items import items
from screening.reading.lexicon import Found
from screening.wire import nested

Decision = decision_pb2.Decision
EmploymentRequest = screening_service_pb2.ScreenEmploymentRequest
InformationRequest = screening_service_pb2.ScreenInformationRequestRequest
Request = EmploymentRequest | InformationRequest

REFERENCES: Mapping[type[Request], tuple[Literal["employee_ref", "person_ref", "case_ref"], ...]] = {
    EmploymentRequest: ("employee_ref", "case_ref"),
    InformationRequest: ("person_ref", "case_ref"),
}
"""The fields of a request that refer to a person or a case."""

_TRACE_ID, _RECEIPT = (Decision.DESCRIPTOR.fields_by_name[name].number for name in ("trace_id", "receipt"))

_TOO_LONG = Violation("facts", f"must fit, with the answer, into a record of {MOST_BYTES:,} bytes: shorten free text")

TURN = 32
"""How many items of a batch are worked on before other calls get their turn, and a caller that gave up is noticed."""

APPENDED_TOGETHER = 256
"""How many records of a batch are handed to the log at once."""

Mark = Callable[[str], None]
"""Told the name of each stage when it ends; the tracer takes the time."""


class Asked(NamedTuple):
    """A question that was checked: every default is filled in and every fact is of its type."""

    request: Request
    facts_hash: bytes
    """SHA-256 of the request's kind and of its facts in their deterministic form."""
    as_of: date
    basis: decision_pb2.Basis.ValueType
    rpc: str
    caller: str
    trace_id: str


class Drawn(NamedTuple):
    """An answer that is drawn up but not recorded yet."""

    asked: Asked
    opinion: Opinion
    serialized: bytes
    """The decision as it is recorded: without trace id and receipt."""
    record: Record


class Answer(NamedTuple):
    """An answer whose record is durable."""

    decision_id: str
    decision: Decision
    """What was decided; may be shared by those who asked the same, and lack what is theirs. Not to be changed."""
    rules: tuple[str, ...]
    """The ids of the rules that decided."""
    serialized: bytes
    """The whole decision, as the caller gets it."""


class Screen:
    """Answers questions and keeps the record."""

    def __init__(  # what a running service has and a pure function has not
        self,
        *,
        bundle: Callable[[], Bundle],
        log: DecisionLog,
        sealer: Sealer,
        clock: Callable[[], datetime],
        new_id: Callable[[datetime], str],
        receipts: Receipts,
    ) -> None:
        self._bundle = bundle
        self._log = log
        self._sealer = sealer
        self._clock = clock
        self._new_id = new_id
        self._receipts = receipts

    async def answer(self, asked: Asked, mark: Mark) -> Answer:
        """Answer one question; its record is durable before this returns.

        Raises RequestIdReused, LogUnavailable, InvalidField, BundleTooLow.
        """
        idempotency = self._idempotency(asked)
        if idempotency and (earlier := await self._log.find_request(idempotency)):
            return self._first_answer(*earlier)
        drawn = self._draw(asked, self._bundle(), self._clock(), idempotency, mark)
        (appended,) = await self._log.append([drawn.record])
        mark("log.append")
        return self._receipted(drawn, appended)

    async def answer_all(self, questions: Sequence[Asked], mark: Mark) -> list[Answer | Exception]:
        """Answer several questions under one law; each succeeds or fails by itself.

        The first records go to the disk while the next are made. Raises LogUnavailable.
        """
        bundle = self._bundle()
        drawn: list[Drawn | Exception] = []
        appends: list[asyncio.Task[list[Appended]]] = []
        for start in range(0, len(questions), APPENDED_TOGETHER):
            made = await self._draw_all(questions[start : start + APPENDED_TOGETHER], bundle)
            records = [each.record for each in made if isinstance(each, Drawn)]
            appends.append(asyncio.create_task(self._log.append(records)))
            drawn += made
        mark("record.seal")
        appended = chain.from_iterable(await asyncio.gather(*appends))
        mark("log.append")
        return [self._outcome(each, next(appended)) if isinstance(each, Drawn) else each for each in drawn]

    async def _draw_all(self, questions: Sequence[Asked], bundle: Bundle) -> list[Drawn | Exception]:
        """Draw answers up in turns; those of one turn bear one time."""
        drawn: list[Drawn | Exception] = []
        for start in range(0, len(questions), TURN):
            await asyncio.sleep(0)
            time = self._clock()
            drawn += [self._try_to_draw(asked, bundle, time) for asked in questions[start : start + TURN]]
        return drawn

    def _try_to_draw(self, asked: Asked, bundle: Bundle, time: datetime) -> Drawn | Exception:
        try:
            return self._draw(asked, bundle, time, self._idempotency(asked), _ignore)
        except CallError as error:
            return error

    def _outcome(self, drawn: Drawn, appended: Appended) -> Answer | Exception:
        try:
            return self._receipted(drawn, appended)
        except RequestIdReused as error:
            return error

    def _draw(self, asked: Asked, bundle: Bundle, time: datetime, idempotency: Idempotency | None, mark: Mark) -> Drawn:
        request = asked.request
        if request.min_bundle_serial > bundle.serial:
            raise BundleTooLow(bundle.serial, request.min_bundle_serial)
        call = AnsweredCall(
            opinion=form_opinion(asked, bundle, mark),
            decision_id=self._new_id(time),
            time=time,
            basis=asked.basis,
            caller=asked.caller,
            trace_id=asked.trace_id,
            request=request.SerializeToString(),
            references=_references(request),
            idempotency=idempotency,
        )
        decision = call.decision()
        try:
            record = decision_record(call, decision, self._sealer)
        except RecordTooLong:
            raise InvalidField(_TOO_LONG) from None
        mark("record.seal")
        return Drawn(asked, call.opinion, decision, record)

    def _idempotency(self, asked: Asked) -> Idempotency | None:
        if not asked.request.request_id:
            return None
        body = asked.request.SerializeToString(deterministic=True)
        key = self._sealer.reference("request_id", asked.request.request_id)
        return Idempotency(asked.caller, key, self._sealer.reference("body", asked.rpc.encode() + b"\x00" + body))

    def _receipted(self, drawn: Drawn, appended: Appended) -> Answer:
        if appended.earlier:
            return self._first_answer(appended.earlier, appended.same_body)
        proof = nested(_TRACE_ID, drawn.asked.trace_id.encode()) + nested(_RECEIPT, self._receipts.serialized(appended))
        whole = drawn.serialized + proof
        return Answer(drawn.record.id, drawn.opinion.decision, drawn.opinion.listing.rule_ids, whole)

    def _first_answer(self, stored: Stored, same_body: bool) -> Answer:  # noqa: FBT001  # passed on
        if not same_body:
            raise RequestIdReused
        decision = open_decision(stored, self._sealer)
        self._receipts.add(decision, stored)
        return Answer(decision.decision_id, decision, decisive(decision), decision.SerializeToString())


def request_type(rpc: str) -> type[Request]:
    """Return the message that an RPC, as its short name stands in a record, puts one question in."""
    return EmploymentRequest if rpc.endswith("Employment") else InformationRequest


def form_opinion(asked: Asked, bundle: Bundle, mark: Mark) -> Opinion:
    """Decide one question, or recall what was decided when the same was asked. Raises InvalidField for an unknown pack."""
    request = asked.request

    def form() -> Opinion:
        decision = decide(request, bundle, asked.as_of, mark)
        return opinion(asked.rpc, decision, getattr(request.facts, "city_unit", 0))

    key = (request.policy_pack, asked.as_of, asked.facts_hash)
    if key in bundle.opinions:
        mark("opinion.recall")
    found: Opinion = bundle.opinions.recall(key, form)
    return found


def decide(request: Request, bundle: Bundle, as_of: date, mark: Mark) -> Decision:
    """Decide one question, without id, time and record. Raises InvalidField for an unknown pack."""
    if isinstance(request, EmploymentRequest):
        return decide_employment(request, bundle, as_of, mark)
    return decide_information_request(request, bundle, as_of, mark)


def decide_employment(request: EmploymentRequest, bundle: Bundle, as_of: date, mark: Mark) -> Decision:
    """Decide whether outside work is barred or needs approval."""
    return _apply_law(employment_question(request, bundle, as_of, mark), bundle, mark)


def decide_information_request(request: InformationRequest, bundle: Bundle, as_of: date, mark: Mark) -> Decision:
    """Decide which parts of an outside request may be honoured, and with which duties."""
    return _apply_law(information_question(request, bundle, as_of, mark), bundle, mark)


class Question(NamedTuple):
    """What is put to the law: facts, the ways to read them, and the parts to answer."""

    subject: str
    facts: Facts
    readings: Sequence[Reading]
    parts: Sequence[Item]
    as_of: date
    pack: str
    named: Resolution
    found: Mapping[str, Found]
    """What was read in free text, by reading."""

    def heard(self, docket: Docket) -> tuple[tuple[Codes, ...], tuple[Part, ...]]:
        """Return what the law reads: the truth codes of each reading, and each part."""
        codes = tuple(docket.codes(self.facts, reading) for reading in self.readings)
        return codes, tuple(docket.part(item) for item in self.parts)


def employment_question(request: EmploymentRequest, bundle: Bundle, as_of: date, mark: Mark) -> Question:
    """Find out who the employer is and what the words say."""
    employer = bundle.names.resolve(request.facts.employer_name, as_of)
    mark("names.resolve")
    readings, found = employment.read(request.facts, bundle.lexicon, employer.entity, near_miss=employer.near_miss)
    mark("words.read")
    return Question("employment", request.facts, readings, [Item()], as_of, request.policy_pack, employer, found)


def information_question(request: InformationRequest, bundle: Bundle, as_of: date, mark: Mark) -> Question:
    """Find out who asks, what the words say, and what the parts are."""
    facts = request.facts
    requester = bundle.names.resolve(facts.requester_name, as_of) if facts.requester_name else NO_NAME
    mark("names.resolve")
    readings, found = information_request.read(
        facts, bundle.lexicon, requester.entity, near_miss=requester.near_miss, as_of=as_of
    )
    parts = items(facts, readings[0], bundle.lexicon)
    mark("words.read")
    return Question("information_request", facts, readings, parts, as_of, request.policy_pack, requester, found)


def question(request: Request, bundle: Bundle, as_of: date) -> Question:
    """Return what a request puts to the law."""
    if isinstance(request, EmploymentRequest):
        return employment_question(request, bundle, as_of, _ignore)
    return information_question(request, bundle, as_of, _ignore)


def _apply_law(question: Question, bundle: Bundle, mark: Mark) -> Decision:
    pack = pack_of(bundle, question.pack)
    docket = pack.in_force(question.subject, question.as_of).docket(question.facts)
    codes, parts = question.heard(docket)
    decision = Decision()
    decision.CopyFrom(bundle.said.recall((docket, codes, parts), lambda: _say(docket, codes, parts, bundle.law)))
    answer.add_readings(decision, question.found)
    if question.named is not NO_NAME:
        answer.add_resolution(decision, question.named)
    as_of = decision.as_of
    as_of.year, as_of.month, as_of.day = question.as_of.year, question.as_of.month, question.as_of.day
    decision.policy_pack = pack.id
    decision.bundle_revision = bundle.revision
    decision.bundle_serial = bundle.serial
    mark("law.evaluate")
    return decision


def _say(docket: Docket, codes: Sequence[Codes], parts: tuple[Part, ...], law: Law) -> Decision:
    """Return what the law says, given the truth codes of each reading and part, and nothing else."""
    findings = [strictest([docket.finding(code, part) for code in codes]) for part in parts]
    decision = answer.compose([category for category, _ in parts], findings, law)
    duties = {
        token: duty for code in codes for token, duty in docket.obligations(code, parts, decision.outcome).items()
    }
    answer.add_obligations(decision, findings, duties, law)
    answer.add_coming(decision, [docket.coming(code, part) for code in codes for part in parts])
    return decision


def pack_of(bundle: Bundle, name: str) -> Pack:
    """Return a pack by name. Raises InvalidField for an unknown one."""
    try:
        return bundle.law.packs[name]
    except KeyError:
        raise InvalidField(Violation("policy_pack", "must name a pack of the service")) from None


def _references(request: Request) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name in REFERENCES[type(request)] if (value := getattr(request, name)))


def _ignore(stage: str) -> None:
    """Take no time."""
