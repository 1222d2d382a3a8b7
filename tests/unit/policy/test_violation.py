"""Each shipped invariant, and a rule that breaks it: an invariant that no wrong rule could break would protect nothing."""

from datetime import date
from pathlib import Path

import pytest
import screening
from screening.config import from_environ
from screening.policy import invariant
from screening.policy.invariant import Invariant
from screening.policy.law import Law, Pack
from screening.policy.proof import prove
from screening.policy.share import shares
from screening.wiring import read_files

SINCE = date(2024, 12, 9)
FILES = {
    path.removeprefix("laws/"): text
    for path, text in read_files(Path(screening.__file__).parent).items()
    if path.startswith("laws/") and (not path.startswith("laws/packs/") or path.endswith("la_city.yaml"))
}
INVARIANTS = {
    path.relative_to(Path(screening.__file__).parent / "laws").as_posix(): path.read_text(encoding="utf-8")
    for path in Path(screening.__file__).parent.rglob(invariant.FILE)
}
RULE = """
source: {{id: wrong, title: Wrong, citation: none, layer: city, provenance: T}}
subject: {subject}
rules:
  - id: wrong
    sentence: What must never be.
    rank: COMPELLED
    when: [{when}]
    outcome: {outcome}
"""
FORM, REQUEST = "employment", "information_request"
BREAKING = {
    (FORM, "missing_fact"): (FORM, "none: [has(facts.paid)]", "ALLOW"),
    (FORM, "helping_immigrants"): (FORM, "reading.employer_kind == NONPROFIT_IMMIGRANT_SERVICES", "DENY"),
    (FORM, "military_orders"): (FORM, "facts.military_orders", "DENY"),
    (FORM, "approval_taken_away"): (FORM, "facts.prior_written_approval", "DENY"),
    (FORM, "ethics_approval_taken_away"): (FORM, "facts.ethics_commission_approval", "DENY"),
    (FORM, "orders_taken_away"): (FORM, "facts.military_orders", "DENY"),
    (REQUEST, "missing_fact"): ("FACILITY_ACCESS", "none: [has(facts.facility_area)]", "ALLOW"),
    (REQUEST, "civil_enforcement"): ("TRANSFER", "facts.purpose == CIVIL_IMMIGRATION_ENFORCEMENT", "ALLOW"),
    (REQUEST, "civil_hit"): ("ARREST_ON_NCIC_HIT", "reading.ncic_file == IMMIGRATION_VIOLATOR", "ALLOW"),
    (REQUEST, "judges_instrument"): ("TRANSFER", "is: judicial_instrument", "DENY"),
    (REQUEST, "status_alone"): ("IMMIGRATION_STATUS", "facts.purpose == AUDIT", "DENY"),
    (REQUEST, "plate_readers"): ("ALPR", "facts.requester_agency == FBI", "ALLOW"),
    (REQUEST, "instrument_added"): ("INTERPRETER", "facts.instrument == JUDICIAL_SEARCH_WARRANT", "DENY"),
    (REQUEST, "state_instrument_added"): ("INTERPRETER", "facts.instrument == STATE_ARREST_WARRANT", "DENY"),
    (REQUEST, "instrument_taken_away"): ("INTERPRETER", "facts.instrument == NONE", "ALLOW"),
    (REQUEST, "attestation_taken_away"): ("INTERPRETER", "reading.purpose_documented", "DENY"),
    (REQUEST, "publicity_taken_away"): ("INTERPRETER", "item.already_public == YES", "DENY"),
    (REQUEST, "consent_taken_away"): ("INTERPRETER", "facts.signed_release", "DENY"),
    (REQUEST, "policy_taken_away"): ("TASK_FORCE", "facts.task_force.local_policy_allows", "DENY"),
    (REQUEST, "identity_taken_away"): ("INTERPRETER", "facts.caller_identity_verified", "DENY"),
}
"""For each invariant the share of the questions in which a rule breaks it, when that rule holds, and its outcome."""
UNBROKEN = {(FORM, "error"), (REQUEST, "error")}
"""Beside the City's other rules, whose truth an error loses, no rule is heard alone."""


def city(subject: str = FORM, when: str = "facts.paid == YES", outcome: str = "REVIEW") -> Pack:
    """Return the law of the City with one rule more."""
    wrong = RULE.format(
        subject=subject, when=when if when.startswith(("facts", "reading", "item")) else f"{{{when}}}", outcome=outcome
    )
    return Law({**FILES, "us_ca_los_angeles/wrong.yaml": wrong}, from_environ({}).dated()).packs["la_city"]


def shipped(pack: Pack) -> dict[tuple[str, str], Invariant]:
    """Return the invariants by subject and id."""
    return {(each.subject, each.id): each for each in invariant.read(INVARIANTS, pack)}


@pytest.mark.parametrize(("subject", "name"), BREAKING)
def test_a_rule_that_breaks_an_invariant_is_found_out(subject: str, name: str) -> None:
    """The combination that is shown is one for which the wrong rule speaks."""
    share, when, outcome = BREAKING[subject, name]
    pack = city(subject, when, outcome)
    known = [each for each in shares(pack, []) if each.name == share][-1]  # the kind comes before the category
    [violation] = prove(pack, known, [shipped(pack)[subject, name]], SINCE).violations
    assert violation.invariant.id == name


def test_every_shipped_invariant_is_broken_here_by_some_rule() -> None:
    """A new invariant comes with a rule that it forbids."""
    assert set(shipped(city())) == BREAKING.keys() | UNBROKEN


def test_a_rule_that_permits_whatever_the_facts_are_permits_where_they_are_lost() -> None:
    """Alone, it is heard although the engine failed; that is found out in any pack."""
    rule = RULE.format(subject=REQUEST, when="item.coverage == IN_SCOPE", outcome="ALLOW")
    files = {name: FILES[name] for name in ("obligations.yaml", "questions.yaml")}
    files |= {"us/wrong.yaml": rule, "packs/la_city.yaml": "{id: la_city, title: Alone, folders: [us]}"}
    pack = Law(files, {}).packs["la_city"]
    [error] = [each for each in shipped(pack).values() if (each.subject, each.situation) == (REQUEST, "ENGINE_ERROR")]
    [known] = [each for each in shares(pack, []) if each.name == "INTERPRETER"]
    assert [each.invariant for each in prove(pack, known, [error], SINCE).violations] == [error]
