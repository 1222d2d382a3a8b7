"""What a look-up may cost is bounded by counts, whatever the name is; `make names-hard` asks far more of the same."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import OSA
from screening.bundle import Bundle
from screening.names.edits import Neighbours, budget
from screening.names.match import NameIndex
from screening.names.normalize import MAX_CHARS, MOST_NAMES, MOST_WORDS, names, read

from bench.names.hard import MOST_COMPARED, drawn, longest

EACH = 60
ORDINARY_MOST = 64
"""Registered names with which any registered name is compared at most: a look-up's cost does not creep up."""


def bounded(index: NameIndex, name: str) -> None:
    """Resolve a name, which must not raise, and count what was looked at."""
    index.resolve(name)
    found = names(name, index.vocabulary)
    assert len(found) <= MOST_NAMES
    assert sum(map(len, found)) <= 2 * MAX_CHARS + 1
    for plain in found:
        written = read(plain, index.vocabulary)
        assert len(written.words) <= MOST_WORDS + len(written.domains)
    assert index.compared(name) <= MOST_COMPARED


def test_no_hard_name_raises_or_is_compared_with_too_many(bundle: Bundle) -> None:
    """Random Unicode, registered words and names in any order, signs and marks; a sample of what `make names-hard` asks."""
    random = Random(11)
    for draw in drawn(bundle.names).values():
        for _ in range(EACH):
            bounded(bundle.names, draw(random))


def test_no_long_text_raises_or_is_looked_at_whole(bundle: Bundle) -> None:
    """The longest name in the worst scripts, and a million characters past the check of the API."""
    for text in longest():
        bounded(bundle.names, text)
        assert bundle.names.resolve(text) is bundle.names.resolve(text[:MAX_CHARS])


@settings(max_examples=300)
@given(text=st.text(max_size=600))
def test_no_text_raises(bundle: Bundle, text: str) -> None:
    """Any characters, assigned or not."""
    bounded(bundle.names, text)


def test_a_registered_name_is_compared_with_few(bundle: Bundle) -> None:
    """The index finds what a name may be without comparing it with most of the registry."""
    assert max(bundle.names.compared(form.alias.text) for form in bundle.names.forms) <= ORDINARY_MOST


WORDS = st.text("abrn", min_size=4, max_size=14)


@settings(max_examples=300)
@given(strings=st.sets(WORDS, max_size=40), asked=WORDS)
def test_all_strings_within_their_budget_of_edits_are_found(strings: set[str], asked: str) -> None:
    """As by comparing with each."""
    near = {other for other in strings if 0 < budget(len(other)) >= OSA.distance(asked, other)}
    assert set(Neighbours(strings).near(asked)) == near
