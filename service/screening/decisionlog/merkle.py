"""The Merkle tree of RFC 9162, section 2.1: roots, inclusion and consistency proofs, and their verification.

A node is named by its height (0: leaves) and its place from the left at that height; it is complete when all its
2**height leaves are there. Complete nodes never change again, so every hash of the tree at any size is made of them.
"""

import hashlib
from collections.abc import Callable, Sequence

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

Nodes = Callable[[int, int], bytes]
"""Gives the hash of a complete node by height and place."""


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node with two children (RFC 9162, section 2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def complete_hash(hashes: Sequence[bytes]) -> bytes:
    """Return the hash over a row of nodes of one height; their number is a power of two."""
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(row[place], row[place + 1]) for place in range(0, len(row), 2)]
    return row[0]


def root(size: int, nodes: Nodes) -> bytes:
    """Return the root of the tree of the first `size` leaves."""
    return _range_hash(0, size, nodes) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, nodes: Nodes) -> list[bytes]:
    """Return the proof that leaf `index` is in the tree of `size` leaves (section 2.1.3.1)."""
    if not 0 <= index < size:
        raise ValueError("the leaf is not in the tree")
    return _inclusion(index, 0, size, nodes)


def consistency_proof(first: int, second: int, nodes: Nodes) -> list[bytes]:
    """Return the proof that the tree of `first` leaves is a beginning of that of `second` (section 2.1.4.1)."""
    if not 0 < first <= second:
        raise ValueError("there is no proof between these sizes")
    return _consistency(first, 0, second, nodes, whole=True)


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], expected: bytes) -> bool:
    """Say whether a proof shows that `leaf` is at `index` under a root (section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node_hash(sibling, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and found == expected


def verify_consistency(first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]) -> bool:
    """Say whether a proof shows that one root's tree is a beginning of the other's (section 2.1.4.2)."""
    if first == second:
        return not proof and first_root == second_root
    if not 0 < first < second:
        return False
    path = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    if not path:
        return False
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root


def _split(size: int) -> int:
    """Return the largest power of two smaller than `size`."""
    return 1 << (size - 1).bit_length() - 1


def _range_hash(start: int, end: int, nodes: Nodes) -> bytes:
    size = end - start
    if size & (size - 1) == 0:
        height = size.bit_length() - 1
        return nodes(height, start >> height)
    middle = start + _split(size)
    return node_hash(_range_hash(start, middle, nodes), _range_hash(middle, end, nodes))


def _inclusion(index: int, start: int, end: int, nodes: Nodes) -> list[bytes]:
    if end - start == 1:
        return []
    middle = start + _split(end - start)
    if index < middle:
        return [*_inclusion(index, start, middle, nodes), _range_hash(middle, end, nodes)]
    return [*_inclusion(index, middle, end, nodes), _range_hash(start, middle, nodes)]


def _consistency(first: int, start: int, end: int, nodes: Nodes, *, whole: bool) -> list[bytes]:
    """Return SUBPROOF of the RFC; `whole` says that the old tree's root is the caller's own."""
    if first == end:
        return [] if whole else [_range_hash(start, end, nodes)]
    middle = start + _split(end - start)
    if first <= middle:
        return [*_consistency(first, start, middle, nodes, whole=whole), _range_hash(middle, end, nodes)]
    return [*_consistency(first, middle, end, nodes, whole=False), _range_hash(start, middle, nodes)]
