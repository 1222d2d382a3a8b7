"""From rulings to the words of an answer: reasons, releases, obligations, missing facts, and what was read."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from city.screening.v1 import decision_pb2

from screening.names.resolution import Resolution
from screening.policy.combine import whole
from screening.policy.evaluate import Finding
from screening.policy.law import Law
from screening.policy.rule import Duty, Rule
from screening.reading.lexicon import Found

Decision = decision_pb2.Decision
UNVERIFIED = (decision_pb2.PROVENANCE_SECONDARY, decision_pb2.PROVENANCE_MEMORY)

NO_RULE = decision_pb2.Reason(
    rule_id="no_rule",
    citation="Law map, section 12, ruling 54",
    summary="No rule in force says what holds for this unit, request and day, so a person decides.",
    provenance=decision_pb2.PROVENANCE_MEMORY,
    outcome=decision_pb2.OUTCOME_REVIEW,
    decisive=True,
)

MISSING_FACTS = decision_pb2.Reason(
    rule_id="missing_facts",
    citation="Law map, section 12, ruling 47",
    summary="What is known could lead to different answers, so the missing facts must be found out first.",
    provenance=decision_pb2.PROVENANCE_MEMORY,
    outcome=decision_pb2.OUTCOME_REVIEW,
    decisive=True,
)

ASKS = {
    "reading.employer_kind": "facts.employer_kind",
    "reading.requester_agency": "facts.requester_agency",
    "reading.customer": "facts.known_customer",
    "reading.state_permits_notification": "facts.convictions",
    "reading.state_permits_transfer": "facts.convictions",
    "reading.serious_conviction": "facts.convictions",
    "reading.recent_serious_conviction": "facts.convictions",
    "reading.serious_charge": "facts.charge",
}
"""The fact to ask for where a reading is missing."""


def compose(categories: Sequence[int], findings: Sequence[Finding], law: Law) -> Decision:
    """Return the decision on all parts, by category (0: the act as a whole): reasons, releases and missing facts."""
    decision = Decision(outcome=whole(finding.ruling.outcome for finding in findings))
    for category, finding in zip(categories, findings, strict=True):
        if category or len(categories) > 1:
            decision.releases.add(
                category=category,
                outcome=finding.ruling.outcome,
                rule_ids=_rule_ids(finding),
            )
    _add_reasons(decision, categories, findings)
    for path in dict.fromkeys(path for finding in findings for path in finding.missing):
        field = ASKS.get(path, path)
        if field not in (missing.field for missing in decision.missing_facts):
            decision.missing_facts.add(field=field, question=law.questions.get(field, ""))
    decision.needs_verification = any(
        reason.decisive and reason.provenance in UNVERIFIED for reason in decision.reasons
    )
    return decision


def _rule_ids(finding: Finding) -> list[str]:
    silent = MISSING_FACTS if finding.ruling.unsettled else NO_RULE
    return [rule.id for rule in finding.ruling.decisive] or [silent.rule_id]


def _add_reasons(decision: Decision, categories: Sequence[int], findings: Sequence[Finding]) -> None:
    for rule, concerned in _by_rule(
        (category, finding.ruling.decisive) for category, finding in zip(categories, findings, strict=True)
    ):
        decision.reasons.append(_reason(rule, concerned, decisive=True))
    open_rulings = [finding.ruling for finding in findings if not finding.ruling.decisive]
    if any(ruling.unsettled for ruling in open_rulings):
        decision.reasons.append(MISSING_FACTS)
    if any(not ruling.unsettled for ruling in open_rulings):
        decision.reasons.append(NO_RULE)
    named = {reason.rule_id for reason in decision.reasons}
    others = (
        (category, (*finding.ruling.unsettled, *finding.ruling.agreeing))
        for category, finding in zip(categories, findings, strict=True)
    )
    for rule, concerned in _by_rule(others):
        if rule.id not in named:
            decision.reasons.append(_reason(rule, concerned, decisive=False))


def _by_rule(rulings: Iterable[tuple[int, Sequence[Rule]]]) -> list[tuple[Rule, list[int]]]:
    found: dict[Rule, list[int]] = {}
    for category, rules in rulings:
        for rule in rules:
            found.setdefault(rule, []).extend([category] if category else [])
    return list(found.items())


def _reason(rule: Rule, categories: Sequence[int], *, decisive: bool) -> decision_pb2.Reason:
    assert rule.outcome is not None  # only rules with an outcome are reasons
    return decision_pb2.Reason(
        rule_id=rule.id,
        citation=rule.citation,
        summary=rule.sentence,
        provenance=rule.provenance,
        outcome=rule.outcome,
        layer=rule.source.layer,
        categories=categories,  # type: ignore[arg-type]  # numbers of enum values
        decisive=decisive,
        url=rule.source.url,
    )


def add_obligations(decision: Decision, findings: Sequence[Finding], duties: Mapping[str, Duty], law: Law) -> None:
    """Add the obligations of the deciding rules and the duties that arise, each once, in the law's own order."""
    arising = {token: duty.citation for token, duty in duties.items()}
    for finding in findings:
        for rule in finding.ruling.decisive:
            for token in rule.obligations:
                arising.setdefault(token, rule.citation)
    for token, text in law.obligations.items():
        if token in arising:
            decision.obligations.add(token=token, text=text, citation=arising[token])


def add_coming(decision: Decision, coming: Iterable[Mapping[Rule, date]]) -> None:
    """Add the rules that will bear on the question soon, by their first day, each once."""
    first_days = {rule: day for bearing in coming for rule, day in bearing.items()}
    for rule, first in sorted(first_days.items(), key=lambda each: (each[1], each[0].id)):
        assert rule.outcome is not None  # only rules with an outcome are shown
        warning = decision.coming_rules.add(
            rule_id=rule.id,
            citation=rule.citation,
            summary=rule.sentence,
            provenance=rule.provenance,
            outcome=rule.outcome,
        )
        warning.effective_from.year, warning.effective_from.month, warning.effective_from.day = first.timetuple()[:3]


def add_readings(decision: Decision, found: Mapping[str, Found]) -> None:
    """Add what was read in free text; the lexicon's words, never the caller's."""
    for reading, hit in found.items():
        if hit.phrase:
            decision.text_readings.add(field=f"facts.{hit.fact}", reading=f"{reading}: {hit.value}", phrase=hit.phrase)


def add_resolution(decision: Decision, named: Resolution) -> None:
    """Add for whom the employer or requester was taken, and why."""
    resolution = decision.resolution
    if named.match:
        resolution.kind = decision_pb2.RESOLUTION_KIND_MATCH
        resolution.entity_id = named.match.entity.id
        resolution.entity_name = named.match.entity.name
        resolution.matched_alias = named.match.alias.text
    elif named.candidates:
        resolution.kind = decision_pb2.RESOLUTION_KIND_NEAR_MISS
    else:
        resolution.kind = decision_pb2.RESOLUTION_KIND_NO_MATCH
    resolution.why = why(named)
    for candidate in (*named.candidates, *named.cleared):
        resolution.candidates.add(
            entity_id=candidate.entity.id,
            entity_name=candidate.entity.name,
            alias=candidate.alias.text,
            score=round(candidate.score * 100),
            why=candidate.why,
            cleared=candidate.cleared is not None,
        )


def why(named: Resolution) -> str:
    """Return in one sentence for whom a name was taken."""
    if named.match:
        return f'The written name is taken for the registered name "{named.match.alias.text}" ({named.match.why}).'
    if named.candidates:
        return "The written name is only similar to registered names, so a person must look."
    return "The written name is not registered; the declared kind stands."
