"""What must hold for every question, checked on random ones. The exhaustive check is still to come."""

import os
from datetime import date
from typing import Any

from city.screening.v1 import decision_pb2, employment_facts_pb2
from city.screening.v1 import information_request_facts_pb2 as facts_pb2
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from screening.bundle import Bundle
from screening.screen import Decision, decide

from tests.property.strategies import DATES, employment_requests, information_requests

TODAY = date(2026, 11, 20)
ALLOW, PART, APPROVAL = (
    decision_pb2.OUTCOME_ALLOW,
    decision_pb2.OUTCOME_ALLOW_IN_PART,
    decision_pb2.OUTCOME_APPROVAL_REQUIRED,
)
REVIEW, DENY = decision_pb2.OUTCOME_REVIEW, decision_pb2.OUTCOME_DENY
JUDICIAL = {
    facts_pb2.INSTRUMENT_JUDICIAL_ARREST_WARRANT,
    facts_pb2.INSTRUMENT_JUDICIAL_SEARCH_WARRANT,
    facts_pb2.INSTRUMENT_JUDICIAL_PROBABLE_CAUSE_DETERMINATION,
    facts_pb2.INSTRUMENT_STATE_ARREST_WARRANT,
    facts_pb2.INSTRUMENT_COURT_ORDER,
    facts_pb2.INSTRUMENT_2703D_ORDER,
    facts_pb2.INSTRUMENT_PEN_REGISTER_ORDER,
}
EXAMPLES = settings(
    max_examples=int(os.environ.get("SCREENING_TEST_EXAMPLES", "400")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


def answer(question: Any, bundle: Bundle, day: date = TODAY) -> Decision:
    """Decide a question."""
    return decide(question, bundle, day, lambda _: None)


def changed(question: Any, **changes: Any) -> Any:
    """Return a copy of a question with facts changed; None clears."""
    copy = type(question)()
    copy.CopyFrom(question)
    for name, new in changes.items():
        if new is None:
            copy.facts.ClearField(name)
        else:
            setattr(copy.facts, name, new)
    return copy


def of_category(decision: Decision, category: int) -> int:
    """Return the answer for one category."""
    [outcome] = [release.outcome for release in decision.releases if release.category == category]
    return outcome


def allows(decision: Decision) -> bool:
    """Say whether anything at all is allowed."""
    return decision.outcome in (ALLOW, PART)


@EXAMPLES
@given(question=information_requests(), day=DATES)
def test_every_request_gets_one_answer_with_a_reason(bundle: Bundle, question: Any, day: date) -> None:
    """Never an exception, never UNSPECIFIED, never silence."""
    decision = answer(question, bundle, day)
    assert decision.outcome in (ALLOW, PART, REVIEW, DENY)
    assert any(reason.decisive for reason in decision.reasons)
    assert all(reason.citation and reason.summary for reason in decision.reasons)


@EXAMPLES
@given(question=employment_requests(), day=DATES)
def test_every_form_gets_one_answer_with_a_reason(bundle: Bundle, question: Any, day: date) -> None:
    """Never an exception, never UNSPECIFIED, never silence."""
    decision = answer(question, bundle, day)
    assert decision.outcome in (ALLOW, APPROVAL, REVIEW, DENY)
    assert any(reason.decisive for reason in decision.reasons)


CIVIL_KINDS = (
    facts_pb2.REQUEST_KIND_DETAINER_HOLD,
    facts_pb2.REQUEST_KIND_TRANSFER,
    facts_pb2.REQUEST_KIND_INTERVIEW_ACCESS,
    facts_pb2.REQUEST_KIND_RELEASE_NOTIFICATION,
    facts_pb2.REQUEST_KIND_PERSONAL_INFO,
    facts_pb2.REQUEST_KIND_RECORDS_REQUEST,
    facts_pb2.REQUEST_KIND_DATABASE_ACCESS,
    facts_pb2.REQUEST_KIND_CCTV_VIDEO,
    facts_pb2.REQUEST_KIND_JOINT_OPERATION,
    facts_pb2.REQUEST_KIND_STAGING,
)
OPEN = {
    facts_pb2.DATA_CATEGORY_ARREST_LOG,
    facts_pb2.DATA_CATEGORY_RELEASE_DATE_PAST,
    facts_pb2.DATA_CATEGORY_LIFE_SAVING,
    facts_pb2.DATA_CATEGORY_ICE_ACCESS_STATISTICS,
    facts_pb2.DATA_CATEGORY_COPY_OF_ICE_REQUEST,
}
LOS_ANGELES = range(facts_pb2.CITY_UNIT_LAPD, facts_pb2.CITY_UNIT_OTHER_CITY_DEPARTMENT + 1)
AGENCIES = range(facts_pb2.REQUESTER_AGENCY_ICE, facts_pb2.REQUESTER_AGENCY_DHS + 1)


@EXAMPLES
@given(
    question=information_requests(),
    kind=st.sampled_from(CIVIL_KINDS),
    unit=st.sampled_from(LOS_ANGELES),
    agency=st.sampled_from(AGENCIES),
    day=st.dates(date(2024, 12, 9), date(2030, 1, 1)),
)
def test_nothing_closed_is_given_for_civil_enforcement_without_a_judge(
    bundle: Bundle, question: Any, kind: int, unit: int, agency: int, day: date
) -> None:
    """No hold, notification, transfer, interview or non-public data."""
    asked = changed(
        question,
        request_kind=kind,
        city_unit=unit,
        requester_agency=agency,
        purpose=facts_pb2.PURPOSE_CIVIL_IMMIGRATION_ENFORCEMENT,
        public_already=None,
        public_categories=None,
    )
    assume(asked.facts.instrument not in JUDICIAL)
    decision = answer(asked, bundle, day)
    if decision.releases:
        assert {release.category for release in decision.releases if release.outcome == ALLOW} <= OPEN
    else:
        assert not allows(decision)


@EXAMPLES
@given(question=information_requests())
def test_plate_reader_data_never_leave_california_without_process(bundle: Bundle, question: Any) -> None:
    """Whatever the purpose, the kind and the unit."""
    asked = changed(question, data_categories=None, public_already=None, public_categories=None)
    asked.facts.data_categories.append(facts_pb2.DATA_CATEGORY_ALPR)
    california = (
        facts_pb2.REQUESTER_AGENCY_LASD,
        facts_pb2.REQUESTER_AGENCY_CA_DOJ,
        facts_pb2.REQUESTER_AGENCY_OTHER_CALIFORNIA_AGENCY,
    )
    assume(asked.facts.requester_agency not in california and asked.facts.instrument not in JUDICIAL)
    assert of_category(answer(asked, bundle), facts_pb2.DATA_CATEGORY_ALPR) != ALLOW


@EXAMPLES
@given(question=information_requests())
def test_status_alone_is_never_answered_by_the_machine_without_process(bundle: Bundle, question: Any) -> None:
    """Asked by an agency for what is held: REVIEW, in neither direction."""
    asked = changed(
        question,
        data_categories=None,
        officer_asked_to_inquire=None,
        public_already=None,
        public_categories=None,
        city_unit=facts_pb2.CITY_UNIT_LAPD,
    )
    asked.facts.data_categories.append(facts_pb2.DATA_CATEGORY_IMMIGRATION_STATUS)
    public = range(facts_pb2.REQUESTER_AGENCY_MEMBER_OF_PUBLIC, facts_pb2.REQUESTER_AGENCY_JOURNALIST + 1)
    private = range(facts_pb2.REQUESTER_AGENCY_PRIVATE_INVESTIGATOR, facts_pb2.REQUESTER_AGENCY_DATA_BROKER + 1)
    assume(asked.facts.requester_agency not in (*public, *private) and asked.facts.instrument not in JUDICIAL)
    assert of_category(answer(asked, bundle), facts_pb2.DATA_CATEGORY_IMMIGRATION_STATUS) == REVIEW


@EXAMPLES
@given(question=information_requests(), instrument=st.sampled_from(sorted(JUDICIAL)))
def test_a_judges_instrument_in_scope_is_never_denied(bundle: Bundle, question: Any, instrument: int) -> None:
    """Without a defect, signed by a federal judge, covering what is asked; custody transfers have a rule of their own."""
    asked = changed(
        question,
        instrument=instrument,
        signed_by=facts_pb2.SIGNATORY_US_MAGISTRATE_JUDGE,
        issuing_court=None,
        instrument_title=None,
        form=None,
        instrument_defects=None,
        named_person_matches=None,
        instrument_scope=None,
        city_unit=facts_pb2.CITY_UNIT_LAPD,
    )
    assert answer(asked, bundle).outcome != DENY


@EXAMPLES
@given(question=information_requests())
def test_taking_away_the_judges_instrument_never_opens_anything(bundle: Bundle, question: Any) -> None:
    """Evidence that speaks for release can only help."""
    asked = changed(
        question,
        instrument=facts_pb2.INSTRUMENT_JUDICIAL_SEARCH_WARRANT,
        signed_by=facts_pb2.SIGNATORY_US_DISTRICT_JUDGE,
        instrument_defects=None,
        named_person_matches=None,
        instrument_title=None,
        form=None,
        issuing_court=None,
    )
    without = changed(asked, instrument=facts_pb2.INSTRUMENT_NONE, signed_by=None)
    if allows(answer(without, bundle)):
        assert answer(asked, bundle).outcome != DENY


MILDER = ("prior_written_approval", "ethics_commission_approval", "military_orders")


@EXAMPLES
@given(question=employment_requests(), evidence=st.sampled_from(MILDER))
def test_taking_away_an_approval_never_opens_anything(bundle: Bundle, question: Any, evidence: str) -> None:
    """A form with less to show for itself is never answered more mildly; false military orders aside."""
    question.facts.employer_kind = (
        employment_facts_pb2.EMPLOYER_KIND_MILITARY if evidence == "military_orders" else question.facts.employer_kind
    )
    question.facts.employer_name = (
        "California Guard unit" if evidence == "military_orders" else question.facts.employer_name
    )
    with_it = changed(question, **{evidence: True})
    assert answer(changed(question, **{evidence: None}), bundle).outcome >= answer(with_it, bundle).outcome


HELPING = employment_facts_pb2.EMPLOYER_KIND_NONPROFIT_IMMIGRANT_SERVICES


@EXAMPLES
@given(question=employment_requests())
def test_helping_immigrants_is_never_stricter_than_the_same_work_elsewhere(bundle: Bundle, question: Any) -> None:
    """The same form with another private employer."""
    question.facts.employer_name = "Some Organisation"
    helping = answer(changed(question, employer_kind=HELPING), bundle)
    elsewhere = answer(changed(question, employer_kind=employment_facts_pb2.EMPLOYER_KIND_PRIVATE_UNRELATED), bundle)
    assert helping.outcome <= elsewhere.outcome


@EXAMPLES
@given(question=employment_requests())
def test_military_orders_of_a_service_are_never_denied(bundle: Bundle, question: Any) -> None:
    """Use of City time aside."""
    asked = changed(
        question,
        employer_kind=employment_facts_pb2.EMPLOYER_KIND_MILITARY,
        employer_name="Army unit",
        military_orders=True,
        uses_city_time_or_data=None,
    )
    assert answer(asked, bundle).outcome != DENY


@EXAMPLES
@given(question=information_requests(), missing=st.sampled_from(("facility_area",)))
def test_a_missing_decisive_fact_never_opens_what_it_could_close(bundle: Bundle, question: Any, missing: str) -> None:
    """If some value of the fact leads to DENY, its absence does not lead to ALLOW."""
    asked = changed(question, request_kind=facts_pb2.REQUEST_KIND_FACILITY_ACCESS, data_categories=None)
    absent = answer(changed(asked, **{missing: None}), bundle)
    if allows(absent):
        for area in (
            facts_pb2.FACILITY_AREA_PUBLIC,
            facts_pb2.FACILITY_AREA_NONPUBLIC,
            facts_pb2.FACILITY_AREA_FEDERALLY_REQUIRED,
        ):
            assert answer(changed(asked, **{missing: area}), bundle).outcome == absent.outcome
