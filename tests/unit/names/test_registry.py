import pytest
from screening.bundle import Bundle
from screening.errors import DataFileError
from screening.names.match import NameIndex
from screening.names.partners import PARTNERS_FILE
from screening.names.registry import Registry

from tests.unit.names.conftest import words

ONE = """
entities:
  - id: one
    name: One
    kind: agency
    employer_kind: ICE
    grade: primary
    roles: []
    best_source: official
"""

BAD = {
    "empty": ("entities: []\n", "has no entity"),
    "duplicate id": (ONE + ONE[ONE.index("  - id") :], "stands twice"),
    "dangling parent": (ONE.replace("grade:", "parent: nobody\n    grade:"), "does not exist"),
    "long circle of parents": (
        ONE.replace("grade:", "parent: two\n    grade:")
        + ONE[ONE.index("  - id") :].replace("One", "Two").replace("id: one", "id: two\n    parent: one"),
        "form a circle",
    ),
    "dangling relation": (ONE.replace("grade:", "relations: [{contractor-for: nobody}]\n    grade:"), "no such entity"),
    "circle of parents": (ONE.replace("grade:", "parent: one\n    grade:"), "form a circle"),
    "unknown grade": (ONE.replace("grade: primary", "grade: huge"), "unknown value 'HUGE'"),
    "unknown kind": (ONE.replace("kind: agency", "kind: planet"), "unknown kind"),
    "unknown field": (ONE.replace("grade:", "colour: red\n    grade:"), "unknown field"),
    "no employer kind": (ONE.replace("    employer_kind: ICE\n", ""), "has an employer_kind"),
    "shared alias": (ONE + ONE[ONE.index("  - id") :].replace("id: one", "id: two"), "belongs to 'one' too"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_registry_stops_the_load_with_file_and_line(name: str) -> None:
    """Each mistake is named with where it stands."""
    text, problem = BAD[name]
    with pytest.raises(DataFileError, match=r"^r\.yaml:\d+: ") as raised:
        Registry.load({"r.yaml": text})
    assert problem in str(raised.value)


HEAD = "id,state,name,models,ori,source"
ROWS = """287g-a,TX,Wexley Police Department,TFM,,ice.gov
287g-b,TX,Harlow Police Department,TFM,,ice.gov
"""
ICE = ONE.replace("id: one", "id: ice")
BAD_TABLES = {
    "duplicate id": (3, ROWS.replace("287g-b", "287g-a"), "stands twice"),
    "alias claimed by two": (3, ROWS.replace("Harlow", "Wexley"), "belongs to '287g-a' too"),
    "alias read like another's": (3, ROWS.replace("Harlow Police Department", "Wexley PD"), "is read like"),
    "unknown state": (2, ROWS.replace("TX,Wexley", "ZZ,Wexley"), "unknown state 'ZZ'"),
    "no state": (2, ROWS.replace("TX,Wexley", ",Wexley"), "'state'"),
    "no name": (2, ROWS.replace("Wexley Police Department", " "), "'name'"),
    "no id": (2, ROWS.replace("287g-a", ""), "'id'"),
    "too few cells": (3, ROWS[: -len(",ice.gov\n")], "six cells"),
    "too many cells": (3, ROWS.replace("Harlow Police", "Harlow, Police"), "six cells"),
    "open quote": (3, ROWS.replace("Harlow", '"Harlow'), "not CSV"),
}


def table(rows: str, head: str = HEAD) -> dict[str, str]:
    """Return registry files with a table of local agencies."""
    return {"r.yaml": ICE, PARTNERS_FILE: f"{head}\n{rows}"}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_wrong_line_of_the_table_of_agencies_stops_the_load(name: str) -> None:
    """With file and line, as in the other files."""
    line, rows, problem = BAD_TABLES[name]
    with pytest.raises(DataFileError) as raised:
        NameIndex({**words(), **table(rows)})
    assert str(raised.value).startswith(f"{PARTNERS_FILE}:{line}: ")
    assert problem in str(raised.value)


def test_a_table_of_agencies_with_other_columns_stops_the_load() -> None:
    """At its first line."""
    with pytest.raises(DataFileError, match=rf"^{PARTNERS_FILE}:1: the columns are not"):
        Registry.load(table(ROWS, HEAD.replace("state", "grade")))


def test_a_table_of_agencies_whose_first_line_does_not_end_stops_the_load() -> None:
    """A quote is open in it."""
    with pytest.raises(DataFileError, match=rf"^{PARTNERS_FILE}:1: not CSV"):
        Registry.load(table(ROWS, '"id'))


def test_agencies_need_the_partner_that_they_have_an_agreement_with() -> None:
    """An agreement with nobody is no agreement."""
    with pytest.raises(DataFileError, match=rf"^{PARTNERS_FILE}:2: partner-of 'ice': no such entity"):
        Registry.load({"r.yaml": ONE, PARTNERS_FILE: f"{HEAD}\n{ROWS}"})


def test_an_agency_of_the_table_that_another_file_has_stops_the_load() -> None:
    """An alias belongs to one entity, whichever file it stands in."""
    both = ICE + ONE[ONE.index("  - id") :].replace("id: one", "id: town\n    state: TX").replace(
        "name: One", "name: Wexley Police Department"
    )
    with pytest.raises(DataFileError, match="belongs to"):
        Registry.load({"r.yaml": both, PARTNERS_FILE: f"{HEAD}\n{ROWS}"})


def test_no_registry_file_at_all_does_not_load() -> None:
    """An empty registry would make every agency a stranger."""
    with pytest.raises(DataFileError, match="registry is empty"):
        Registry.load({})


def test_the_shipped_registry_has_its_entities_with_sources(bundle: Bundle) -> None:
    """342 entities that were looked at one by one, and the local partners from the table."""
    entities = bundle.names.registry.entities
    assert sum(not identity.startswith("287g-") for identity in entities) == 342
    assert sum(identity.startswith("287g-") for identity in entities) == 1361
    assert {"ice", "cbp", "geo-group", "az-pinal-so"} <= set(entities)
