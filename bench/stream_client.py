"""One stream of questions to the service: `python -m bench.stream_client TARGET METHOD FILE COUNT`.

Sends the messages in FILE in turn, COUNT in all, and reads as many answers; prints their number and the times of begin
and end. It neither builds nor reads messages, so that it costs the machine little. In FILE each message has its length
before it, in four bytes, most significant first.
"""

import sys
import time
from collections.abc import AsyncIterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import grpc
import uvloop


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


async def _stream(target: str, method: str, sent: Sequence[bytes], count: int) -> None:
    async def messages() -> AsyncIterator[bytes]:
        for message in islice(cycle(sent), count):
            yield message

    async with grpc.aio.insecure_channel(target) as channel:
        await channel.channel_ready()
        began = time.time()
        answers = 0
        call: Any = channel.stream_stream(method)
        async for _ in call(messages()):
            answers += 1
        print(answers, began, time.time())


if __name__ == "__main__":
    uvloop.run(_stream(sys.argv[1], sys.argv[2], _unframed(Path(sys.argv[3]).read_bytes()), int(sys.argv[4])))
