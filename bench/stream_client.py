"""Streams of questions to the service: `python -m bench.stream_client TARGET METHOD FILE SECONDS`.

Sends the messages in FILE in turn, for SECONDS on each of a few connections, and reads as many answers; prints their
number and the times of begin and end. It neither builds nor reads messages, so that it costs the machine little. In FILE each message has its length
before it, in four bytes, most significant first.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import grpc
import uvloop

CONNECTIONS = 2
UNANSWERED = 2
"""Messages of one stream that wait for their answers: as many as keep the service busy, and none that it queues."""
_ALONE = (("grpc.use_local_subchannel_pool", 1),)
"""A connection that is shared with no other channel, as two clients would have two."""


def framed(messages: Sequence[bytes]) -> bytes:
    """Return messages as they stand in FILE."""
    return b"".join(len(message).to_bytes(4) + message for message in messages)


def _unframed(content: bytes) -> list[bytes]:
    found = []
    start = 0
    while start < len(content):
        end = start + 4 + int.from_bytes(content[start : start + 4])
        found.append(content[start + 4 : end])
        start = end
    return found


async def _stream(target: str, method: str, sent: Sequence[bytes], seconds: int) -> int:
    """Run one stream on a connection of its own; return the number of answers."""
    async with grpc.aio.insecure_channel(target, options=_ALONE) as channel:
        await channel.channel_ready()
        end = time.monotonic() + seconds
        room = asyncio.Semaphore(UNANSWERED)

        async def messages() -> AsyncIterator[bytes]:
            for message in cycle(sent):
                await room.acquire()
                if time.monotonic() > end:
                    return
                yield message

        answers = 0
        call: Any = channel.stream_stream(method)
        async for _ in call(messages()):
            answers += 1
            room.release()
        return answers


async def _streams(target: str, method: str, sent: Sequence[bytes], seconds: int) -> None:
    began = time.time()
    answers = await asyncio.gather(*(_stream(target, method, sent, seconds) for _ in range(CONNECTIONS)))
    print(sum(answers), began, time.time())


if __name__ == "__main__":
    uvloop.run(_streams(sys.argv[1], sys.argv[2], _unframed(Path(sys.argv[3]).read_bytes()), int(sys.argv[4])))
