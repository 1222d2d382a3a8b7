"""One stream of questions to the service: `python -m bench.stream_client TARGET METHOD FILE COUNT`.

Sends the message in FILE COUNT times and reads as many answers; prints their number and the times of begin and end. It
neither builds nor reads messages, so that it costs the machine little.
"""

import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import uvloop


async def _stream(target: str, method: str, message: bytes, count: int) -> None:
    async def messages() -> AsyncIterator[bytes]:
        for _ in range(count):
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
    uvloop.run(_stream(sys.argv[1], sys.argv[2], Path(sys.argv[3]).read_bytes(), int(sys.argv[4])))
