"""Laws that hold for every name: what must not matter, and what must not be lost."""

import json
from collections.abc import Callable, Iterable, Iterator
from random import Random

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from screening.bundle import Bundle
from screening.names.entity import Alias, Entity
from screening.names.match import NameIndex
from screening.wiring import read_registry

from tests.unit.names.conftest import ENTITIES, FOLDER

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
    """All names that match as they stand."""
    return [(entity, alias) for entity, alias in strong(bundle) if bundle.names.resolve(alias.text).entity is entity]


@pytest.fixture(scope="module")
def local(bundle: Bundle) -> list[tuple[str, Entity]]:
    """All local agencies as they match: with their state."""
    entities = bundle.names.registry.entities.values()
    written = [(f"{entity.name}, {entity.state}", entity) for entity in entities if entity.state]
    return [(name, entity) for name, entity in written if bundle.names.resolve(name).entity is entity]


def missed(bundle: Bundle, written: Iterable[tuple[str, Entity]]) -> dict[str, str]:
    """Return the written names that are not taken for their entity, with whom they are taken for."""
    found = ((name, entity, bundle.names.resolve(name).entity) for name, entity in written)
    return {name: got.id if got else "-" for name, entity, got in found if got is not entity}


def test_nearly_every_registered_name_is_taken_for_its_entity(bundle: Bundle) -> None:
    """The rest say less than a part that bears the same words, or have no second signal."""
    every = strong(bundle)
    wrong = missed(bundle, ((alias.text, entity) for entity, alias in every))
    assert len(wrong) < 0.03 * len(every), wrong


def test_nearly_every_local_agency_is_taken_for_itself_with_its_state(
    bundle: Bundle, local: list[tuple[str, Entity]]
) -> None:
    """The rest are in Louisiana, whose postal code means Los Angeles here."""
    every = [entity for entity in bundle.names.registry.entities.values() if entity.state]
    assert len(every) > 1_000
    found = {entity.id for _, entity in local}
    assert {entity.state for entity in every if entity.id not in found} <= {"LA"}
    assert len(found) > 0.98 * len(every)


def test_case_and_spacing_do_not_matter(bundle: Bundle, names: Named, local: list[tuple[str, Entity]]) -> None:
    """Capitals, small letters, doubled, foreign and outer spaces, for all names of all entities."""
    random = Random(5)
    every = [(alias.text, entity) for entity, alias in names] + local
    for change in (str.upper, str.lower, str.swapcase):
        written = ((f" {change(name)} ".replace(" ", random.choice(SPACES)), entity) for name, entity in every)
        assert missed(bundle, written) == {}


def test_accents_and_look_alike_letters_do_not_matter(
    bundle: Bundle, names: Named, local: list[tuple[str, Entity]]
) -> None:
    """Every letter that has a twin in Cyrillic, and an accent on every vowel, for all names of all entities."""
    every = [(alias.text, entity) for entity, alias in names] + local
    assert missed(bundle, ((name.translate(LOOK_ALIKES), entity) for name, entity in every)) == {}
    accented = (("".join(f"{char}\u0301" if char in "aeiou" else char for char in n), e) for n, e in every)
    assert missed(bundle, accented) == {}


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_all_that_does_not_matter_together_does_not_matter(bundle: Bundle, names: Named, data: st.DataObject) -> None:
    """Each letter by itself may have another case, a twin or an accent, each space another kind."""
    entity, alias = data.draw(st.sampled_from(names))
    changes: list[Callable[[str], str]] = [str.upper, str.lower, _twin, _accented, str]
    change = st.sampled_from(changes)
    written = "".join(
        data.draw(st.sampled_from(SPACES)) if char == " " else data.draw(change)(char) for char in alias.text
    )
    assert missed(bundle, [(written, entity)]) == {}


def _twin(char: str) -> str:
    return char.translate(LOOK_ALIKES)


def _accented(char: str) -> str:
    return f"{char}\u0301" if char in "aeiou" else char


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


def test_no_entity_and_no_alias_takes_a_match_away(bundle: Bundle) -> None:
    """With 400 more entities and 100 more aliases, made of the registry's own words, every match keeps its score.

    What was added may match too, or better; what was there is still among the candidates, as it was.
    """
    files = read_registry(FOLDER)
    before = bundle.names
    after = NameIndex({**_with_aliases(files, before), "more.yaml": json.dumps({"entities": [*_more(before)]})})
    assert len(after.registry.entities) == len(before.registry.entities) + 400
    lost = {}
    for form in before.forms:
        old = before.resolve(form.alias.text).match
        if old:
            found = after.resolve(form.alias.text)
            same = [each for each in (found.match, *found.candidates) if each and each.entity.id == old.entity.id]
            if [each.score for each in same] < [old.score]:
                lost[form.alias.text] = same
    assert lost == {}


def _more(index: NameIndex) -> Iterator[dict[str, object]]:
    """Yield entities named with two or three registered words and one of their own."""
    random = Random(17)
    words = sorted({word.text for form in index.forms for word in form.words if word.text.isalpha()})
    for number in range(400):
        name = f"{' '.join(random.sample(words, random.randint(1, 3)))} {_own(number)}"
        yield {
            "id": f"more-{number}",
            "name": name,
            "kind": "contractor",
            "grade": "support",
            "roles": ["data"],
            "best_source": "press",
        }


def _with_aliases(files: dict[str, str], index: NameIndex) -> dict[str, str]:
    """Return the registry files with one more alias for each of the first hundred contractors."""
    document = yaml.safe_load(files["contractors.yaml"])
    for number, (entity, form) in enumerate(zip(document["entities"][:100], index.forms[500:], strict=False)):
        entity["aliases"] = [*entity.get("aliases", []), f"{form.alias.text} {_own(1_000 + number)}"]
    return {**files, "contractors.yaml": json.dumps(document, default=str)}


def _own(number: int) -> str:
    """Return a word that no name has and that is like none."""
    return "".join("zxqvkjwy"[int(digit)] for digit in f"{number:06o}")
