"""Laws that hold for every name: what must not matter, and what must not be lost."""

from collections.abc import Callable, Iterable
from random import Random

import pytest
from screening.bundle import Bundle
from screening.names.entity import Alias, Entity
from screening.names.match import NameIndex

from tests.unit.names.conftest import ENTITIES

LOOK_ALIKES = str.maketrans("aeopcABCEIOPS", "аеорсАВСЕІОРЅ")
FORMS = (" Inc.", ", LLC", " Corporation", " Ltd.")
SPACES = ("  ", "\t", "\u00a0", " \u200b")
Named = list[tuple[Entity, Alias]]


def strong(bundle: Bundle) -> Named:
    """Return the names that should stand for their entity by themselves; local agencies need their state besides."""
    return [
        (entity, alias)
        for entity in bundle.names.registry.entities.values()
        if not entity.collision_prone and entity.kind != "partner_agency"
        for alias in entity.aliases
        if not alias.weak
    ]


@pytest.fixture(scope="module")
def names(bundle: Bundle) -> Named:
    """300 names that match as they stand, drawn anew with a fixed seed."""
    every = strong(bundle)
    drawn = Random(3).sample(every, 400)
    return [(entity, alias) for entity, alias in drawn if bundle.names.resolve(alias.text).entity is entity][:300]


def missed(bundle: Bundle, written: Iterable[tuple[str, Entity]]) -> dict[str, str]:
    """Return the written names that are not taken for their entity, with whom they are taken for."""
    found = ((name, entity, bundle.names.resolve(name).entity) for name, entity in written)
    return {name: got.id if got else "-" for name, entity, got in found if got is not entity}


def test_nearly_every_registered_name_is_taken_for_its_entity(bundle: Bundle) -> None:
    """The rest say less than a part that bears the same words, or have no second signal."""
    every = strong(bundle)
    wrong = missed(bundle, ((alias.text, entity) for entity, alias in every))
    assert len(wrong) < 0.03 * len(every), wrong


def test_case_and_spacing_do_not_matter(bundle: Bundle, names: Named) -> None:
    """Capitals, small letters, doubled, foreign and outer spaces."""
    random = Random(5)
    for change in (str.upper, str.lower, str.swapcase):
        written = ((f" {change(alias.text)} ".replace(" ", random.choice(SPACES)), entity) for entity, alias in names)
        assert missed(bundle, written) == {}


def test_accents_and_look_alike_letters_do_not_matter(bundle: Bundle, names: Named) -> None:
    """Every letter that has a twin in Cyrillic, and an accent on every vowel."""
    assert missed(bundle, ((alias.text.translate(LOOK_ALIKES), entity) for entity, alias in names)) == {}
    accented = (("".join(f"{char}\u0301" if char in "aeiou" else char for char in a.text), e) for e, a in names)
    assert missed(bundle, accented) == {}


def test_a_legal_form_does_not_matter_to_a_firm(bundle: Bundle, names: Named) -> None:
    """A firm is the same with another form, or with one where it had none."""
    firms = [(entity, alias) for entity, alias in names if entity.kind == "contractor"]
    assert len(firms) > 50
    for form in FORMS:
        assert missed(bundle, ((alias.text + form, entity) for entity, alias in firms)) == {}


@pytest.mark.parametrize(
    "name", ["Border Kappa", "Agency Kappa LLC", "Harbor Zeta", "Zelkova Kappa Dynamics", "Squad 9"]
)
def test_another_entity_never_loses_a_match(make_index: Callable[..., NameIndex], name: str) -> None:
    """Weights are frozen data, so what is registered besides changes no score."""
    entry = f"{{id: other, name: '{name}', kind: contractor, grade: support, roles: [data], best_source: press}}"
    before, after = make_index(), make_index(f"{ENTITIES.rstrip()}\n  - {entry}\n")
    assert "other" in after.registry.entities
    for written in ("Border Agency", "Bordr Agency", "Harbor Watch Squad", "Zelkvoa Dynamics", "HWS"):
        old, new = before.resolve(written).match, after.resolve(written).match
        assert old is not None
        assert new is not None
        assert (old.entity.id, old.score, old.features) == (new.entity.id, new.score, new.features)
