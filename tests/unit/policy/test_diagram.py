from itertools import product

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
    counted = diagrams.count(build(diagrams, table), [[1] * size for size in SIZES])
    assert {value: many for value, many in counted.items() if many} == {each: table.count(each) for each in table}


@given(TABLES, TABLES, TABLES)
def test_a_combination_is_found_exactly_where_there_is_one(one: list[int], other: list[int], guard: list[int]) -> None:
    """A counterexample is real, and its absence is proof."""
    diagrams = Diagrams(SIZES)
    functions = (build(diagrams, one), build(diagrams, other))
    guarding = diagrams.apply(_is_positive, build(diagrams, guard), diagrams.leaf(0))
    found = diagrams.find(lambda a, b: a > b, guarding, functions)
    wanted = [place for place, a, b, speaks in zip(EVERYWHERE, one, other, guard, strict=True) if speaks and a > b]
    assert (found is None) == (not wanted)
    if found is not None:
        assert tuple(found) in wanted


def _is_positive(one: int, _: int) -> bool:
    return one > 0


@given(TABLES)
def test_a_held_variable_has_its_value(table: list[int]) -> None:
    """The answer to a changed question is that of the changed combination."""
    diagrams = Diagrams(SIZES)
    function = build(diagrams, table)
    value = dict(zip(EVERYWHERE, table, strict=True))
    found = diagrams.find(lambda a, b: a > b, diagrams.leaf(1), (function, function), ({}, {1: 0}))
    wanted = {place for place in EVERYWHERE if value[place] > value[place[0], 0, place[2]]}
    assert (found is None) == (not wanted)
    if found is not None:
        assert tuple(found) in wanted
