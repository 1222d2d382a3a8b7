import pytest
from city.screening.v1 import reading_pb2
from screening.bundle import Bundle
from screening.reading.items import items

from tests.factories import ADDRESS_REQUEST, request

COVERAGE = {number: name.removeprefix("COVERAGE_") for name, number in reading_pb2.Coverage.items()}
PLACE = {"request_kind": "facility_access", "data_categories": [], "facility_area": "nonpublic"}


def coverage(bundle: Bundle, **facts: object) -> list[str]:
    """Return whether the paper covers each part."""
    asked = request(ADDRESS_REQUEST, **facts).facts
    return [COVERAGE[item.coverage] for item in items(asked, reading_pb2.InformationReading(), bundle.lexicon)]


@pytest.mark.parametrize(
    ("scope", "categories", "expected"),
    [
        ([], ["home_address"], ["IN_SCOPE"]),
        (["home_address"], ["home_address", "phone"], ["IN_SCOPE", "OUT_OF_SCOPE"]),
        (["the home address of the named person"], ["home_address"], ["IN_SCOPE"]),
        (["booking photograph"], ["booking_photo", "phone"], ["IN_SCOPE", "OUT_OF_SCOPE"]),
        (["body-worn video"], ["bwc", "cctv"], ["IN_SCOPE", "OUT_OF_SCOPE"]),
        (["arrest of named person"], ["home_address"], ["OUT_OF_SCOPE"]),
        (["all evidence of the offence"], ["home_address"], ["UNKNOWN"]),
        (["all records except the home address"], ["home_address"], ["UNKNOWN"]),
        (["photo", "anything else"], ["phone"], ["UNKNOWN"]),
    ],
)
def test_a_paper_covers_what_its_scope_names(
    bundle: Bundle, scope: list[str], categories: list[str], expected: list[str]
) -> None:
    """What is not understood is unknown, never covered and never refused by guess."""
    assert coverage(bundle, instrument_scope=scope, data_categories=categories) == expected


@pytest.mark.parametrize(
    ("scope", "site", "expected"),
    [
        ("premises: Main Street station, server room", "server room", "IN_SCOPE"),
        ("locker room", "server room", "UNKNOWN"),
        ("the premises", "server room", "UNKNOWN"),
        ("200 Main Street", "server room", "UNKNOWN"),
        ("loading dock", "server room", "OUT_OF_SCOPE"),
        ("locker room", "", "IN_SCOPE"),
        ("arrest of named person", "", "UNKNOWN"),
    ],
)
def test_a_place_is_covered_where_the_paper_names_all_its_words(
    bundle: Bundle, scope: str, site: str, expected: str
) -> None:
    """A shared word is not the same place; where no place is said, the paper says which it is."""
    assert coverage(bundle, **PLACE, instrument_scope=[scope], site=site) == [expected]


@pytest.mark.parametrize(
    ("kind", "scope", "expected"),
    [
        ("interview_access", "interview of the detainee", "IN_SCOPE"),
        ("interview_access", "records", "UNKNOWN"),
        ("transfer", "surrender of the named person", "IN_SCOPE"),
        ("arrest", "search of the vehicle", "UNKNOWN"),
    ],
)
def test_an_act_on_a_person_must_be_named(bundle: Bundle, kind: str, scope: str, expected: str) -> None:
    """A search does not say that somebody is to be held or questioned."""
    assert coverage(bundle, request_kind=kind, data_categories=[], instrument_scope=[scope]) == [expected]
