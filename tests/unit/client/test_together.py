import asyncio
from collections.abc import AsyncIterator

import pytest
from screening_client.together import MOST, together


async def numbers(count: int) -> AsyncIterator[int]:
    """Yield numbers that are all ready at once."""
    for number in range(count):
        yield number


@pytest.mark.parametrize("count", [0, 1, MOST - 1, MOST, MOST + 1, 3 * MOST + 7])
async def test_every_item_comes_once_and_in_order(count: int) -> None:
    """In lists that are neither empty nor too long."""
    lists = [taken async for taken in together(numbers(count))]
    assert [number for taken in lists for number in taken] == list(range(count))
    assert all(1 <= len(taken) <= MOST for taken in lists)
    assert len(lists) <= count / MOST + 2


async def test_nothing_waits_for_more_to_come() -> None:
    """An item that comes alone goes alone."""
    more = asyncio.Event()

    async def slow() -> AsyncIterator[int]:
        yield 1
        await more.wait()
        yield 2

    lists = together(slow())
    assert await anext(lists) == [1]
    more.set()
    assert await anext(lists) == [2]


async def test_an_error_of_the_items_is_raised_after_those_before_it() -> None:
    """Nothing is lost and nothing is hidden."""

    async def broken() -> AsyncIterator[int]:
        yield 1
        raise LookupError("no more")

    taken = []
    with pytest.raises(LookupError, match="no more"):
        async for some in together(broken()):
            taken += some
    assert taken == [1]
