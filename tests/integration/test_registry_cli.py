import json
import shutil
from pathlib import Path

import pytest
import screening
from city.screening.v1 import decision_pb2
from screening.answer import add_resolution
from screening.bundle import Bundle

from tests.integration.test_cli import run

FOLDER = Path(screening.__file__).parent / "registry"


def test_the_registry_is_checked_offline() -> None:
    """`registry check` says what would load."""
    done = run("registry", "check")
    assert done.exit_code == 0
    assert "1703 entities" in done.output


def test_an_entity_is_shown_with_names_sources_and_relations() -> None:
    """By its id."""
    shown = json.loads(run("registry", "show", "ice-hsi", "--json").output)
    assert shown["grade"] == "mixed"
    assert "component-of ice" in shown["relations"]
    assert any(name.startswith('"Homeland Security Investigations"') for name in shown["names"])


def test_a_written_name_is_shown_with_its_reasons() -> None:
    """The alias, its source, and the two values of each feature."""
    shown = json.loads(run("registry", "show", "Homeland Securty Investigations", "--json").output)
    assert shown["match"] == "ice-hsi"
    assert any(line.startswith("misspelled: 'securty' - 'security'") for line in shown["why"])


@pytest.mark.parametrize("name", ["Homeland Securty Investigations", "Clearview", "geogroup.com"])
def test_the_words_are_those_of_a_decision(bundle: Bundle, name: str) -> None:
    """Alias, provenance and features of each hit and each near miss."""
    decision = decision_pb2.Decision()
    add_resolution(decision, bundle.names.resolve(name))
    shown = json.loads(run("registry", "show", name, "--json").output)
    if decision.resolution.entity_id:
        assert shown["match"] == decision.resolution.entity_id
        assert any(line in decision.resolution.why for line in shown["why"])
        assert shown["why"][0].startswith(f'"{decision.resolution.matched_alias}" (source: ')
    told = {candidate.entity_id: candidate.why for candidate in decision.resolution.candidates}
    assert told.keys() == shown.get("near", {}).keys()
    assert all(why in shown["near"][entity] for entity, why in told.items())
    assert decision.resolution.entity_id or told


def test_the_day_decides_who_existed() -> None:
    """The old service in 2001, the new one after 2003-03-01."""
    written = "Immigration and Naturalization Service"
    assert json.loads(run("registry", "show", written, "--as-of", "2001-05-01", "--json").output)["match"] == "ins"
    ice = "U.S. Immigration and Customs Enforcement"
    assert json.loads(run("registry", "show", ice, "--as-of", "2001-05-01", "--json").output)["match"] == "-"
    assert json.loads(run("registry", "show", ice, "--as-of", "2004-05-01", "--json").output)["match"] == "ice"


def test_a_name_that_is_nobodys_is_exit_1() -> None:
    """For scripts."""
    assert run("registry", "show", "Harbor Lantern Bakery").exit_code == 1


def test_two_registries_are_compared_by_entity_and_by_name(tmp_path: Path) -> None:
    """What changed in an entry, and which names are taken otherwise."""
    other = tmp_path / "registry"
    shutil.copytree(FOLDER, other)
    file = other / "contractors.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("  - GEO Reentry Services\n", "", 1), encoding="utf-8")
    names = tmp_path / "names.tsv"
    names.write_text("GEO Reentry Services\nGEO Group\n", encoding="utf-8")
    done = run("registry", "diff", FOLDER, other, "--names", names)
    assert done.exit_code == 1
    assert '~ geo-group: names -"GEO Reentry Services" (source: dataset)' in done.output
    assert "GEO Reentry Services: geo-group -> " in done.output
    assert run("registry", "diff", FOLDER, FOLDER).exit_code == 0
