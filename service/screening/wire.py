"""Protobuf fields put together from parts that are serialised already, so that nothing is serialised twice.

Source: Protocol Buffers encoding, "length-delimited records". Fields may stand in any order, and a message may be given
in several pieces that set different fields.
"""

_LENGTH_DELIMITED = 2
_LAST, _MORE = 0x7F, 0x80
"""A varint has seven bits a byte; the eighth says that more follow."""


def nested(number: int, content: bytes) -> bytes:
    """Return one field that holds a message, a text or bytes; `number` is from 1 to 15, both inclusive."""
    size = len(content)
    head = bytearray((number << 3 | _LENGTH_DELIMITED,))
    while size > _LAST:
        head.append(size & _LAST | _MORE)
        size >>= 7
    head.append(size)
    return bytes(head) + content
