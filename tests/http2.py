"""HTTP/2 as bytes, for peers that no library would be: frames (RFC 9113) and calls of gRPC in them."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from typing import NamedTuple

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS_KIND = 0, 1, 4
END_STREAM, END_HEADERS = 1, 4
_INITIAL_WINDOW_SIZE = 4


def frame(kind: int, flags: int, stream: int, payload: bytes, length: int | None = None) -> bytes:
    """Return a frame (RFC 9113, section 4.1), its length a lie if one is given."""
    size = len(payload) if length is None else length
    return struct.pack(">I", size)[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


SETTINGS = frame(SETTINGS_KIND, 0, 0, b"")
NO_WINDOW = frame(SETTINGS_KIND, 0, 0, struct.pack(">HI", _INITIAL_WINDOW_SIZE, 0))
"""Settings of a peer that takes no answer."""


def call(stream: int, path: str, message: bytes) -> bytes:
    """Return a whole call with one message; `stream` is odd, and higher than those before it on the connection."""
    names = {
        ":method": "POST",
        ":scheme": "http",
        ":path": path,
        ":authority": "localhost",
        "te": "trailers",
        "content-type": "application/grpc",
    }
    fields = b"".join(b"\x00" + _string(name) + _string(value) for name, value in names.items())
    body = b"\x00" + struct.pack(">I", len(message)) + message
    return frame(HEADERS, END_HEADERS, stream, fields) + frame(DATA, END_STREAM, stream, body)


def _string(text: str) -> bytes:
    """Return a string as it is, at most 126 bytes long (RFC 7541, section 5.2)."""
    return bytes([len(text)]) + text.encode()


class Frame(NamedTuple):
    """A frame that a peer sent."""

    kind: int
    flags: int
    stream: int
    payload: bytes


async def frames(reader: asyncio.StreamReader) -> AsyncIterator[Frame]:
    """Yield what a peer sends, until it closes the connection."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionResetError):
        while True:
            head = await reader.readexactly(9)
            size, kind, flags, stream = (
                int.from_bytes(head[:3]),
                head[3],
                head[4],
                int.from_bytes(head[5:]),
            )
            yield Frame(kind, flags, stream, await reader.readexactly(size))


def settings_in(payload: bytes) -> dict[int, int]:
    """Return the settings in a frame of them, by their number (RFC 9113, section 6.5)."""
    return dict(struct.iter_unpack(">HI", payload))
