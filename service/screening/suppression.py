"""Small cells of a table of counts are suppressed, and as many more as it takes that no total gives them away.

A cell that is published as 2 tells of two people, and whoever knows one of them learns of the other. So a count from 1 to
below the threshold is hidden (primary suppression); and because totals are published too, further cells are hidden until
no hidden cell, and no sum of hidden cells below the threshold, follows from what is published (complementary
suppression). What follows is found by solving the table's own equations for the hidden cells.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Line(Generic[Key]):
    """One equation of a table: the total is the sum of its parts."""

    total: Key
    parts: tuple[Key, ...]

    def cells(self) -> tuple[Key, ...]:
        """Return every cell that stands in it."""
        return (*self.parts, self.total)


@dataclass
class _Equation(Generic[Key]):
    """Hidden cells with their factors, and what the sum of them is."""

    factors: dict[Key, Fraction]
    value: Fraction

    def subtract(self, other: "_Equation[Key]", times: Fraction) -> None:
        for cell, factor in other.factors.items():
            left = self.factors.get(cell, Fraction(0)) - times * factor
            if left:
                self.factors[cell] = left
            else:
                self.factors.pop(cell, None)
        self.value -= times * other.value


def suppress(counts: Mapping[Key, int], lines: Sequence[Line[Key]], threshold: int) -> set[Key]:
    """Return the cells to hide; every cell of `lines` has a count. A threshold of 1 hides nothing."""
    hidden = {cell for cell, count in counts.items() if 0 < count < threshold}
    by_cell: dict[Key, list[Line[Key]]] = {}
    for line in lines:
        for cell in line.cells():
            by_cell.setdefault(cell, []).append(line)
    while given_away := _given_away(counts, lines, hidden, threshold):
        fresh = {
            more for cell in given_away if (more := _cover(cell, by_cell.get(cell, ()), counts, hidden)) is not None
        }
        if not fresh:
            break  # each of them stands in lines that are hidden as a whole
        hidden |= fresh
    return hidden


def _given_away(counts: Mapping[Key, int], lines: Iterable[Line[Key]], hidden: set[Key], threshold: int) -> list[Key]:
    """Return a hidden cell of each equation that says too much."""
    found = []
    for equation in _solved([*_equations(counts, lines, hidden)]):
        known = len(equation.factors) == 1
        small_sum = all(factor > 0 for factor in equation.factors.values()) and equation.value < threshold
        if known or small_sum:
            found.append(next(iter(equation.factors)))
    return found


def _equations(counts: Mapping[Key, int], lines: Iterable[Line[Key]], hidden: set[Key]) -> Iterator[_Equation[Key]]:
    """Yield what the published cells of each line say of its hidden ones."""
    for line in lines:
        factors = {cell: Fraction(1) for cell in line.parts if cell in hidden}
        if line.total in hidden:
            factors[line.total] = Fraction(-1)
        if factors:
            value = sum(counts[cell] * int(factor) for cell, factor in factors.items())
            yield _Equation(factors, Fraction(value))


def _solved(equations: list[_Equation[Key]]) -> list[_Equation[Key]]:
    """Return the reduced row echelon form: a cell is determined if and only if it stands in a row alone."""
    rows: dict[Key, _Equation[Key]] = {}
    for equation in equations:
        for pivot in [cell for cell in equation.factors if cell in rows]:
            equation.subtract(rows[pivot], equation.factors[pivot])
        if not equation.factors:
            continue
        pivot, factor = next(iter(equation.factors.items()))
        scaled = _Equation({cell: each / factor for cell, each in equation.factors.items()}, equation.value / factor)
        for row in rows.values():
            if pivot in row.factors:
                row.subtract(scaled, row.factors[pivot])
        rows[pivot] = scaled
    return list(rows.values())


def _cover(cell: Key, lines: Iterable[Line[Key]], counts: Mapping[Key, int], hidden: set[Key]) -> Key | None:
    """Return the cell to hide beside one that is given away: the smallest part with a count, else a total, else a zero."""
    for line in lines:
        beside = [part for part in line.parts if part not in hidden and part != cell]
        counted = [part for part in beside if counts[part]]
        if counted:
            return min(counted, key=lambda part: counts[part])
        if line.total not in hidden and line.total != cell:
            return line.total
        if beside:
            return beside[0]
    return None
