from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from city.screening.v1 import employment_facts_pb2
from screening.bundle import Bundle
from screening.names.match import NameIndex

from tests.unit.names.conftest import ENTITIES


def entity(index: NameIndex, name: str, as_of: date | None = None) -> str:
    """Return the id of the entity that a name is taken for; empty if none."""
    found = index.resolve(name, as_of).entity
    return found.id if found else ""


def near(index: NameIndex, name: str) -> set[str]:
    """Return the ids of the entities that a name is near to."""
    return {candidate.entity.id for candidate in index.resolve(name).candidates}


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
        "u s b a",
        "Вorder Аgency",
        "Bórder Agency",
    ],
)
def test_case_spacing_order_country_accents_and_legal_form_make_no_difference(index: NameIndex, name: str) -> None:
    """All are the same registered name."""
    assert entity(index, name) == "agency"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Border Agencv", "agency"),
        ("Bordr Agency", "agency"),
        ("B0rder Agency", "agency"),
        ("Bord er Agency", "agency"),
        ("Officer at Border Agency", "agency"),
        ("Border Agency (San Diego)", "agency"),
        ("USBA, field office", "agency"),
        ("Zelkvoa Dynamics", "zelkova"),
        ("ZelkovaDynamcis", "zelkova"),
        ("Zelkova (software engineer)", "zelkova"),
        ("Blue Moon LLC d/b/a Zelkova", "zelkova"),
        ('the so-called "Zelkova"', "zelkova"),
        ("Blue Moon LLC, now Zelkova", "zelkova"),
        ("Bor der Agency", "agency"),
        ("BorderAgencv", "agency"),
        ("USBA Joint Fugitive Task Force", "agency"),
        ("Border Agency Kite Rescue Unit", "agency"),
    ],
)
def test_misspellings_scans_and_job_titles_are_still_the_name(index: NameIndex, name: str, expected: str) -> None:
    """What people and scanners do to a name changes nothing."""
    assert entity(index, name) == expected


def test_the_most_specific_of_related_names_is_taken(index: NameIndex) -> None:
    """A part before the whole that it belongs to."""
    assert entity(index, "U.S. Border Agency, Harbor Watch Squad") == "squad"
    assert entity(index, "HWS (Border Agency)") == "squad"
    assert entity(index, "U.S. Border Agency - Long Beach") == "agency"


@pytest.mark.parametrize("name", ["border people", "Fraud", "Fraud LLC", "Maria Lopez, U.S. Border Agency"])
def test_what_may_be_is_shown_to_a_person(index: NameIndex, name: str) -> None:
    """Weak aliases, common names without their legal form, and names beside other words match nothing by themselves."""
    resolution = index.resolve(name)
    assert resolution.entity is None
    assert resolution.near_miss


@pytest.mark.parametrize(
    "name",
    [
        "Border Grill",
        "Agency for Aging",
        "Valley Catering",
        "移民局",
        "!!!",
        "",
        "Inc",
        "Zelkova Hotel",
        "Zelkovas.net",
    ],
)
def test_what_is_different_does_not_match(index: NameIndex, name: str) -> None:
    """One word in common is not similarity."""
    resolution = index.resolve(name)
    assert resolution.entity is None
    assert not resolution.near_miss


@pytest.mark.parametrize(
    "name",
    ["USBA Inc", "USBA LLC", "L.A. USBA Cafe", "USBA Data Services", "Roe Gallery", "Union of Small Bakers (USBA)"],
)
def test_an_abbreviation_is_never_one_word_of_another_name(index: NameIndex, name: str) -> None:
    """It matches only as the whole field or with the agency's own words around it; a legal form makes it a firm."""
    resolution = index.resolve(name)
    assert (resolution.entity, resolution.near_miss) == (None, False)


def test_a_collision_prone_name_needs_its_legal_form_or_a_second_signal(index: NameIndex) -> None:
    """`Fraud` alone is a word of its own."""
    assert entity(index, "Fraud, Inc.") == "fraud"
    assert entity(index, "Fraud (Border Agency contractor)") == "fraud"


def test_a_local_agency_needs_its_state(index: NameIndex) -> None:
    """Towns of one name are in many states."""
    assert entity(index, "Wexley Police Department, Texas") == "town"
    assert entity(index, "Wexley PD, TX") == "town"
    assert near(index, "Wexley Police Department") == {"town"}
    assert not near(index, "Wexley Police Department, Ohio")


def test_a_domain_counts_whole(index: NameIndex) -> None:
    """A mailbox under a registered domain is the agency's; letters in common are nothing."""
    assert entity(index, "jane@mail.agency.gov") == "agency"
    assert entity(index, "Jane Doe <jane@agency.gov>") == "agency"
    assert entity(index, "agency.gov") == "agency"
    assert not near(index, "theagency.gov")
    assert not near(index, "agency.gov.example.com")


def test_a_domain_that_nobody_checked_is_a_near_miss(index: NameIndex) -> None:
    """Which domain a firm uses was not looked up."""
    assert (entity(index, "fraud.example.com"), near(index, "fraud.example.com")) == ("", {"fraud"})


def test_near_misses_are_shown_beside_a_match(index: NameIndex) -> None:
    """A hit never crowds out what else may be meant."""
    assert entity(index, "Zelkova, border people") == "zelkova" or "zelkova" in near(index, "Zelkova, border people")
    assert near(index, "HWS (Border Agency)") == {"agency"}


def test_a_slip_may_be_of_a_registered_word_as_well_as_of_a_common_one(make_index: Callable[..., NameIndex]) -> None:
    """`servico` is read as `service`, and as `serviko` too."""
    firm = "{id: x, name: Serviko Zeta, kind: contractor, grade: support, roles: [data], best_source: press}"
    index = make_index(f"{ENTITIES.rstrip()}\n  - {firm}\n")
    assert index.vocabulary.slips.mended("servico") == ("service",)
    assert entity(index, "Servico Zeta") == "x"


def test_a_misspelled_place_that_may_be_another_place_goes_to_a_person(index: NameIndex) -> None:
    """One slip within a word is a slip; another first letter may be a neighbour."""
    assert entity(index, "Wexly PD, TX") == "town"
    assert entity(index, "Vexley PD, TX") == ""
    assert near(index, "Vexley PD, TX") == {"town"}


def test_a_joining_word_at_the_end_is_read_as_what_it_may_be(make_index: Callable[..., NameIndex]) -> None:
    """`Al` is a scanned `AI` after a name, and Alabama after an office."""
    more = "{id: x, name: Zorvex AI, kind: contractor, grade: support, roles: [data], best_source: press}"
    town = ENTITIES.replace("Wexley Police Department (TX)", "Wexley Police Department (AL)")
    index = make_index(f"{town.rstrip()}\n  - {more}\n")
    assert entity(index, "Zorvex Al") == "x"
    assert entity(index, "Wexley Police Department AL") == "town"


def test_an_entity_does_not_match_before_it_existed(index: NameIndex) -> None:
    """What came later is only near."""
    assert entity(index, "U.S. Border Agency", date(2003, 3, 1)) == "agency"
    before = index.resolve("U.S. Border Agency", date(2003, 2, 28))
    assert (before.entity, before.near_miss) == (None, True)


def test_every_match_says_which_values_were_compared(index: NameIndex) -> None:
    """The alias, the features and where the alias was seen."""
    match = index.resolve("Bordr Agency").match
    assert match is not None
    assert (match.alias.text, match.alias.source) == ("U.S. Border Agency", "official")
    assert [(feature.name, feature.written, feature.registered) for feature in match.features] == [
        ("same word", "agency", "agency"),
        ("misspelled", "bordr", "border"),
    ]


def test_a_part_has_its_parents_kind_unless_it_has_its_own(index: NameIndex) -> None:
    """A contractor stays a contractor, whomever it works for."""
    entities = index.registry.entities
    assert entities["squad"].employer_kind == employment_facts_pb2.EMPLOYER_KIND_CBP
    assert entities["fraud"].employer_kind == employment_facts_pb2.EMPLOYER_KIND_CONTRACTOR
    assert entities["fraud"].detention_operator


def test_no_negative_of_the_development_names_matches(bundle: Bundle) -> None:
    """A hit on a name that is nobody's is the worst error."""
    lines = (Path(__file__).parents[2] / "cases/names_dev.tsv").read_text(encoding="utf-8").splitlines()
    hits = {}
    for line in lines:
        name, expected, _ = line.split("\t")
        found = bundle.names.resolve(name).entity
        if found and found.id != expected:
            hits[name] = found.id
    assert hits == {}
