"""Protobuf fields put together from parts that are serialised already, so that nothing is serialised twice.

Source: Protocol Buffers encoding, "length-delimited records". Fields may stand in any order, and a message may be given
in several pieces that set different fields.
"""

from functools import lru_cache

_LENGTH_DELIMITED = 2
_LAST, _MORE = 0x7F, 0x80
"""A varint has seven bits a byte; the eighth says that more follow."""


def nested(number: int, content: bytes) -> bytes:
    """Return one field that holds a message, a text or bytes; `number` is from 1 to 2,047, both inclusive."""
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(content)) + content


@lru_cache(maxsize=4_096)
def _varint(value: int) -> bytes:
    found = bytearray()
    while value > _LAST:
        found.append(value & _LAST | _MORE)
        value >>= 7
    found.append(value)
    return bytes(found)
