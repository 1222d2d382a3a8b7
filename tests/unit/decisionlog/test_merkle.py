from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree
from screening.decisionlog import merkle, tile
from screening.decisionlog.record import leaf_hash
from screening.decisionlog.tile import Edge, TileId

SIZES = st.integers(1, 700)


@cache
def grown(size: int) -> tuple[bytes, dict[TileId, bytes]]:
    """Return root and tiles of a log whose records are its numbers."""
    edge = Edge()
    tiles = dict(edge.extend(leaf_hash(str(number).encode()) for number in range(size)))
    tiles |= dict(edge.partial())
    return edge.root(), tiles


@cache
def other(size: int) -> InmemoryTree:
    """Return the tree of an independent implementation over the same records."""
    tree = InmemoryTree(algorithm="sha256")
    for number in range(size):
        tree.append_entry(str(number).encode())
    return tree


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 255, 256, 257, 511, 512, 700, 65_536, 65_537, 70_000])
def test_roots_are_those_of_an_independent_implementation(size: int) -> None:
    """Around each border of tiles."""
    assert grown(size)[0] == other(70_000).get_root(size)


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    """RFC 9162, section 2.1.1."""
    assert Edge().root() == merkle.EMPTY_ROOT


@given(SIZES, st.data())
def test_inclusion_is_proven_and_nothing_else(size: int, data: st.DataObject) -> None:
    """The proof holds for its leaf, index, size and root, and for no other."""
    index = data.draw(st.integers(0, size - 1))
    root, tiles = grown(size)
    proof = merkle.inclusion_proof(index, size, tile.nodes_of(tiles))
    leaf = leaf_hash(str(index).encode())
    assert merkle.verify_inclusion(index, size, leaf, proof, root)
    assert not merkle.verify_inclusion(index, size, leaf_hash(b"another"), proof, root)
    assert not merkle.verify_inclusion(index, size, leaf, [*proof, root], root)
    assert not merkle.verify_inclusion(index, size, leaf, proof, bytes(32))
    assert not merkle.verify_inclusion(size, size, leaf, proof, root)
    if proof:
        assert not merkle.verify_inclusion(index, size, leaf, proof[:-1], root)
        assert not merkle.verify_inclusion(index, size, leaf, [bytes(32), *proof[1:]], root)
        assert not merkle.verify_inclusion(index ^ 1, size, leaf, proof, root)


@given(SIZES, st.data())
def test_proofs_are_those_of_an_independent_implementation(size: int, data: st.DataObject) -> None:
    """The same hashes in the same order, as far as the other counts leaves from one."""
    index = data.draw(st.integers(0, size - 1))
    nodes = tile.nodes_of(grown(size)[1])
    theirs = other(700).prove_inclusion(index + 1, size).serialize()["path"]
    assert [each.hex() for each in merkle.inclusion_proof(index, size, nodes)] == theirs[1:]


@given(SIZES, SIZES)
def test_consistency_is_proven_and_nothing_else(one: int, another: int) -> None:
    """A log that grew is shown to have only grown."""
    first, second = sorted((one, another))
    (old, _), (new, tiles) = grown(first), grown(second)
    proof = merkle.consistency_proof(first, second, tile.nodes_of(tiles))
    assert merkle.verify_consistency(first, second, old, new, proof)
    assert not merkle.verify_consistency(first, second, bytes(32), new, proof)
    assert not merkle.verify_consistency(first, second, old, bytes(32), proof)
    assert not merkle.verify_consistency(first, second, old, new, [*proof, old])
    if first < second:
        assert not merkle.verify_consistency(first, second, old, new, proof[:-1])
        assert not merkle.verify_consistency(second, first, new, old, proof)


@given(SIZES, SIZES)
def test_a_tree_grows_on_from_its_edge(one: int, another: int) -> None:
    """Nothing but the partial tiles is needed to go on."""
    first, second = sorted((one, another))
    edge = Edge(first, grown(second)[1])
    assert edge.root() == grown(first)[0]
    edge.extend(leaf_hash(str(number).encode()) for number in range(first, second))
    assert edge.root() == grown(second)[0]


def test_a_cut_tile_is_no_edge() -> None:
    """Half a tile is never taken for a whole one."""
    _, tiles = grown(700)
    with pytest.raises(ValueError, match="too short"):
        Edge(700, {each: hashes[:-32] for each, hashes in tiles.items()})


@pytest.mark.parametrize(
    ("place", "path"),
    [
        (TileId(0, 0).path(), "tile/0/000"),
        (TileId(1, 999).path(3), "tile/1/999.p/3"),
        (TileId(0, 1_234_067).path(), "tile/0/x001/x234/067"),
        (TileId(2, 1_000).path(), "tile/2/x001/000"),
        (tile.entries_path(5, 17), "tile/entries/005.p/17"),
    ],
)
def test_tiles_lie_where_tlog_tiles_says(place: str, path: str) -> None:
    """Three digits a folder, all but the last with an x."""
    assert place == path


def test_a_tree_has_the_tiles_that_tlog_tiles_says() -> None:
    """The specification's own example of 70,000 entries."""
    found = list(tile.all_ids(70_000))
    assert sum(each.level == 0 and width == 256 for each, width in found) == 273
    partial = [(each.level, width) for each, width in found if width < 256]
    assert partial == [(0, 112), (1, 17), (2, 1)]
    assert sorted(found, key=lambda pair: pair[0]) == sorted(
        (each, len(hashes) // 32) for each, hashes in grown(70_000)[1].items()
    )
    assert tile.edge_ids(256) == [(TileId(1, 0), 1)]
