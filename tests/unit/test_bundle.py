from datetime import date

import pytest
from screening import bundle, config
from screening.bundle import Bundle
from screening.wiring import bundle_root, read_files

from tests.factories import employment

SETTINGS = config.from_environ({})
DAY = date(2026, 1, 5)
LAW, REGISTRY, LEXICON = "laws/obligations.yaml", "registry/words.yaml", "lexicon/scope.yaml"


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    """Return the files of the bundle that is shipped."""
    return read_files(bundle_root(SETTINGS))


@pytest.fixture(scope="module")
def first(files: dict[str, str]) -> Bundle:
    """Return the bundle that is shipped."""
    return bundle.build(files, SETTINGS.dated())


@pytest.mark.parametrize(
    ("changed", "kept"),
    [
        (LAW, (False, True, True)),
        (REGISTRY, (True, False, True)),
        (LEXICON, (True, True, False)),
        ("", (True, True, True)),
    ],
)
def test_only_what_has_changed_is_built_anew(
    files: dict[str, str], first: Bundle, changed: str, kept: tuple[bool, bool, bool]
) -> None:
    """The rest is that of the bundle before; the revision is that of all files either way."""
    assert {LAW, REGISTRY, LEXICON} <= files.keys()
    edited = files | ({changed: files[changed] + "# edited\n"} if changed else {})
    after = bundle.build(edited, SETTINGS.dated(), 2, first)
    assert (after.law is first.law, after.names is first.names, after.lexicon is first.lexicon) == kept
    assert after.revision == bundle.build(edited, SETTINGS.dated()).revision
    assert (after.revision == first.revision) == (not changed)
    assert after.opinions is not first.opinions


def test_law_is_built_anew_when_a_dated_setting_changes(files: dict[str, str], first: Bundle) -> None:
    """The files alone do not say what is in force."""
    moved = {name: date(2027, 1, 1) for name in SETTINGS.dated()}
    assert bundle.build(files, moved, 0, first).law is not first.law


def test_new_law_is_prepared_for_the_questions_that_the_old_was_asked(files: dict[str, str]) -> None:
    """For the same day, pack and kinds of request, and for no others."""
    before, after = (bundle.build(files, SETTINGS.dated()).law for _ in range(2))
    facts = employment().facts
    before.packs["la_city"].in_force("employment", DAY).docket(facts)
    before.packs["la_city"].in_force("information_request", DAY).docket_of(1)
    steps = list(after.prepare(before, DAY))
    assert len(steps) == 2
    assert after.packs["la_city"].in_force("employment", DAY).compiled == [0]
    assert after.packs["la_city"].in_force("information_request", DAY).compiled == [1]
    assert not after.packs["nyc"].in_force("information_request", DAY).compiled
