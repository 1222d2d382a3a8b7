"""Tiles: the tree's hashes in rows of 256, laid out as C2SP tlog-tiles has it.

The tile `n` of level `l` holds the nodes of height 8*l from place 256*n on; only full tiles have a node at the level
above. A tree of one size has at most one partial tile a level, on its right edge; from the edge alone the tree grows.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from screening.decisionlog import merkle
from screening.decisionlog.merkle import HASH_BYTES

WIDTH = 256
HEIGHT = 8


@dataclass(frozen=True, order=True)
class TileId:
    """One tile by level and place."""

    level: int
    n: int

    def path(self, width: int = WIDTH) -> str:
        """Return the tile's path below the log's prefix; a width below 256 is that of a partial tile."""
        return f"tile/{self.level}/{_path(self.n, width)}"

    def leaves(self) -> int:
        """Return how many leaves are below each of the tile's hashes."""
        return 1 << HEIGHT * self.level

    def span(self) -> tuple[int, int]:
        """Return the first leaf below the full tile, and the first one after it."""
        width = WIDTH * self.leaves()
        return self.n * width, (self.n + 1) * width

    def above(self) -> "TileId":
        """Return the tile in which the full tile's hash stands."""
        return TileId(self.level + 1, self.n // WIDTH)


def entries_path(n: int, width: int = WIDTH) -> str:
    """Return the path of a bundle of entries."""
    return f"tile/entries/{_path(n, width)}"


def _path(n: int, width: int) -> str:
    digits = f"{n:03}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[place : place + 3] for place in range(0, len(digits), 3)]
    whole = "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
    return whole if width == WIDTH else f"{whole}.p/{width}"


def entry_bundle(entries: Iterable[bytes]) -> bytes:
    """Return a bundle of entries, each after its length in two bytes. Raises OverflowError beyond 65,535 bytes."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def tile_of(height: int, place: int) -> TileId:
    """Return the tile from which a node's hash can be made."""
    level, above = divmod(height, HEIGHT)
    return TileId(level, (place << above) // WIDTH)


def node_in(hashes: bytes, height: int, place: int) -> bytes:
    """Return a complete node's hash from its tile. Raises ValueError if the tile is too short for it."""
    above = height % HEIGHT
    start = (place << above) % WIDTH
    row = hashes[start * HASH_BYTES : (start + (1 << above)) * HASH_BYTES]
    if len(row) != HASH_BYTES << above:
        raise ValueError("the tile does not hold the node")
    return merkle.complete_hash(_row_of(row))


def _row_of(hashes: bytes) -> list[bytes]:
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]


def wanted(walk: Callable[[merkle.Nodes], object]) -> set[TileId]:
    """Return the tiles that a walk over nodes will read, such as the making of a proof."""
    tiles: set[TileId] = set()

    def note(height: int, place: int) -> bytes:
        tiles.add(tile_of(height, place))
        return bytes(HASH_BYTES)

    walk(note)
    return tiles


def nodes_of(tiles: dict[TileId, bytes]) -> merkle.Nodes:
    """Return a reader of nodes over tiles at hand. Its ValueError says that a tile is missing or too short."""

    def node(height: int, place: int) -> bytes:
        return node_in(tiles.get(tile_of(height, place), b""), height, place)

    return node


def edge_ids(size: int) -> list[tuple[TileId, int]]:
    """Return the partial tiles of a tree, each with its width."""
    found = []
    level, row = 0, size
    while row:
        if row % WIDTH:
            found.append((TileId(level, row // WIDTH), row % WIDTH))
        level, row = level + 1, row // WIDTH
    return found


def all_ids(size: int) -> Iterator[tuple[TileId, int]]:
    """Yield every tile of a tree with its width, level by level."""
    level, row = 0, size
    while row:
        yield from ((TileId(level, n), min(WIDTH, row - n * WIDTH)) for n in range(-(-row // WIDTH)))
        level, row = level + 1, row // WIDTH


def lineage(some: Iterable[TileId], size: int) -> list[TileId]:
    """Return the full tiles among some in a tree of a size, and the full ones above them, the highest first."""
    found: set[TileId] = set()
    for each in some:
        while each.span()[1] <= size and each not in found:
            found.add(each)
            each = each.above()  # noqa: PLW2901  # the walk goes up
    return sorted(found, reverse=True)


def hash_above(each: TileId, above: bytes) -> bytes:
    """Return the hash of a full tile as it stands in the tile above it. Raises ValueError if that is too short."""
    return node_in(above, HEIGHT * (each.level + 1), each.n)


def is_sound(each: TileId, hashes: bytes, above: bytes) -> bool:
    """Say whether a full tile has the hash that stands in the tile above it."""
    try:
        return len(hashes) == WIDTH * HASH_BYTES and merkle.complete_hash(_row_of(hashes)) == hash_above(each, above)
    except ValueError:
        return False


class Edge:
    """A tree that grows: it holds its size and the partial tile of each level, 8 KiB at most each, and nothing else."""

    def __init__(self, size: int = 0, partial: dict[TileId, bytes] | None = None) -> None:
        """Take a size and the partial tiles of that size (`edge_ids`). Raises ValueError if one is too short."""
        self.size = size
        self._rows: list[bytearray] = []
        for tile, width in edge_ids(size):
            hashes = (partial or {}).get(tile, b"")[: width * HASH_BYTES]
            if len(hashes) != width * HASH_BYTES:
                raise ValueError("a partial tile is missing or too short")
            self._row(tile.level)[:] = hashes

    def extend(self, leaves: Iterable[bytes]) -> list[tuple[TileId, bytes]]:
        """Add leaf hashes in order; return the tiles that became full."""
        full: list[tuple[TileId, bytes]] = []
        for leaf in leaves:
            row = self._row(0)
            row += leaf
            self.size += 1
            if len(row) == WIDTH * HASH_BYTES:
                self._close(0, full)
        return full

    def _close(self, level: int, full: list[tuple[TileId, bytes]]) -> None:
        """Pass a full tile's hash up, as far as that fills further tiles."""
        hashes = bytes(self._row(level))
        full.append((TileId(level, (self.size >> HEIGHT * level) // WIDTH - 1), hashes))
        self._row(level).clear()
        above = self._row(level + 1)
        above += merkle.complete_hash(_row_of(hashes))
        if len(above) == WIDTH * HASH_BYTES:
            self._close(level + 1, full)

    def partial(self) -> list[tuple[TileId, bytes]]:
        """Return the partial tiles of this size."""
        return [(tile, bytes(self._rows[tile.level])) for tile, _ in edge_ids(self.size)]

    def root(self) -> bytes:
        """Return the root of this size."""
        return merkle.root(self.size, nodes_of(dict(self.partial())))

    def _row(self, level: int) -> bytearray:
        while len(self._rows) <= level:
            self._rows.append(bytearray())
        return self._rows[level]
