"""Inputs of the fuzzer: a text or message that is good, and what edits make of it."""

from pathlib import Path
from random import Random

from hypothesis import strategies as st

CORPUS = Path(__file__).parent / "corpus"
BURST = 25
"""Inputs that are made of one drawn example; drawing costs more than most executions."""
LONGEST = 20_000
"""Longest input, in bytes."""
_MOST_EDITS = 6
_PIECES = (
    *(b"\x00", b"\xff", b"\x7f", b"\x80", b"\x0a\x00", b"\xe2\x80\xae", b"\xf0\x9f\x98\x80"),
    *(b"\n", b" ", b'"', b"'", b"{", b"}", b"[", b"]", b",", b";", b"- ", b": ", b"? ", b"|", b"&a ", b"*a", b"!!set "),
    *(b"-1", b"0", b"1e999", b"9" * 30, b"null", b"true", b"no", b"2018-02-30", b"NaN", b".", b"+", b"="),
)


def corpus(name: str) -> list[bytes]:
    """Return the inputs that a target begins with."""
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]


def bursts(name: str) -> st.SearchStrategy[list[bytes]]:
    """Return bursts of a target's inputs: one of its corpus after some edits, or bytes that are nothing."""
    good = st.sampled_from([*corpus(name), b""])
    return st.builds(_burst, good, st.integers(0, 2**63))


def _burst(given: bytes, number: int) -> list[bytes]:
    random = Random(number)  # not secret
    return [_edited(given, random) for _ in range(BURST)]


def _edited(given: bytes, random: Random) -> bytes:
    data = given
    for _ in range(random.randint(0, _MOST_EDITS)):
        at, length = random.randint(0, len(data)), random.randint(0, 32)
        piece = random.choice(_PIECES) if random.random() < 0.5 else random.randbytes(random.randint(1, 4))
        before, chosen, after = data[:at], data[at : at + length], data[at + length :]
        data = random.choice(
            (
                before + piece + chosen + after,
                before + piece + data[at + len(piece) :],
                before + after,
                before + chosen * 4 + after,
                before + after + chosen,
                before if random.random() < 0.1 else given,
            )
        )
    return data[:LONGEST]
