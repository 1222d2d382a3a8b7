from pathlib import Path

import pytest
from city.screening.v1 import employment_facts_pb2
from screening.bundle import Bundle
from screening.names.match import NameIndex
from screening.names.normalize import key, name_tokens, scanned
from screening.names.registry import Registry

REGISTRY = """
entities:
  - id: agency
    name: U.S. Border Agency
    kind: agency
    employer_kind: CBP
    grade: primary
    roles: [patrol]
    aliases: [USBA, Border Agency of the US]
    weak_aliases: [border people]
    best_source: official
  - id: fraud
    name: Fraud Inc
    kind: contractor
    parent: agency
    grade: support
    collision_prone: true
    roles: [detention]
    best_source: dataset
"""


@pytest.fixture(scope="module")
def index() -> NameIndex:
    """A registry of two."""
    return NameIndex(Registry.load({"test.yaml": REGISTRY}))


@pytest.mark.parametrize(
    "name",
    [
        "US Border Agency",
        "border agency",
        "Border-Agency",
        "BorderAgency",
        "Agency, Border",
        "THE BORDER AGENCY INC.",
        "usba",
        "U.S.B.A.",
    ],
)
def test_case_spacing_order_country_and_legal_form_make_no_difference(index: NameIndex, name: str) -> None:
    """All are the same registered name."""
    resolution = index.resolve(name)
    assert resolution.entity is not None
    assert resolution.entity.id == "agency"


@pytest.mark.parametrize(
    "name",
    [
        "Border Agencv",
        "Bordr Agency",
        "B0rder Agency",
        "border people",
        "Officer at Border Agency",
        "Border Agency (San Diego)",
    ],
)
def test_what_is_only_similar_is_a_near_miss(index: NameIndex, name: str) -> None:
    """Misspellings, scans, weak aliases and job titles lead to a person, never to silence."""
    resolution = index.resolve(name)
    assert resolution.entity is None or resolution.entity.id == "agency"
    assert resolution.entity is not None or resolution.near_miss


@pytest.mark.parametrize("name", ["Border Grill", "Agency for Aging", "Valley Catering", "移民局", "!!!"])
def test_what_is_different_does_not_match(index: NameIndex, name: str) -> None:
    """One word in common is not similarity."""
    resolution = index.resolve(name)
    assert resolution.entity is None
    assert not resolution.near_miss


@pytest.mark.parametrize("name", ["USBA Inc", "USBA LLC", "USBA Co.", "L.A. USBA Cafe"])
def test_a_firm_that_is_named_like_an_abbreviation_is_no_government_body(index: NameIndex, name: str) -> None:
    """An abbreviation matches only as the whole field; a legal form makes it a firm."""
    resolution = index.resolve(name)
    assert (resolution.entity, resolution.near_miss) == (None, False)


def test_a_collision_prone_name_needs_its_legal_form(index: NameIndex) -> None:
    """`Fraud` alone is a word of its own."""
    full = index.resolve("Fraud, Inc.")
    assert full.entity is not None
    assert full.entity.id == "fraud"
    assert index.resolve("Fraud").entity is None


def test_a_part_has_its_parents_kind_unless_it_has_its_own(index: NameIndex) -> None:
    """A contractor registered under an agency stays a contractor."""
    assert index.registry.entities["fraud"].employer_kind == employment_facts_pb2.EMPLOYER_KIND_CONTRACTOR
    assert index.registry.entities["fraud"].detention_operator


def test_a_name_that_would_lose_all_words_keeps_them() -> None:
    """`The Co.` is still something."""
    assert key(name_tokens("The Co"), legal_forms=False)
    assert key(name_tokens("Inc"), legal_forms=False) == "inc"


def test_scanner_confusions_fold_together() -> None:
    """Digits that look like letters, and `rn` for `m`."""
    assert scanned("u5c1s") == scanned("uscis")
    assert scanned("horneland") == scanned("homeland")


def test_no_negative_of_the_development_names_matches(bundle: Bundle) -> None:
    """A hit on a name that is nobody's is the worst error."""
    lines = (Path(__file__).parents[2] / "cases/names_dev.tsv").read_text(encoding="utf-8").splitlines()
    hits = {}
    for line in lines:
        name, expected, _ = line.split("\t")
        entity = bundle.names.resolve(name).entity
        if entity and entity.id != expected:
            hits[name] = entity.id
    assert hits == {}
