"""Ids that the service makes, and who calls it."""

from datetime import datetime

from screening.randomness import random_bytes

_VERSION_AND_VARIANT = 0xF << 76 | 0x3 << 62
_VERSION_7 = 0x7 << 76 | 0x2 << 62


def new_id(time: datetime) -> str:
    """Return a UUID of version 7 (RFC 9562, section 5.7): 48 bits of milliseconds, then random bits."""
    value = int(time.timestamp() * 1000) << 80 | int.from_bytes(random_bytes(10))
    digits = f"{value & ~_VERSION_AND_VARIANT | _VERSION_7:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def caller_of(peer: str) -> str:
    """Return the caller's address without its port, from gRPC's peer text such as `ipv4:127.0.0.1:50111`."""
    scheme, _, rest = peer.partition(":")
    if scheme in ("ipv4", "ipv6"):
        return rest.rpartition(":")[0].replace("%5B", "").replace("%5D", "").strip("[]") or "unknown"
    return scheme or "unknown"
