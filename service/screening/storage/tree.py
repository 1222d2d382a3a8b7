"""The tree in the database: records that became durable are put into tiles, and a checkpoint is signed over them.

Tiles and checkpoint are written in one transaction, so that a crash leaves the tree at the size of its last checkpoint
and integration goes on from there. Nothing is signed that does not continue what was signed before: the edge of the tree
is compared with the last checkpoint whenever it is loaded. A full tile has its hash in the tile above it, up to that edge:
it is compared whenever it is read, and all of them in turn, a few with each checkpoint; a wrong one is made anew.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

from screening.decisionlog import merkle, tile
from screening.decisionlog.checkpoint import BadNote, Checkpoint, Head, Signer, VerifierKey, open_note, unverified
from screening.decisionlog.tile import HEIGHT, WIDTH, Edge, TileId
from screening.errors import LogTampered
from screening.storage.database import Database, Session, writing

STEP = 65_536
"""Most records between two checkpoints; it bounds memory and the size of one transaction."""
TILES_REBUILT = "tiles_rebuilt"
_LOOKED_AT, _LOOKED_AT_FIRST = 8, 256
"""Full tiles that are compared with each checkpoint, and at the start."""
_ROWS = 4_096
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
        self._round: Iterator[TileId] = iter(())

    def integrate(self, signer: Signer, micros: int) -> Checkpoint | None:
        """Integrate everything and return the newest checkpoint; see DecisionLog."""
        if not self._database.lead(self._log):
            self._edge = None
            return None
        last = newest(self._log)
        while last is None or last.head.size < self._next_index():
            last = self._step(last, signer, micros)
        self._look(last.head, _LOOKED_AT)
        return last

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
            self._look(last.head, _LOOKED_AT_FIRST)
        if anchored and anchored.head.size > size:
            raise LogTampered(
                f"the log knows {size} records, its anchor {anchored.head.size}: it was rolled back or cut off"
            )
        if anchored and self._root(anchored.head.size) != anchored.head.root:
            raise LogTampered(f"the log's first {anchored.head.size} records are not those of its anchor")

    def _step(self, last: Checkpoint | None, signer: Signer, micros: int) -> Checkpoint:
        edge = self._edge_after(last, signer)
        self._edge = None  # until this step is durable, what is in memory counts for nothing
        end = min(edge.size + STEP, self._next_index())
        full: list[tuple[TileId, bytes]] = []
        while edge.size < end:
            full += edge.extend(self._leaves(edge.size, min(edge.size + _ROWS, end)))
        made = signer.sign(edge.size, edge.root())
        try:
            self._log.begin()
            self._put([*full, *edge.partial()])
            row = (made.head.size, micros, made.note)
            self._log.execute("INSERT INTO checkpoint VALUES (?, ?, ?)", row)
            self._log.commit()
        except BaseException:
            self._log.rollback()
            raise
        self._edge = edge
        return made

    def _edge_after(self, last: Checkpoint | None, signer: Signer) -> Edge:
        if last is None:
            return Edge()
        if self._edge is not None and self._edge.size == last.head.size:
            return self._edge
        _check_note(last, signer.key)
        return self._load(last.head)

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

    def _look(self, head: Head, many: int) -> None:
        """Compare the next full tiles; after the last of them the first come again."""
        some = list(islice(self._round, many))
        if not some:
            self._round = (each for each, width in tile.all_ids(head.size) if width == WIDTH)
            some = list(islice(self._round, many))
        self.mend(some)

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


def sound(log: Session, wanted: Iterable[TileId]) -> bool:
    """Say whether tiles, and those above them up to the newest signed root, are as they were made."""
    last = newest(log)
    if last is None:
        return True
    if _edge(log, last.head) is None:
        return False
    full = tile.lineage(wanted, last.head.size)
    held = tiles(log, {*full, *(each.above() for each in full)})
    return all(tile.is_sound(each, held.get(each, b""), held.get(each.above(), b"")) for each in full)


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
