"""The two use cases, top to bottom: what happens between a question and its answer.

    question -> who is named -> what the words say -> what the law says of each part -> the whole answer -> the record

`decide_*` is pure: the same question, bundle and day give the same answer. `Screen` adds what only the running service
has: the day, an id, and the decision log, whose record is durable before anything is answered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from city.screening.v1 import decision_pb2, screening_service_pb2

from screening import answer
from screening.bundle import Bundle
from screening.errors import InvalidField, Violation
from screening.facts import Facts, Item, Reading
from screening.names.match import NO_NAME, Resolution
from screening.policy.combine import stricter
from screening.policy.evaluate import Finding
from screening.policy.law import Pack
from screening.reading import employment, information_request
from screening.reading.items import items
from screening.reading.lexicon import Found

Decision = decision_pb2.Decision


def decide_employment(
    request: screening_service_pb2.ScreenEmploymentRequest, bundle: Bundle, as_of: date
) -> Decision:
    """Decide one employment question, without id, time and record. Raises InvalidField for an unknown pack."""
    employer = bundle.names.resolve(request.facts.employer_name)
    readings, found = employment.read(
        request.facts, bundle.lexicon, employer.entity, near_miss=employer.near_miss
    )
    question = Question("employment", request.facts, readings, [Item()], as_of, request.policy_pack)
    return _answer(question, bundle, employer, found)


def decide_information_request(
    request: screening_service_pb2.ScreenInformationRequestRequest, bundle: Bundle, as_of: date
) -> Decision:
    """Decide one information request, without id, time and record. Raises InvalidField for an unknown pack."""
    facts = request.facts
    requester = bundle.names.resolve(facts.requester_name) if facts.requester_name else NO_NAME
    readings, found = information_request.read(
        facts, bundle.lexicon, requester.entity, near_miss=requester.near_miss, as_of=as_of
    )
    parts = items(facts, readings[0])
    question = Question("information_request", facts, readings, parts, as_of, request.policy_pack)
    return _answer(question, bundle, requester, found)


@dataclass(frozen=True)
class Question:
    """What is put to the law: facts, the ways to read them, and the parts to answer."""

    subject: str
    facts: Facts
    readings: Sequence[Reading]
    parts: Sequence[Item]
    as_of: date
    pack: str


def _answer(question: Question, bundle: Bundle, named: Resolution, found: Mapping[str, Found]) -> Decision:
    pack = _pack(bundle, question.pack)
    docket = pack.in_force(question.subject, question.as_of).docket(question.facts)
    codes = [docket.codes(question.facts, reading) for reading in question.readings]
    findings = [_strictest([docket.finding(code, part) for code in codes]) for part in question.parts]
    decision = answer.compose(question.parts, findings, bundle.law)
    obligations = {token: duty for code in codes for duty, token in docket.obligations(code, question.parts, decision.outcome)}
    answer.add_obligations(decision, findings, obligations, bundle.law)
    answer.add_readings(decision, found)
    if named is not NO_NAME:
        answer.add_resolution(decision, named)
    decision.as_of.year, decision.as_of.month, decision.as_of.day = question.as_of.timetuple()[:3]
    decision.policy_pack = pack.id
    decision.bundle_revision = bundle.revision
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
