from datetime import date
from typing import Any

import pytest
from city.screening.v1 import decision_pb2
from screening.bundle import Bundle
from screening.errors import InvalidField
from screening.screen import Decision, decide

from tests.factories import ADDRESS_REQUEST, ICE_JOB, employment, request

TODAY = date(2026, 11, 20)
NAMES = {number: name.removeprefix("OUTCOME_") for name, number in decision_pb2.Outcome.items()}


def answer(question: object, bundle: Bundle, day: date = TODAY) -> Decision:
    """Decide a question with the la_city pack."""
    question.policy_pack = question.policy_pack or "la_city"  # type: ignore[attr-defined]
    return decide(question, bundle, day, lambda _: None)  # type: ignore[arg-type]


def outcome(question: object, bundle: Bundle, day: date = TODAY) -> str:
    """Return the outcome's name."""
    return NAMES[answer(question, bundle, day).outcome]


def test_the_same_question_has_the_same_answer(bundle: Bundle) -> None:
    """Deciding is a pure function of question, bundle and day."""
    assert answer(request(), bundle) == answer(request(), bundle)


def test_a_declared_kind_never_makes_the_registry_milder(bundle: Bundle) -> None:
    """ICE stays ICE, whatever the form says it is."""
    assert outcome(employment(ICE_JOB, employer_kind="nonprofit_immigrant_services"), bundle) == "DENY"


def test_a_declared_kind_may_make_the_answer_stricter(bundle: Bundle) -> None:
    """A clerk who marks a caterer as ICE gets the stricter answer."""
    assert outcome(employment(), bundle) == "APPROVAL_REQUIRED"
    assert outcome(employment(employer_kind="ice"), bundle) == "DENY"


def test_a_misspelt_agency_is_the_agency(bundle: Bundle) -> None:
    """A misspelt ICE is not silently somebody else."""
    decision = answer(employment(employer_name="Imigration and Custms Enforcment"), bundle)
    assert NAMES[decision.outcome] == "DENY"
    assert decision.resolution.entity_id == "ice"


def test_a_name_that_is_only_similar_is_reviewed(bundle: Bundle) -> None:
    """A registered name beside words that tell of something else is looked at."""
    decision = answer(employment(employer_name="Maria Lopez, Immigration and Customs Enforcement"), bundle)
    assert NAMES[decision.outcome] == "REVIEW"
    assert decision.resolution.kind == decision_pb2.RESOLUTION_KIND_NEAR_MISS
    assert decision.resolution.candidates[0].entity_id == "ice"


@pytest.mark.parametrize(
    "name", ["DHS-ICE", "Immigration & Customs Enforcement", "ICE (ERO)", "U.S. ICE", "I.C.E.", "ІСЕ"]
)
def test_written_forms_of_ice_are_ice(bundle: Bundle, name: str) -> None:
    """Aliases match after normalisation, look-alike letters included."""
    decision = answer(employment(ICE_JOB, employer_name=name, employer_kind="private_unrelated"), bundle)
    assert decision.resolution.entity_id.startswith("ice")
    assert NAMES[decision.outcome] == "DENY"


@pytest.mark.parametrize(
    "name", ["ICE House Cafe", "Arctic Ice Company", "Intercontinental Exchange, Inc.", "CBP Realty"]
)
def test_firms_that_only_sound_like_an_agency_follow_the_ordinary_rule(bundle: Bundle, name: str) -> None:
    """A name match is not enough to accuse an employee."""
    assert outcome(employment(employer_name=name), bundle) == "APPROVAL_REQUIRED"


def test_a_requester_name_that_the_registry_knows_can_only_make_it_stricter(bundle: Bundle) -> None:
    """A request that says it comes from the county and is signed by ICE gets ICE's answer."""
    base = {**ADDRESS_REQUEST, "requester_agency": "lasd", "purpose": "criminal_unrelated", "offense": "robbery"}
    assert outcome(request(base), bundle) == "ALLOW"
    assert outcome(request(base, requester_name="ICE ERO", purpose="unknown", offense=""), bundle) == "REVIEW"


def test_a_missing_decisive_fact_is_named(bundle: Bundle) -> None:
    """Whoever must decide is told what to find out."""
    decision = answer(employment(paid="unknown"), bundle)
    assert NAMES[decision.outcome] == "REVIEW"
    assert [missing.field for missing in decision.missing_facts] == ["facts.paid"]
    assert decision.missing_facts[0].question


def test_a_denial_stands_where_the_missing_fact_could_not_change_it(bundle: Bundle) -> None:
    """ICE pays, so the duties do not matter."""
    assert outcome(employment(ICE_JOB, duties_immigration_enforcement="unknown"), bundle) == "DENY"


def test_each_category_is_answered_apart(bundle: Bundle) -> None:
    """A mixed request releases what is public and nothing else."""
    decision = answer(request(ADDRESS_REQUEST, data_categories=["arrest_log", "home_address"]), bundle)
    assert NAMES[decision.outcome] == "ALLOW_IN_PART"
    assert [NAMES[release.outcome] for release in decision.releases] == ["ALLOW", "DENY"]


def test_a_judges_warrant_is_obeyed_within_its_scope_only(bundle: Bundle) -> None:
    """What the paper does not name gets the answer it would get without paper."""
    decision = answer(
        request(
            ADDRESS_REQUEST,
            instrument="judicial_search_warrant",
            signed_by="us_magistrate_judge",
            purpose="criminal_immigration_enforcement",
            instrument_scope=["booking photo"],
            data_categories=["booking_photo", "home_address"],
        ),
        bundle,
    )
    assert [NAMES[release.outcome] for release in decision.releases] == ["ALLOW", "DENY"]


@pytest.mark.parametrize("signed_by", ["immigration_judge", "immigration_officer"])
def test_a_warrant_signed_by_an_immigration_officer_is_no_judges_warrant(bundle: Bundle, signed_by: str) -> None:
    """Titles and enum values do not make a paper judicial; signatures do."""
    assert outcome(request(instrument="judicial_arrest_warrant", signed_by=signed_by), bundle) == "DENY"


@pytest.mark.parametrize(
    "change",
    [
        {"signed_by": "clerk_of_court"},
        {"signed_by": "illegible"},
        {},
        {"signed_by": "us_district_judge", "instrument_defects": ["expired"]},
        {"signed_by": "us_district_judge", "named_person_matches": False},
    ],
)
def test_a_doubtful_warrant_is_reviewed_and_nothing_is_done(bundle: Bundle, change: dict[str, Any]) -> None:
    """No signature, a clerk's, an illegible one, a defect, another person's name."""
    assert outcome(request(instrument="judicial_arrest_warrant", **change), bundle) == "REVIEW"


def test_an_administrative_title_on_a_judges_warrant_is_a_contradiction_for_a_person(bundle: Bundle) -> None:
    """Neither obeyed nor refused by the machine."""
    facts: dict[str, Any] = {
        "instrument": "judicial_arrest_warrant",
        "signed_by": "us_magistrate_judge",
        "instrument_title": "WARRANT FOR ARREST OF ALIEN",
    }
    assert outcome(request(**facts), bundle) == "REVIEW"


def test_what_was_read_in_free_text_is_shown_in_the_lexicons_words(bundle: Bundle) -> None:
    """The caller's own words are never repeated."""
    decision = answer(
        request(
            request_kind="arrest_on_ncic_hit", instrument="none", ncic_file="IMMIGRATION VIOLATOR file, secret-name"
        ),
        bundle,
    )
    assert ("facts.ncic_file", "immigration violat*") in [(read.field, read.phrase) for read in decision.text_readings]
    assert "secret-name" not in str(decision)


def test_before_the_ordinance_the_older_rules_speak(bundle: Bundle) -> None:
    """2024-12-08 is not 2024-12-09."""
    base: dict[str, Any] = {
        "request_kind": "release_notification",
        "instrument": "i247a",
        "convictions": [{"offense": "burglary", "level": "felony", "date": "2015-01-01"}],
    }
    assert outcome(request(**base), bundle, date(2024, 12, 8)) == "REVIEW"
    assert outcome(request(**base), bundle, date(2024, 12, 9)) == "DENY"


def test_the_moonlighting_ban_follows_its_windows(bundle: Bundle) -> None:
    """Not in force, not settled, in force."""
    assert outcome(employment(ICE_JOB), bundle, date(2025, 10, 14)) == "APPROVAL_REQUIRED"
    assert outcome(employment(ICE_JOB), bundle, date(2025, 10, 15)) == "REVIEW"
    assert outcome(employment(ICE_JOB), bundle, date(2026, 10, 31)) == "REVIEW"
    assert outcome(employment(ICE_JOB), bundle, date(2026, 11, 1)) == "DENY"


def test_a_day_without_any_rule_is_review_with_the_reason_no_rule(bundle: Bundle) -> None:
    """Silence of the law is never permission."""
    decision = answer(request(ADDRESS_REQUEST, city_unit="library"), bundle, date(1990, 1, 1))
    assert NAMES[decision.outcome] == "REVIEW"
    assert [reason.rule_id for reason in decision.reasons] == ["no_rule"]


def test_an_unknown_pack_is_a_wrong_field(bundle: Bundle) -> None:
    """Nothing is decided under a law that is not there."""
    with pytest.raises(InvalidField):
        decide(request(policy_pack="atlantis"), bundle, TODAY, lambda _: None)


def test_a_decision_that_rests_on_unverified_text_says_so(bundle: Bundle) -> None:
    """Provenance S or M of a deciding rule is shown; T is not flagged."""
    assert answer(employment(ICE_JOB), bundle).needs_verification
    alpr = request(
        ADDRESS_REQUEST,
        requester_agency="fbi",
        purpose="criminal_unrelated",
        data_categories=["alpr"],
        request_kind="alpr",
        offense="murder",
    )
    assert not answer(alpr, bundle).needs_verification


def test_a_rule_that_will_bind_soon_is_shown_as_a_warning_and_decides_nothing(bundle: Bundle) -> None:
    """The ban is announced in its last ninety days of not being in force, and only to those whom it will concern."""
    before = answer(employment(ICE_JOB), bundle, date(2026, 8, 2))
    soon = answer(employment(ICE_JOB), bundle, date(2026, 8, 3))
    assert (before.outcome, len(before.coming_rules)) == (soon.outcome, 0)
    assert [rule.rule_id for rule in soon.coming_rules] == [
        "moonlighting.department",
        "moonlighting.enforcement_duty",
        "moonlighting.immigration_agency",
    ]
    day = soon.coming_rules[0].effective_from
    assert (day.year, day.month, day.day) == (2026, 11, 1)
    assert not answer(employment(), bundle, date(2026, 8, 3)).coming_rules
