"""The tree in the database: records that became durable are put into tiles, and a checkpoint is signed over them.

Tiles and checkpoint are written in one transaction, so that a crash leaves the tree at the size of its last checkpoint
and integration goes on from there. Nothing is signed that does not continue what was signed before: the edge of the tree
is compared with the last checkpoint whenever it is loaded. A full tile has its hash in the tile above it, up to that edge:
it is compared whenever it is read, and all of them in turn, a few with each checkpoint; a wrong one is made anew.

Commits wait while any of this runs, so it is done in pieces: the tree grows in memory until a checkpoint is due.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from screening.decisionlog import merkle, tile
from screening.decisionlog.checkpoint import BadNote, Checkpoint, Head, Signer, VerifierKey, open_note, unverified
from screening.decisionlog.tile import HEIGHT, WIDTH, Edge, TileId
from screening.errors import LogTampered
from screening.storage.database import Database, Session, writing

STEP = 65_536
"""Most records between two checkpoints; it bounds memory and the size of one transaction."""
TILES_REBUILT = "tiles_rebuilt"
_LOOKED_AT_FIRST = 256
"""Full tiles that are compared at the start."""
_ROWS = 4_096
_LEAST = 64
"""Records that the tree grows by at once, where fewer are its share."""
_COUNTED = """
SELECT (SELECT coalesce(max(log_index) + 1, 0) FROM record), (SELECT next_index FROM tail WHERE one = 1)
"""  # in one statement, because other instances may be appending


class Integrator:
    """Grows the tree through the writer's session, if this instance is the one that integrates."""

    def __init__(self, database: Database, log: Session, repairs: list[str]) -> None:
        self._database = database
        self._log = log
        self._repairs = repairs
        self._edge: Edge | None = None
        """The tree in memory; it may be ahead of the checkpoint `_signed`, by the tiles `_full` among others."""
        self._signed = 0
        self._full: list[tuple[TileId, bytes]] = []
        self._round: Iterator[TileId] = iter(())

    def grow(self, signer: Signer, pieces: int) -> bool:
        """Grow the tree in memory by one of so many pieces of what it lacks; say whether it lacks more."""
        if not self._database.lead(self._log):
            return False
        edge = self._continue(newest(self._log), signer)
        self._edge = None  # if this fails, what is in memory counts for nothing
        most = min(self._next_index(), self._signed + STEP)
        self._extend(edge, min(most, edge.size + max(_LEAST, -(-(most - edge.size) // pieces))))
        self._edge = edge
        return edge.size < most

    def integrate(self, signer: Signer, micros: int) -> Checkpoint | None:
        """Integrate everything and return the newest checkpoint; see DecisionLog."""
        if not self._database.lead(self._log):
            self._edge = None
            return None
        last = newest(self._log)
        while last is None or last.head.size < self._next_index():
            last = self._step(last, signer, micros)
        return last

    def look(self, many: int) -> None:
        """Compare the next full tiles; after the last of them the first come again."""
        last = newest(self._log)
        if last is None:
            return
        some = list(islice(self._round, many))
        if not some:
            self._round = (each for each, width in tile.all_ids(last.head.size) if width == WIDTH)
            some = list(islice(self._round, many))
        self.mend(some)

    def check(self, signer: Signer, anchored: Checkpoint | None) -> None:
        """Compare what is stored with the last checkpoint and with the anchored one. Raises LogTampered."""
        last = newest(self._log)
        counted, expected = self._log.execute(_COUNTED).fetchone()
        size = last.head.size if last else 0
        if counted != expected or counted < size:
            raise LogTampered(f"the log holds {counted} records where it had {max(size, expected)}")
        if last:
            _check_note(last, signer.key)
            self._load(last.head)
            self.look(_LOOKED_AT_FIRST)
        if anchored and anchored.head.size > size:
            raise LogTampered(
                f"the log knows {size} records, its anchor {anchored.head.size}: it was rolled back or cut off"
            )
        if anchored and self._root(anchored.head.size) != anchored.head.root:
            raise LogTampered(f"the log's first {anchored.head.size} records are not those of its anchor")

    def _step(self, last: Checkpoint | None, signer: Signer, micros: int) -> Checkpoint:
        edge = self._continue(last, signer)
        self._edge = None  # until this step is durable, what is in memory counts for nothing
        self._extend(edge, min(self._signed + STEP, self._next_index()))
        made = signer.sign(edge.size, edge.root())
        try:
            self._log.begin()
            self._put([*self._full, *edge.partial()])
            row = (made.head.size, micros, made.note)
            self._log.execute("INSERT INTO checkpoint VALUES (?, ?, ?)", row)
            self._log.commit()
        except BaseException:
            self._log.rollback()
            raise
        self._edge, self._signed, self._full = edge, edge.size, []
        return made

    def _continue(self, last: Checkpoint | None, signer: Signer) -> Edge:
        """Return the tree in memory, if it continues the last checkpoint, or else that of the last checkpoint."""
        size = last.head.size if last else 0
        if self._edge is not None and self._signed == size:
            return self._edge
        self._signed, self._full = size, []
        if last is None:
            return Edge()
        _check_note(last, signer.key)
        return self._load(last.head)

    def _extend(self, edge: Edge, end: int) -> None:
        while edge.size < end:
            self._full += edge.extend(self._leaves(edge.size, min(edge.size + _ROWS, end)))

    def mend(self, wanted: Iterable[TileId]) -> None:
        """Compare full tiles with those above them up to the signed root, and make wrong ones anew. Raises LogTampered."""
        last = newest(self._log)
        if last is None:
            return
        self._load(last.head)
        for each in tile.lineage(wanted, last.head.size):
            found = tiles(self._log, (each, each.above()))
            above = found.get(each.above(), b"")
            if not tile.is_sound(each, found.get(each, b""), above):
                self._regrow(*each.span(), tile.hash_above(each, above))

    def _load(self, head: Head) -> Edge:
        """Load the edge of the tree and compare it with its signed root; if it is wrong, all tiles are made anew."""
        edge = _edge(self._log, head)
        if edge is None:
            edge = self._regrow(0, head.size, head.root)
            with writing(self._log):
                self._put(edge.partial())
        return edge

    def _regrow(self, start: int, end: int, root: bytes) -> Edge:
        """Make the full tiles of a tree or of a full tile's records anew. Raises LogTampered if they have another root."""
        edge = Edge()
        with writing(self._log):
            while (at := start + edge.size) < end:
                made = edge.extend(self._leaves(at, min(at + _ROWS, end)))
                self._put(
                    (TileId(each.level, each.n + (start >> HEIGHT * (each.level + 1))), row) for each, row in made
                )
            if edge.root() != root:
                raise LogTampered(f"the log's records {start} to {end - 1} do not have the root that was signed")
        self._repairs.append(TILES_REBUILT)
        return edge

    def _root(self, size: int) -> bytes:
        wanted = tile.wanted(lambda nodes: merkle.root(size, nodes))
        self.mend(wanted)
        try:
            return merkle.root(size, tile.nodes_of(tiles(self._log, wanted)))
        except ValueError:
            return b""

    def _leaves(self, start: int, end: int) -> list[bytes]:
        query = "SELECT log_index, leaf_hash FROM record WHERE log_index >= ? AND log_index < ? ORDER BY log_index"
        found = self._log.execute(query, (start, end)).fetchall()
        if [each[0] for each in found] != list(range(start, end)):
            raise LogTampered(f"records between {start} and {end} are missing")
        return [each[1] for each in found]

    def _put(self, rows: Iterable[tuple[TileId, bytes]]) -> None:
        query = "INSERT INTO tile VALUES (?, ?, ?) ON CONFLICT (level, n) DO UPDATE SET hashes = excluded.hashes"
        self._log.executemany(query, [(each.level, each.n, hashes) for each, hashes in rows])

    def _next_index(self) -> int:
        (value,) = self._log.execute("SELECT next_index FROM tail WHERE one = 1").fetchone()
        return int(value)


def sound(log: Session, wanted: Sequence[TileId]) -> dict[TileId, bytes] | None:
    """Return the tiles that are there; None if they, or those above them up to the newest signed root, are wrong."""
    last = newest(log)
    if last is None:
        return tiles(log, wanted)
    full = tile.lineage(wanted, last.head.size)
    held = tiles(log, {*wanted, *full, *(each.above() for each in full)})
    right = all(tile.is_sound(each, held.get(each, b""), held.get(each.above(), b"")) for each in full)
    return {each: held[each] for each in wanted if each in held} if right and _edge(log, last.head) else None


def _edge(log: Session, head: Head) -> Edge | None:
    """Return the edge of the tree; None if it does not have the signed root."""
    try:
        edge = Edge(head.size, tiles(log, [each for each, _ in tile.edge_ids(head.size)]))
        return edge if edge.root() == head.root else None
    except ValueError:
        return None


def _check_note(last: Checkpoint, key: VerifierKey) -> None:
    """Refuse a checkpoint that was not signed with the log's key. Raises LogTampered."""
    try:
        if open_note(last.note, [key]).head.origin != key.name:
            raise LogTampered("the log's last checkpoint is that of another log")
    except BadNote as error:
        raise LogTampered(f"the log's last checkpoint was not signed with its key: {error}") from None


def newest(log: Session) -> Checkpoint | None:
    """Return the newest checkpoint as it is stored; its signature is not checked here."""
    row = log.execute("SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1").fetchone()
    return read_note(row[0]) if row else None


def read_note(note: str) -> Checkpoint:
    """Return a stored note as a checkpoint, unverified. Raises LogTampered if it cannot be read."""
    try:
        return unverified(note)
    except BadNote as error:
        raise LogTampered(f"a stored checkpoint cannot be read: {error}") from None


def tiles(log: Session, wanted: Iterable[TileId]) -> dict[TileId, bytes]:
    """Return the tiles that are there."""
    found = {}
    for each in wanted:
        row = log.execute("SELECT hashes FROM tile WHERE level = ? AND n = ?", (each.level, each.n)).fetchone()
        if row:
            found[each] = bytes(row[0])
    return found
