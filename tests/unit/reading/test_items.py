import pytest
from city.screening.v1 import information_request_facts_pb2, reading_pb2
from screening.reading.items import items

from tests.factories import ADDRESS_REQUEST, request

COVERAGE = {number: name.removeprefix("COVERAGE_") for name, number in reading_pb2.Coverage.items()}


def coverage(**facts: object) -> list[str]:
    """Return whether the paper covers each part."""
    return [
        COVERAGE[item.coverage]
        for item in items(request(ADDRESS_REQUEST, **facts).facts, reading_pb2.InformationReading())
    ]


@pytest.mark.parametrize(
    ("scope", "categories", "expected"),
    [
        ([], ["home_address"], ["IN_SCOPE"]),
        (["home_address"], ["home_address", "phone"], ["IN_SCOPE", "OUT_OF_SCOPE"]),
        (["the home address of the named person"], ["home_address"], ["IN_SCOPE"]),
        (["booking photograph"], ["booking_photo", "phone"], ["IN_SCOPE", "OUT_OF_SCOPE"]),
        (["arrest of named person"], ["home_address"], ["OUT_OF_SCOPE"]),
        (["all evidence of the offence"], ["home_address"], ["UNCLEAR"]),
    ],
)
def test_a_paper_covers_what_its_scope_names(scope: list[str], categories: list[str], expected: list[str]) -> None:
    """What is not understood is unclear, never covered and never refused by guess."""
    assert coverage(instrument_scope=scope, data_categories=categories) == expected


def test_a_place_is_covered_where_the_paper_names_all_its_words() -> None:
    """A shared word is not the same place."""
    base = {"request_kind": "facility_access", "data_categories": [], "facility_area": "nonpublic"}
    assert coverage(**base, instrument_scope=["premises: Main Street station, server room"], site="server room") == [
        "IN_SCOPE"
    ]
    assert coverage(**base, instrument_scope=["locker room"], site="server room") == ["UNCLEAR"]
    assert coverage(**base, instrument_scope=["locker"], site="server room") == ["OUT_OF_SCOPE"]
    assert coverage(**base, instrument_scope=["locker"]) == ["UNCLEAR"]


def test_a_kind_implies_a_category_where_none_is_given() -> None:
    """A plate-reader query without categories is for plate-reader data."""
    [item] = items(
        request(ADDRESS_REQUEST, request_kind="alpr", data_categories=[]).facts, reading_pb2.InformationReading()
    )
    assert item.category == information_request_facts_pb2.DATA_CATEGORY_ALPR


def test_a_category_asked_twice_is_answered_once() -> None:
    """Repeats change nothing."""
    assert len(coverage(data_categories=["phone", "phone"])) == 1
