"""Decision diagrams: functions of many variables with few values each, held whole.

A function is a number, and equal functions have equal numbers. So two laws, or a law and what must hold of it, are
compared for every combination of values at once, without listing the combinations (R. E. Bryant, Graph-Based Algorithms
for Boolean Function Manipulation, 1986; here with many-valued variables and any leaves).
"""

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
        self._images: dict[Callable[[Any], Hashable], dict[Function, Function]] = {}
        self._both: dict[tuple[Function, Function], Function] = {}

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

    def image(self, of: Callable[[Any], Hashable], function: Function) -> Function:
        """Return the function whose value everywhere is `of` of the value of another; `of` as for `apply`."""
        nodes, end = self._nodes, len(self.sizes)
        done = self._images.setdefault(of, {})

        def walk(number: Function) -> Function:
            made = done.get(number)
            if made is None:
                place, inside = nodes[number]
                made = (
                    self.leaf(of(inside)) if place == end else self._node(place, tuple([walk(one) for one in inside]))
                )
                done[number] = made
            return made

        return walk(function)

    def both(self, first: Function, second: Function) -> Function:
        """Return where two functions are both true. Their values, and those of the result, are True and False."""
        nodes, done = self._nodes, self._both
        true, false = self.leaf(True), self.leaf(False)  # noqa: FBT003  # values

        def walk(one: Function, other: Function) -> Function:
            if other in (one, true):
                return one
            if one == true:
                return other
            if false in (one, other):
                return false
            pair = (one, other) if one < other else (other, one)
            made = done.get(pair)
            if made is None:
                (place, inside), (place2, inside2) = nodes[one], nodes[other]
                if place == place2:
                    children = [walk(a, b) for a, b in zip(inside, inside2, strict=True)]
                elif place < place2:
                    children = [walk(child, other) for child in inside]
                else:
                    children = [walk(one, child) for child in inside2]
                made = done[pair] = self._node(min(place, place2), tuple(children))
            return made

        return walk(first, second)

    def held(self, function: Function, hold: Held) -> Function:
        """Return a function with some variables held, so that it does not read them."""
        nodes, last = self._nodes, max(hold, default=-1)
        done: dict[Function, Function] = {}

        def walk(number: Function) -> Function:
            place, inside = nodes[number]
            if place > last:
                return number
            made = done.get(number)
            if made is None:
                index = hold.get(place)
                made = self._node(place, tuple([walk(one) for one in inside])) if index is None else walk(inside[index])
                done[number] = made
            return made

        return walk(function)

    def find(self, function: Function) -> list[int] | None:
        """Return a combination, as the index of each variable's value, where a function is true; None if there is none."""
        false = self.leaf(False)  # noqa: FBT003  # a value
        if function == false:
            return None
        found = [0] * len(self.sizes)
        place, inside = self._nodes[function]
        while place < len(self.sizes):  # a function that is not false everywhere is true somewhere
            found[place] = next(index for index, child in enumerate(inside) if child != false)
            place, inside = self._nodes[inside[found[place]]]
        return found

    def count(self, function: Function, value: Hashable, weights: Sequence[Sequence[int]]) -> int:
        """Return for how many combinations the function has a value; `weights` say for how many each index counts."""
        nodes, end = self._nodes, len(self.sizes)
        skipped = [prod(map(sum, weights[place:])) for place in range(end + 1)]
        done: dict[Function, int] = {}

        def below(number: Function, after: int) -> int:
            """Return the count over the variables that come after a place."""
            place, inside = nodes[number]
            if place == end:
                return skipped[after] if inside == value else 0
            if number not in done:
                done[number] = sum(
                    weight * below(child, place + 1) for child, weight in zip(inside, weights[place], strict=True)
                )
            return done[number] * (skipped[after] // skipped[place])

        return below(function, 0)

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
