"""The messages of one call, in and out; none is waited for without end."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from typing import Any, NoReturn

import grpc

from screening.errors import SlowReader, Unparseable
from screening.transport import status

MESSAGE_SECONDS = 10
"""How long the message of a call may be on its way once the call has begun."""
REFUSED_SECONDS, REFUSED_MESSAGES = 1, 8
"""How long a call that is refused already may go on sending, and how much."""
UNREAD_SECONDS = 30
"""How long an answer of a stream may wait for the caller to take it."""

Context = grpc.aio.ServicerContext[Any, Any]


async def read_message(context: Context, place: AbstractAsyncContextManager[None]) -> bytes:
    """Return the message of a call, read once there is a `place` for it. Raises Unparseable where none comes."""
    try:
        async with asyncio.timeout(MESSAGE_SECONDS), place:
            message = await context.read()
    except TimeoutError:
        message = grpc.aio.EOF
    if message is grpc.aio.EOF:
        raise Unparseable
    body: bytes = message
    return body


async def let_finish(context: Context) -> None:
    """Take what a caller sends that is refused before it came, a few messages at most, and forget it.

    A client that is cut off while it sends is told by its own library of an internal error, and not of the reason.
    """
    with contextlib.suppress(Exception):  # none came: then the client is not sending
        async with asyncio.timeout(REFUSED_SECONDS):
            for _ in range(REFUSED_MESSAGES):
                if await context.read() is grpc.aio.EOF:
                    break


async def write_all(replies: AsyncGenerator[bytes, None], context: Context) -> None:
    """Write a stream's answers as fast as the caller takes them. Raises SlowReader where it takes none."""
    async with contextlib.aclosing(replies):
        async for reply in replies:
            try:
                async with asyncio.timeout(UNREAD_SECONDS):
                    await context.write(reply)
            except TimeoutError:
                raise SlowReader(UNREAD_SECONDS) from None


async def refuse(context: Context, rpc: str, error: Exception) -> NoReturn:
    """End a call with the status of an error, and nothing of its text."""
    row = status.of(error)
    await context.abort(row.code, row.text, status.trailers(error, rpc))
