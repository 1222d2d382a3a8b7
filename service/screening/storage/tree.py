"""The tree in the database: records that became durable are put into tiles, and a checkpoint is signed over them.

Tiles and checkpoint are written in one transaction, so that a crash leaves the tree at the size of its last checkpoint
and integration goes on from there. Nothing is signed that does not continue what was signed before: the edge of the tree
is compared with the last checkpoint whenever it is loaded.
"""

from collections.abc import Iterable

from screening.decisionlog import merkle, tile
from screening.decisionlog.checkpoint import BadNote, Checkpoint, Head, Signer, VerifierKey, open_note, unverified
from screening.decisionlog.tile import Edge, TileId
from screening.errors import LogTampered
from screening.storage.database import Database, Session

STEP = 65_536
"""Most records between two checkpoints; it bounds memory and the size of one transaction."""
TILES_REBUILT = "tiles_rebuilt"
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

    def integrate(self, signer: Signer, micros: int) -> Checkpoint | None:
        """Integrate everything and return the newest checkpoint; see DecisionLog."""
        if not self._database.lead(self._log):
            self._edge = None
            return None
        last = newest(self._log)
        while last is None or last.head.size < self._next_index():
            last = self._step(last, signer, micros)
        return last

    def check(self, signer: Signer, anchored: Checkpoint | None) -> None:
        """Compare what is stored with the last checkpoint and with the anchored one. Raises LogTampered."""
        last = newest(self._log)
        counted, expected = self._log.execute(_COUNTED).fetchone()
        size = last.head.size if last else 0
        if counted != expected or counted < size:
            raise LogTampered(f"the log holds {counted} records where it had {max(size, expected)}")
        if last:
            self._load(last.head, signer.key, last.note)
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
        return self._load(last.head, signer.key, last.note)

    def _load(self, head: Head, key: VerifierKey, note: str) -> Edge:
        """Load the edge of the tree and compare it with its checkpoint; tiles that are wrong are made anew."""
        try:
            if open_note(note, [key]).head.origin != key.name:
                raise LogTampered("the log's last checkpoint is that of another log")
        except BadNote as error:
            raise LogTampered(f"the log's last checkpoint was not signed with its key: {error}") from None
        try:
            edge = Edge(head.size, tiles(self._log, [each for each, _ in tile.edge_ids(head.size)]))
            if edge.root() == head.root:
                return edge
        except ValueError:
            pass
        return self._rebuild(head)

    def _rebuild(self, head: Head) -> Edge:
        """Make all tiles anew from the records. Raises LogTampered if the records do not have the signed root."""
        edge = Edge()
        self._log.begin()
        while edge.size < head.size:
            leaves = self._leaves(edge.size, min(edge.size + _ROWS, head.size))
            self._put(edge.extend(leaves))
        if edge.root() != head.root:
            self._log.rollback()
            raise LogTampered(f"the log's first {head.size} records do not have the root that was signed")
        self._put(edge.partial())
        self._log.commit()
        self._repairs.append(TILES_REBUILT)
        return edge

    def _root(self, size: int) -> bytes:
        wanted = tile.wanted(lambda nodes: merkle.root(size, nodes))
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
