from collections.abc import Callable

import pytest
from screening.errors import DataFileError
from screening.names.match import NameIndex


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("corporatoin", ("corporation",)),
        ("0ffice", ("office",)),
        ("angelees", ("angeles",)),
        ("servicesllc", ("services", "llc")),
        ("5tates", ("states",)),
        ("palantir", ("palantir",)),
        ("groove", ("groove",)),
        ("co", ("co",)),
        ("2026", ("2026",)),
        ("beurau", ("bureau",)),
        ("ancl", ("and",)),
        ("cle", ("cle",)),
    ],
)
def test_slips_in_common_words_are_mended_and_other_words_are_not(
    index: NameIndex, written: str, meant: tuple[str, ...]
) -> None:
    """A word of everyday language, or one that is like nothing common, stays."""
    assert index.vocabulary.slips.mended(written) == meant


def test_a_registered_word_that_would_be_mended_stops_the_load(make_index: Callable[..., NameIndex]) -> None:
    """It must be listed as known first."""
    entry = "{id: x, name: Servicex Zeta, kind: contractor, grade: support, roles: [data], best_source: press}"
    with pytest.raises(DataFileError, match="would be read as 'service'"):
        make_index(f"entities:\n  - {entry}\n")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (["det", "ention", "center"], ["detention", "center"]),
        (["c", "orporation"], ["corporation"]),
        (["home", "land"], ["home", "land"]),
        (["zel", "kova"], ["zel", "kova"]),
    ],
)
def test_halves_of_a_common_word_are_one_and_two_words_are_two(
    index: NameIndex, written: list[str], read: list[str]
) -> None:
    """One of the halves is no word itself."""
    assert [*index.vocabulary.slips.joined(written)] == read
