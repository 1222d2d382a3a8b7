import re
from pathlib import Path

import pytest
from city.screening.v1 import fact_pb2, information_request_facts_pb2
from screening.facts import declared, vocabulary

ROOT = Path(__file__).parents[2]
KINDS = {
    fact_pb2.FACT_KIND_REQUIRED: "REQUIRED",
    fact_pb2.FACT_KIND_DECISIVE: "DECISIVE",
    fact_pb2.FACT_KIND_CLAIM: "CLAIM",
}


@pytest.mark.parametrize("subject", ["employment", "information_request"])
def test_every_fact_declares_what_its_absence_means(subject: str) -> None:
    """No fact may be left without a kind."""
    undeclared = [fact.path for fact in vocabulary(subject).values() if fact.kind not in KINDS]
    assert undeclared == []


@pytest.mark.parametrize("name", ["employment_facts", "information_request_facts"])
def test_the_comment_of_a_fact_says_its_kind(name: str) -> None:
    """A reader of the API and the validator are told the same."""
    text = (ROOT / f"proto/city/screening/v1/{name}.proto").read_text()
    message = text[text.index("message ") : text.index("\n}\n")]
    fields = re.findall(
        r"((?:  //[^\n]*\n)+)  (?:optional|repeated) \S+ (\w+) = \d+ \[\(fact\) = \{\s*kind: FACT_KIND_(\w+)", message
    )
    assert fields
    wrong = [field for comment, field, kind in fields if not comment.strip().startswith(f"// {kind}.")]
    assert wrong == []


def test_values_are_known_by_their_short_names() -> None:
    """Law files and forms write values without the enum's prefix."""
    values = vocabulary("information_request")["facts.request_kind"].values
    assert values is not None
    assert values.cel["287G_AGREEMENT"] == "city.screening.v1.RequestKind.REQUEST_KIND_287G_AGREEMENT"
    assert values.unknown is None


def test_nested_facts_have_a_path() -> None:
    """A fact of a message inside the facts is known by its whole path."""
    assert "facts.task_force.local_policy_allows" in vocabulary("information_request")


def test_a_date_is_one_fact() -> None:
    """A civil date is not taken apart into year, month and day."""
    paths = {
        fact.path: fact.type
        for fact in declared(information_request_facts_pb2.InformationRequestFacts.DESCRIPTOR, "facts")
    }
    assert paths["facts.received"] == "date"
    assert "facts.received.year" not in paths
