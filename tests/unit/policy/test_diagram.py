from itertools import product
from math import prod

from hypothesis import given
from hypothesis import strategies as st
from screening.policy.diagram import Diagrams, Function

SIZES = (2, 3, 2)
EVERYWHERE = list(product(*map(range, SIZES)))
TABLES = st.lists(st.integers(0, 2), min_size=len(EVERYWHERE), max_size=len(EVERYWHERE))


def build(diagrams: Diagrams, table: list[int]) -> Function:
    """Build the function with a value for each combination, as a sum over single combinations."""
    made = diagrams.leaf(0)
    for place, value in zip(EVERYWHERE, table, strict=True):
        point = diagrams.leaf(value)
        for number, index in enumerate(place):
            here = diagrams.variable(number, [int(each == index) for each in range(SIZES[number])])
            point = diagrams.apply(_times, point, here)
        made = diagrams.apply(_plus, made, point)
    return made


def _times(one: int, other: int) -> int:
    return one * other


def _plus(one: int, other: int) -> int:
    return one + other


@given(TABLES, TABLES)
def test_an_operation_on_functions_is_the_operation_on_their_values(one: list[int], other: list[int]) -> None:
    """Nothing may be lost by holding functions whole."""
    diagrams = Diagrams(SIZES)
    joined = diagrams.apply(_plus, build(diagrams, one), build(diagrams, other))
    assert [diagrams.at(joined, place) for place in EVERYWHERE] == [a + b for a, b in zip(one, other, strict=True)]


@given(TABLES)
def test_counts_are_those_of_the_table(table: list[int]) -> None:
    """Every combination is counted once."""
    diagrams = Diagrams(SIZES)
    function = build(diagrams, table)
    counted = [diagrams.count(function, value, [[1] * size for size in SIZES]) for value in range(3)]
    assert counted == [table.count(value) for value in range(3)]


@given(TABLES, st.tuples(*(st.lists(st.integers(1, 9), min_size=size, max_size=size) for size in SIZES)))
def test_a_combination_counts_for_all_that_it_stands_for(table: list[int], weights: tuple[list[int], ...]) -> None:
    """The number of combinations that a proof states is that of real values, not of classes."""
    diagrams = Diagrams(SIZES)
    stands_for = [prod(each[index] for each, index in zip(weights, place, strict=True)) for place in EVERYWHERE]
    expected = sum(many for many, value in zip(stands_for, table, strict=True) if value == 1)
    assert diagrams.count(build(diagrams, table), 1, weights) == expected


@given(TABLES, TABLES)
def test_a_combination_is_found_exactly_where_there_is_one(one: list[int], other: list[int]) -> None:
    """A counterexample is real, and its absence is proof."""
    diagrams = Diagrams(SIZES)
    first, second = (diagrams.image(_is_positive, build(diagrams, table)) for table in (one, other))
    found = diagrams.find(diagrams.both(first, second))
    wanted = [place for place, a, b in zip(EVERYWHERE, one, other, strict=True) if a and b]
    assert (found is None) == (not wanted)
    if found is not None:
        assert tuple(found) in wanted


def _is_positive(value: int) -> bool:
    return value > 0


@given(TABLES, st.dictionaries(st.integers(0, 2), st.integers(0, 1)))
def test_a_held_variable_has_its_value(table: list[int], hold: dict[int, int]) -> None:
    """The answer to a changed question is that of the changed combination."""
    diagrams = Diagrams(SIZES)
    held = diagrams.held(build(diagrams, table), hold)
    value = dict(zip(EVERYWHERE, table, strict=True))
    for place in EVERYWHERE:
        changed = tuple(hold.get(number, index) for number, index in enumerate(place))
        assert diagrams.at(held, place) == value[changed]
