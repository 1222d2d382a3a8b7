from city.screening.v1 import information_request_facts_pb2, reading_pb2
from screening.bundle import Bundle
from screening.reading.items import items

from tests.factories import ADDRESS_REQUEST, request


def test_a_kind_implies_a_category_where_none_is_given(bundle: Bundle) -> None:
    """A plate-reader query without categories is for plate-reader data."""
    facts = request(ADDRESS_REQUEST, request_kind="alpr", data_categories=[]).facts
    [item] = items(facts, reading_pb2.InformationReading(), bundle.lexicon)
    assert item.category == information_request_facts_pb2.DATA_CATEGORY_ALPR


def test_a_category_asked_twice_is_answered_once(bundle: Bundle) -> None:
    """Repeats change nothing."""
    facts = request(ADDRESS_REQUEST, data_categories=["phone", "phone"]).facts
    assert len(items(facts, reading_pb2.InformationReading(), bundle.lexicon)) == 1
