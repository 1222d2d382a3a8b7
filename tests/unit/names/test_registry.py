import pytest
from screening.bundle import Bundle
from screening.errors import DataFileError
from screening.names.registry import Registry

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
