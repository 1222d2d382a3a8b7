"""Protobuf fields put together from serialised parts, so that nothing is serialised twice, and taken apart unparsed.

Source: Protocol Buffers encoding, "length-delimited records". Fields may stand in any order, and a message may be given
in several pieces that set different fields.
"""

from collections.abc import Iterator
from functools import lru_cache
from struct import Struct

_VARINT, _FIXED_64, _LENGTH_DELIMITED, _FIXED_32 = 0, 1, 2, 5
_FIXED_BYTES = {_FIXED_64: 8, _FIXED_32: 4}
_EIGHT_BYTES = Struct("<Q")
_LAST, _MORE = 0x7F, 0x80
"""A varint has seven bits a byte; the eighth says that more follow."""
_LONGEST_VARINT = 10


def nested(number: int, content: bytes) -> bytes:
    """Return one field that holds a message, a text or bytes; `number` is from 1 to 2,047, both inclusive."""
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(content)) + content


def fixed64(number: int, value: int) -> bytes:
    """Return one field of type fixed64; `value` is from 0 to 2**64 - 1, both inclusive."""
    return _varint(number << 3 | _FIXED_64) + _EIGHT_BYTES.pack(value)


@lru_cache(maxsize=4_096)
def _varint(value: int) -> bytes:
    found = bytearray()
    while value > _LAST:
        found.append(value & _LAST | _MORE)
        value >>= 7
    found.append(value)
    return bytes(found)


def occurrences(message: bytes, number: int) -> Iterator[bytes]:
    """Yield the content of each occurrence of a field that holds messages, texts or bytes. Raises ValueError.

    Other fields are passed over, and not looked into.
    """
    at = 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        start, end = _extent(message, at, tag & 7)
        if tag == number << 3 | _LENGTH_DELIMITED:
            yield message[start:end]
        at = end


def _extent(message: bytes, at: int, kind: int) -> tuple[int, int]:
    """Return where the value of a field begins and ends."""
    start = at
    if kind == _LENGTH_DELIMITED:
        length, start = _read_varint(message, at)
        end = start + length
    elif kind == _VARINT:
        _, end = _read_varint(message, at)
    elif kind in _FIXED_BYTES:
        end = at + _FIXED_BYTES[kind]
    else:  # a group, which no field of ours is
        raise ValueError
    if end > len(message):
        raise ValueError
    return start, end


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """Return the number that stands at a place, and the place after it."""
    value = shift = 0
    for place in range(at, min(at + _LONGEST_VARINT, len(message))):
        value |= (message[place] & _LAST) << shift
        if message[place] <= _LAST:
            return value, place + 1
        shift += 7
    raise ValueError
