"""No published table gives a small count away."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from screening.suppression import Line, suppress

Cell = tuple[str, str]
TOTAL = "total"


def table(rows: list[list[int]]) -> tuple[dict[Cell, int], list[Line[Cell]]]:
    """Return the cells of rows and columns with their totals, and the equations between them."""
    names, months = [f"u{place}" for place in range(len(rows))], [f"m{place}" for place in range(len(rows[0]))]
    counts = {(name, month): rows[x][y] for x, name in enumerate(names) for y, month in enumerate(months)}
    lines = [Line((name, TOTAL), tuple((name, month) for month in months)) for name in names]
    lines += [Line((TOTAL, month), tuple((name, month) for name in names)) for month in (*months, TOTAL)]
    lines.append(Line((TOTAL, TOTAL), tuple((TOTAL, month) for month in months)))
    for line in lines:
        counts[line.total] = sum(counts[part] for part in line.parts)
    return counts, lines


def test_a_table_without_small_counts_is_published_whole() -> None:
    """Zeros tell of nobody."""
    assert suppress(*table([[20, 0], [11, 30]]), 11) == set()
    assert suppress(*table([[1, 2], [3, 4]]), 1) == set()


def test_a_small_count_takes_others_with_it() -> None:
    """One hidden cell in a row or column would follow from its total."""
    hidden = suppress(*table([[2, 40, 50], [30, 60, 70], [80, 90, 99]]), 11)
    assert ("u0", "m0") in hidden
    assert len(hidden & {("u0", "m0"), ("u0", "m1"), ("u0", "m2"), ("u0", TOTAL)}) >= 2
    assert len(hidden & {("u0", "m0"), ("u1", "m0"), ("u2", "m0"), (TOTAL, "m0")}) >= 2


def test_two_small_counts_whose_sum_is_small_are_not_left_with_their_total() -> None:
    """A total of 3 over two hidden cells tells nearly as much as the cells."""
    counts, lines = table([[1, 2, 0], [40, 40, 40], [40, 40, 40]])
    hidden = suppress(counts, lines, 11)
    assert ("u0", TOTAL) in hidden


@settings(max_examples=40)
@given(st.lists(st.lists(st.integers(0, 4), min_size=2, max_size=3), min_size=2, max_size=3), st.integers(2, 4))
def test_no_small_count_follows_from_what_is_published(rows: list[list[int]], threshold: int) -> None:
    """Among all tables that look the same when published, each small count could be another number."""
    width = min(map(len, rows))
    rows = [row[:width] for row in rows]
    counts, lines = table(rows)
    hidden = suppress(counts, lines, threshold)
    small = {cell for cell, count in counts.items() if 0 < count < threshold}
    assert small <= hidden
    published = {cell: count for cell, count in counts.items() if cell not in hidden}
    seen: dict[Cell, set[int]] = {cell: set() for cell in small}
    most = 5
    inner = [cell for cell in counts if TOTAL not in cell]
    free = [cell for cell in inner if cell in hidden]
    if len(free) > 4:
        return  # too many tables to look at
    for values in product(range(most + 1), repeat=len(free)):
        guess = dict(zip(free, values, strict=True))
        other, _ = table([[guess.get((f"u{x}", f"m{y}"), rows[x][y]) for y in range(width)] for x in range(len(rows))])
        if all(other[cell] == count for cell, count in published.items()):
            for cell, found in seen.items():
                found.add(other[cell])
    assert [cell for cell, found in seen.items() if len(found) < 2] == []


def test_a_year_of_many_units_is_solved_quickly() -> None:
    """Forty units by twelve months, half of the cells small."""
    rows = [[(unit * 7 + month * 5) % 23 for month in range(12)] for unit in range(40)]
    counts, lines = table(rows)
    hidden = suppress(counts, lines, 11)
    assert {cell for cell, count in counts.items() if 0 < count < 11} <= hidden


@pytest.mark.parametrize("threshold", [2, 11])
def test_a_lone_cell_hides_its_totals(threshold: int) -> None:
    """There is nothing else to hide it behind."""
    hidden = suppress(*table([[1, 0], [0, 0]]), threshold)
    assert {("u0", "m0"), ("u0", TOTAL), (TOTAL, "m0")} <= hidden
