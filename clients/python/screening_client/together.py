"""Items of a stream that are ready at the same time, taken together; nothing waits for more to come."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from typing import TypeVar

_Item = TypeVar("_Item")

MOST = 200
"""Most items taken together."""


async def together(items: AsyncIterable[_Item]) -> AsyncIterator[list[_Item]]:
    """Yield all items in order, in lists of 1 to MOST. An error of `items` is raised after those before it."""
    ready: asyncio.Queue[_Item | None] = asyncio.Queue(MOST)

    async def read() -> None:
        try:
            async for item in items:
                await ready.put(item)
        finally:
            await ready.put(None)

    reading = asyncio.create_task(read())
    try:
        while (item := await ready.get()) is not None:
            taken = [item]
            while len(taken) < MOST and not ready.empty() and (item := ready.get_nowait()) is not None:
                taken.append(item)
            yield taken
            if item is None:
                break
        await reading
    finally:
        reading.cancel()
