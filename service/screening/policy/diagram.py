"""Decision diagrams: functions of many variables with few values each, held whole.

A function is a number, and equal functions have equal numbers. So two laws, or a law and what must hold of it, are
compared for every combination of values at once, without listing the combinations (R. E. Bryant, Graph-Based Algorithms
for Boolean Function Manipulation, 1986; here with many-valued variables and any leaves).
"""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from math import prod
from typing import Any

Function = int
"""A function, by the number of its node."""
Combine = Callable[[Any, Any], Hashable]
"""Gives the value of a function from those of two others. Pure; the same object for the same operation."""

Held = Mapping[int, int]
"""Variables, by place, that are held at the value with an index."""


class Diagrams:
    """All functions over variables with given numbers of values, in a fixed order."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = tuple(sizes)
        self._nodes: list[tuple[int, Any]] = []
        """The variable's place and a function for each of its values; for a leaf, the last place and the value."""
        self._numbers: dict[tuple[int, Any], Function] = {}
        self._done: dict[Combine, dict[tuple[Function, Function], Function]] = {}

    def leaf(self, value: Hashable) -> Function:
        """Return the function that is `value` everywhere."""
        return self._number((len(self.sizes), value))

    def variable(self, place: int, values: Sequence[Hashable]) -> Function:
        """Return the function that reads one variable alone; `values` are its values, one for each of the variable's."""
        return self._node(place, tuple(self.leaf(value) for value in values))

    def apply(self, of: Combine, first: Function, second: Function) -> Function:
        """Return the function whose value everywhere is `of` of the values of two functions."""
        done = self._done.setdefault(of, {})
        nodes, end = self._nodes, len(self.sizes)

        def both(one: Function, other: Function) -> Function:
            made = done.get((one, other))
            if made is not None:
                return made
            (place, inside), (place2, inside2) = nodes[one], nodes[other]
            if place < place2:
                made = self._node(place, tuple([both(child, other) for child in inside]))
            elif place2 < place:
                made = self._node(place2, tuple([both(one, child) for child in inside2]))
            elif place == end:
                made = self.leaf(of(inside, inside2))
            else:
                made = self._node(place, tuple([both(a, b) for a, b in zip(inside, inside2, strict=True)]))
            done[one, other] = made
            return made

        return both(first, second)

    def find(
        self,
        wanted: Callable[[Any, Any], bool],
        guard: Function,
        functions: tuple[Function, Function],
        held: tuple[Held, Held] = ({}, {}),
    ) -> list[int] | None:
        """Return a combination, as the index of each variable's value, where the guard is true and two values are wanted.

        `held` says for each function at which places it is asked for another index than the combination's; the guard is
        asked like the first. `wanted` must be false for equal values. None where there is no such combination.
        """
        nodes, end, (hold, hold2) = self._nodes, len(self.sizes), held
        last = max([*hold, *hold2], default=-1)
        dead: set[tuple[Function, Function, Function]] = set()

        def search(numbers: tuple[Function, Function, Function]) -> list[tuple[int, int]] | None:
            guarding, one, other = numbers
            (at, inside), (at1, inside1), (at2, inside2) = nodes[guarding], nodes[one], nodes[other]
            place = min(at, at1, at2)
            if (at == end and not inside) or (one == other and place > last) or numbers in dead:
                return None
            if place == end:
                return [] if wanted(inside1, inside2) else None
            for index in range(self.sizes[place]):
                first = hold.get(place, index)
                below = (
                    guarding if at != place else inside[first],
                    one if at1 != place else inside1[first],
                    other if at2 != place else inside2[hold2.get(place, index)],
                )
                if (path := search(below)) is not None:
                    path.append((place, index))
                    return path
            dead.add(numbers)
            return None

        path = search((guard, *functions))
        return None if path is None else [dict(path).get(place, 0) for place in range(end)]

    def count(self, function: Function, weights: Sequence[Sequence[int]]) -> Counter[Any]:
        """Return for how many combinations the function has each value; `weights` say for how many each index counts."""
        totals = [sum(each) for each in weights]
        done: dict[Function, Counter[Any]] = {}

        def below(number: Function) -> Counter[Any]:
            place, inside = self._nodes[number]
            if place == len(self.sizes):
                return Counter({inside: 1})
            if number not in done:
                sums: Counter[Any] = Counter()
                for child, weight in zip(inside, weights[place], strict=True):
                    skipped = prod(totals[place + 1 : self._nodes[child][0]])
                    for value, many in below(child).items():
                        sums[value] += many * weight * skipped
                done[number] = sums
            return done[number]

        skipped = prod(totals[: self._nodes[function][0]])
        return Counter({value: many * skipped for value, many in below(function).items()})

    def values(self, function: Function) -> set[Any]:
        """Return every value that a function has somewhere."""
        found: set[Any] = set()
        seen, waiting = {function}, [function]
        while waiting:
            place, inside = self._nodes[waiting.pop()]
            if place == len(self.sizes):
                found.add(inside)
            else:
                waiting += {child for child in inside if child not in seen}
                seen.update(inside)
        return found

    def at(self, function: Function, indexes: Sequence[int]) -> Any:
        """Return the value of a function where the variables have the values with the given indexes."""
        place, inside = self._nodes[function]
        while place < len(self.sizes):
            place, inside = self._nodes[inside[indexes[place]]]
        return inside

    def _node(self, place: int, children: tuple[Function, ...]) -> Function:
        first = children[0]
        return first if children.count(first) == len(children) else self._number((place, children))

    def _number(self, node: tuple[int, Any]) -> Function:
        number = self._numbers.get(node)
        if number is None:
            number = self._numbers[node] = len(self._nodes)
            self._nodes.append(node)
        return number
