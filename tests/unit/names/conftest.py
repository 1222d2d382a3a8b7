"""A registry of a few invented bodies with the real words and thresholds, so that a test does not hang on real entries."""

from collections.abc import Callable
from pathlib import Path

import pytest
import screening
from screening.names.match import NameIndex

FOLDER = Path(screening.__file__).parent / "registry"
ENTITIES = """
entities:
  - id: agency
    name: U.S. Border Agency
    kind: agency
    employer_kind: CBP
    grade: primary
    roles: [patrol]
    aliases: [USBA, Border Agency of the US, ROE]
    weak_aliases: [border people]
    domains: [agency.gov]
    best_source: official
    valid_from: 2003-03-01
  - id: squad
    name: Harbor Watch Squad
    kind: sub_unit
    parent: agency
    grade: primary
    roles: [patrol]
    aliases: [HWS]
    best_source: official
  - id: fraud
    name: Fraud Inc
    kind: contractor
    relations: [{contractor-for: agency}]
    grade: support
    collision_prone: true
    roles: [detention]
    domains_unchecked: [fraud.example.com]
    best_source: dataset
  - id: zelkova
    name: Zelkova Dynamics, Inc.
    kind: contractor
    grade: support
    roles: [data]
    aliases: [Zelkova, Zelkova Dynamics]
    best_source: dataset
  - id: town
    name: Wexley Police Department (TX)
    kind: partner_agency
    grade: mixed
    roles: [287g]
    relations: [{partner-of: agency}]
    best_source: dataset
"""


def words() -> dict[str, str]:
    """Return the real files of words and thresholds."""
    names = ("words.yaml", "ordinary_words.txt", "thresholds.yaml")
    return {name: (FOLDER / name).read_text(encoding="utf-8") for name in names}


@pytest.fixture(scope="session")
def make_index() -> Callable[..., NameIndex]:
    """Return a function that builds an index from entities and further files."""
    shared = words()

    def make(entities: str = ENTITIES, **files: str) -> NameIndex:
        return NameIndex({**shared, "test.yaml": entities, **{f"{name}.yaml": text for name, text in files.items()}})

    return make


@pytest.fixture(scope="session")
def index(make_index: Callable[..., NameIndex]) -> NameIndex:
    """The invented registry."""
    return make_index()
