from collections.abc import Callable
from datetime import date

import pytest
from city.screening.v1 import decision_pb2
from screening.answer import add_resolution
from screening.errors import DataFileError
from screening.names.match import NameIndex
from screening.names.resolution import Resolution

from tests.unit.names.conftest import ENTITIES

TODAY = date(2026, 6, 1)
TWO = "Fraud, Wexley Police Department"
"""Near to two entities."""


def cleared(make_index: Callable[..., NameIndex], **changed: str) -> NameIndex:
    """Return the invented registry with one clearance of `Fraud LLC` from the entity `fraud`."""
    fields = {
        "name": "Fraud LLC",
        "entity": "fraud",
        "entry": make_index().registry.entities["fraud"].digest,
        "why": "a bakery on Main Street",
        "proposed_by": "J. Doe",
        "approved_by": "R. Roe",
        "recorded": "2026-01-01",
        "expires": "2027-01-01",
        **changed,
    }
    lines = "\n    ".join(f"{key}: {value}" for key, value in fields.items())
    return make_index(clearances=f"clearances:\n  - {lines}\n")


def shown(found: Resolution) -> tuple[list[str], list[str], bool]:
    """Return which entities are near, which are cleared, and whether a person must look."""
    return [each.entity.id for each in found.candidates], [each.entity.id for each in found.cleared], found.near_miss


def test_a_clearance_takes_its_near_miss_away_and_stays_visible(make_index: Callable[..., NameIndex]) -> None:
    """Who, why and until when are told; case and spacing of the name do not matter."""
    index = cleared(make_index)
    found = index.resolve("FRAUD,  LLC", TODAY)
    assert shown(found) == ([], ["fraud"], False)
    assert "a bakery on Main Street" in found.cleared[0].why
    assert "J. Doe" in found.cleared[0].why


@pytest.mark.parametrize("day", [date(2025, 12, 31), date(2027, 1, 1)])
def test_a_clearance_counts_from_its_day_until_it_expires(make_index: Callable[..., NameIndex], day: date) -> None:
    """The first day is in, the last is out."""
    assert shown(cleared(make_index).resolve("Fraud LLC", day)) == (["fraud"], [], True)


def test_a_clearance_ends_when_the_registry_entry_changes(make_index: Callable[..., NameIndex]) -> None:
    """The reviewer saw another entry."""
    assert shown(cleared(make_index, entry="f" * 64).resolve("Fraud LLC", TODAY)) == (["fraud"], [], True)


def test_any_change_of_the_entry_ends_its_clearances(make_index: Callable[..., NameIndex]) -> None:
    """Another alias, note or grade is another entry; a change of another entity's entry is none."""
    digest = make_index().registry.entities["fraud"].digest
    changed = ENTITIES.replace("collision_prone: true", "collision_prone: true\n    note: moved")
    assert make_index(changed).registry.entities["fraud"].digest != digest
    other = ENTITIES.replace("aliases: [HWS]", "aliases: [HWS, Harbor Watchers]")
    assert make_index(other).registry.entities["fraud"].digest == digest


def test_a_decision_shows_what_was_cleared_beside_the_other_candidates(make_index: Callable[..., NameIndex]) -> None:
    """With who, why and until when, and marked as cleared."""
    decision = decision_pb2.Decision()
    add_resolution(decision, cleared(make_index, name=TWO).resolve(TWO, TODAY))
    shown = {each.entity_id: (each.cleared, "J. Doe" in each.why) for each in decision.resolution.candidates}
    assert shown == {"town": (False, False), "fraud": (True, True)}
    assert decision.resolution.kind == decision_pb2.RESOLUTION_KIND_NEAR_MISS


def test_a_clearance_never_hides_another_candidate_or_a_match(make_index: Callable[..., NameIndex]) -> None:
    """It is of one name and one entity."""
    assert shown(make_index().resolve(TWO, TODAY)) == (["fraud", "town"], [], True)
    assert shown(cleared(make_index, name=TWO).resolve(TWO, TODAY)) == (["town"], ["fraud"], True)
    index = cleared(make_index, name="Fraud Inc")
    assert index.resolve("Fraud Inc", TODAY).entity is not None


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"entity": "nobody"}, "no entity"),
        ({"approved_by": "j. doe"}, "same person"),
        ({"expires": "2030-01-01"}, "two years"),
        ({"expires": "2025-01-01"}, "two years"),
        ({"colour": "red"}, "unknown field"),
    ],
)
def test_a_wrong_clearance_stops_the_load(
    make_index: Callable[..., NameIndex], changed: dict[str, str], problem: str
) -> None:
    """With file and line."""
    with pytest.raises(DataFileError, match=r"^clearances\.yaml:\d+: ") as raised:
        cleared(make_index, **changed)
    assert problem in str(raised.value)
