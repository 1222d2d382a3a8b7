"""The two use cases, top to bottom: what happens between a question and its answer.

    question -> who is named -> what the words say -> what the law says of each part -> the whole answer -> the record

`decide_employment` and `decide_information_request` are pure: the same question, bundle and day give the same answer.
`Screen` adds what only the running service has: an id, the time, and the decision log, whose record is durable before
anything is answered.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from city.screening.v1 import decision_pb2, information_request_facts_pb2, screening_service_pb2

from screening import answer
from screening.bundle import Bundle
from screening.decisionlog.decision_record import AnsweredCall, add_receipt, decision_record, open_decision
from screening.decisionlog.port import Appended, DecisionLog, Stored
from screening.decisionlog.record import Idempotency, Record
from screening.decisionlog.seal import Sealer
from screening.errors import BundleTooLow, CallError, InvalidField, RequestIdReused, Violation
from screening.facts import Facts, Item, Reading
from screening.names.match import NO_NAME, Resolution
from screening.policy.combine import stricter
from screening.policy.evaluate import Finding
from screening.policy.law import Pack
from screening.reading import employment, information_request
from screening.reading.items import items
from screening.reading.lexicon import Found

Decision = decision_pb2.Decision
EmploymentRequest = screening_service_pb2.ScreenEmploymentRequest
InformationRequest = screening_service_pb2.ScreenInformationRequestRequest
Request = EmploymentRequest | InformationRequest

Mark = Callable[[str], None]
"""Told the name of each stage when it ends; the tracer takes the time."""


@dataclass(frozen=True)
class Asked:
    """A question that was checked: every default is filled in and every fact is of its type."""

    request: Request
    as_of: date
    basis: decision_pb2.Basis.ValueType
    rpc: str
    caller: str
    trace_id: str


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
        origin: str,
    ) -> None:
        self._bundle = bundle
        self._log = log
        self._sealer = sealer
        self._clock = clock
        self._new_id = new_id
        self._origin = origin

    async def answer(self, asked: Asked, mark: Mark) -> Decision:
        """Answer one question; its record is durable before this returns.

        Raises RequestIdReused, LogUnavailable, InvalidField, BundleTooLow.
        """
        idempotency = self._idempotency(asked)
        if idempotency and (earlier := await self._log.find_request(idempotency)):
            return self._first_answer(*earlier)
        decision, record = self._decide(asked, idempotency, mark)
        (appended,) = await self._log.append([record])
        mark("log.append")
        return self._receipted(asked, decision, appended)

    async def answer_all(self, questions: Sequence[Asked], mark: Mark) -> list[Decision | Exception]:
        """Answer several questions with one append; each succeeds or fails by itself. Raises LogUnavailable."""
        answers: list[Decision | Exception] = []
        pending: list[tuple[int, Asked, Decision, Record]] = []
        for position, asked in enumerate(questions):
            try:
                idempotency = self._idempotency(asked)
                decision, record = self._decide(asked, idempotency, _ignore)
                pending.append((position, asked, decision, record))
                answers.append(decision)
            except CallError as error:
                answers.append(error)
        mark("law.evaluate")
        appended = await self._log.append([record for *_, record in pending])
        for (position, asked, decision, _), outcome in zip(pending, appended, strict=True):
            try:
                answers[position] = self._receipted(asked, decision, outcome)
            except RequestIdReused as error:
                answers[position] = error
        mark("log.append")
        return answers

    def _decide(self, asked: Asked, idempotency: Idempotency | None, mark: Mark) -> tuple[Decision, Record]:
        time = self._clock()
        bundle = self._bundle()
        if asked.request.min_bundle_serial > bundle.serial:
            raise BundleTooLow(bundle.serial, asked.request.min_bundle_serial)
        decision = decide(asked.request, bundle, asked.as_of, mark)
        decision.decision_id = self._new_id(time)
        decision.decision_time.FromDatetime(time)
        decision.basis = asked.basis
        unit: int = getattr(asked.request.facts, "city_unit", 0)
        call = AnsweredCall(
            rpc=asked.rpc,
            caller=asked.caller,
            trace_id=asked.trace_id,
            request=asked.request.SerializeToString(),
            decision=decision,
            time=time,
            city_unit=unit,
            city_unit_name=_UNITS.get(unit, ""),
            references=_references(asked.request),
            idempotency=idempotency,
        )
        record = decision_record(call, self._sealer)
        mark("record.seal")
        return decision, record

    def _idempotency(self, asked: Asked) -> Idempotency | None:
        if not asked.request.request_id:
            return None
        body = asked.request.SerializeToString(deterministic=True)
        key = self._sealer.reference("request_id", asked.request.request_id)
        return Idempotency(asked.caller, key, self._sealer.reference("body", asked.rpc.encode() + b"\x00" + body))

    def _receipted(self, asked: Asked, decision: Decision, appended: Appended) -> Decision:
        if appended.earlier:
            return self._first_answer(appended.earlier, appended.same_body)
        decision.trace_id = asked.trace_id
        add_receipt(decision, appended, self._origin)
        return decision

    def _first_answer(self, stored: Stored, same_body: bool) -> Decision:  # noqa: FBT001  # passed on as it comes
        if not same_body:
            raise RequestIdReused
        decision = open_decision(stored, self._sealer)
        add_receipt(decision, stored, self._origin)
        return decision


def decide(request: Request, bundle: Bundle, as_of: date, mark: Mark) -> Decision:
    """Decide one question, without id, time and record. Raises InvalidField for an unknown pack."""
    if isinstance(request, EmploymentRequest):
        return decide_employment(request, bundle, as_of, mark)
    return decide_information_request(request, bundle, as_of, mark)


def decide_employment(request: EmploymentRequest, bundle: Bundle, as_of: date, mark: Mark) -> Decision:
    """Decide whether outside work is barred or needs approval."""
    employer = bundle.names.resolve(request.facts.employer_name)
    mark("names.resolve")
    readings, found = employment.read(request.facts, bundle.lexicon, employer.entity, near_miss=employer.near_miss)
    mark("words.read")
    question = Question("employment", request.facts, readings, [Item()], as_of, request.policy_pack)
    return _apply_law(question, bundle, employer, found, mark)


def decide_information_request(request: InformationRequest, bundle: Bundle, as_of: date, mark: Mark) -> Decision:
    """Decide which parts of an outside request may be honoured, and with which duties."""
    facts = request.facts
    requester = bundle.names.resolve(facts.requester_name) if facts.requester_name else NO_NAME
    mark("names.resolve")
    readings, found = information_request.read(
        facts, bundle.lexicon, requester.entity, near_miss=requester.near_miss, as_of=as_of
    )
    parts = items(facts, readings[0], bundle.lexicon)
    mark("words.read")
    question = Question("information_request", facts, readings, parts, as_of, request.policy_pack)
    return _apply_law(question, bundle, requester, found, mark)


@dataclass(frozen=True)
class Question:
    """What is put to the law: facts, the ways to read them, and the parts to answer."""

    subject: str
    facts: Facts
    readings: Sequence[Reading]
    parts: Sequence[Item]
    as_of: date
    pack: str


def _apply_law(
    question: Question, bundle: Bundle, named: Resolution, found: Mapping[str, Found], mark: Mark
) -> Decision:
    pack = _pack(bundle, question.pack)
    docket = pack.in_force(question.subject, question.as_of).docket(question.facts)
    codes = [docket.codes(question.facts, reading) for reading in question.readings]
    parts = tuple(docket.part(item) for item in question.parts)
    findings = [_strictest([docket.finding(code, part) for code in codes]) for part in parts]
    decision = answer.compose(question.parts, findings, bundle.law)
    duties = {
        token: duty for code in codes for token, duty in docket.obligations(code, parts, decision.outcome).items()
    }
    answer.add_obligations(decision, findings, duties, bundle.law)
    answer.add_coming(decision, [docket.coming(code, part) for code in codes for part in parts])
    answer.add_readings(decision, found)
    if named is not NO_NAME:
        answer.add_resolution(decision, named)
    decision.as_of.year, decision.as_of.month, decision.as_of.day = question.as_of.timetuple()[:3]
    decision.policy_pack = pack.id
    decision.bundle_revision = bundle.revision
    decision.bundle_serial = bundle.serial
    mark("law.evaluate")
    return decision


def _strictest(findings: Sequence[Finding]) -> Finding:
    """Return the finding of the strictest reading of one part."""
    chosen = findings[0]
    for finding in findings[1:]:
        if stricter(chosen.ruling, finding.ruling) is not chosen.ruling:
            chosen = finding
    return chosen


def _pack(bundle: Bundle, name: str) -> Pack:
    try:
        return bundle.law.packs[name]
    except KeyError:
        raise InvalidField(Violation("policy_pack", "must name a pack of the service")) from None


def _references(request: Request) -> tuple[tuple[str, str], ...]:
    names = ("employee_ref", "case_ref") if isinstance(request, EmploymentRequest) else ("person_ref", "case_ref")
    return tuple((name, value) for name in names if (value := getattr(request, name)))


def _ignore(stage: str) -> None:
    """Take no time."""


_UNITS: dict[int, str] = {
    number: name.removeprefix("CITY_UNIT_") for name, number in information_request_facts_pb2.CityUnit.items() if number
}
