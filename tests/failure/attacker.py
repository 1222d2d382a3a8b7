"""Somebody who can write all of a log's stores and files, but has neither its keys nor its anchor; and what they do."""

import json
import shutil
from collections.abc import Callable

from screening.bundle import pack
from screening.config import Settings
from screening.decisionlog.checkpoint import Signer
from screening.decisionlog.record import leaf_hash
from screening.decisionlog.tile import Edge, TileId
from screening.storage.database import Session
from screening.storage.postgres import PostgresSession
from screening.storage.sqlite import KEYS, LOG, SqliteSession

VICTIM = 7
"""The place of the record that is attacked."""


class Attacker:
    """Somebody who can write every file below the data directory, and both databases."""

    def __init__(self, settings: Settings) -> None:
        self.data = settings.data
        self.on_sqlite = not settings.database
        self.log: Session
        self.keys: Session
        if self.on_sqlite:
            self.log, self.keys = SqliteSession(settings.data / LOG), SqliteSession(settings.data / KEYS)
        else:
            self.log, self.keys = PostgresSession(settings.database), PostgresSession(settings.keys_database)

    def close(self) -> None:
        """Leave."""
        self.log.close()
        self.keys.close()

    def victim(self) -> str:
        """Return the id of the record that is attacked."""
        return str(json.loads(self.rows()[VICTIM][1])["id"])

    def rows(self) -> list[tuple[int, bytes]]:
        """Return places and bytes of all records."""
        return self.log.execute("SELECT log_index, canonical FROM record ORDER BY log_index").fetchall()

    def rewrite(self, index: int, canonical: bytes) -> None:
        """Put other bytes in a record's place, with the id and the hash that go with them."""
        identity = json.loads(canonical)["id"]
        values = (canonical, leaf_hash(canonical), f"{identity}-{index}", index)
        self.log.execute("UPDATE record SET canonical = ?, leaf_hash = ?, id = ? WHERE log_index = ?", values)
        self.log.execute("UPDATE record SET id = ? WHERE log_index = ?", (identity, index))

    def remove(self, index: int) -> None:
        """Take a record out and close the gap."""
        for table in ("record", "reference"):
            self.log.execute(f"DELETE FROM {table} WHERE log_index = ?", (index,))
        self.log.execute("UPDATE reference SET log_index = log_index - 1 WHERE log_index > ?", (index,))
        self.log.execute("UPDATE record SET log_index = -log_index WHERE log_index > ?", (index,))
        self.log.execute("UPDATE record SET log_index = -log_index - 1 WHERE log_index < 0")
        self.log.execute("UPDATE tail SET next_index = next_index - 1")

    def cut(self, size: int) -> None:
        """Cut everything off after the first `size` records, checkpoints too."""
        for table, column in (("record", "log_index"), ("reference", "log_index"), ("checkpoint", "size - 1")):
            self.log.execute(f"DELETE FROM {table} WHERE {column} >= ?", (size,))
        self.log.execute("UPDATE tail SET next_index = ?", (size,))

    def regrow(self, signer: Signer | None = None) -> None:
        """Make the tiles agree with the records again, and sign a checkpoint if there is a key."""
        edge = Edge()
        tiles = dict(edge.extend(leaf_hash(canonical) for _, canonical in self.rows()))
        tiles |= dict(edge.partial())
        self.log.execute("DELETE FROM tile")
        for each, hashes in tiles.items():
            self.log.execute("INSERT INTO tile VALUES (?, ?, ?)", (each.level, each.n, hashes))
            for width in (len(hashes) // 32, 256):
                if (file := self.data / "tiles" / each.path(width)).exists():
                    file.write_bytes(hashes)
        self.log.execute("DELETE FROM checkpoint WHERE size > ?", (edge.size,))
        if signer:
            note = signer.sign(edge.size, edge.root()).note
            self.log.execute("DELETE FROM checkpoint")
            self.log.execute("INSERT INTO checkpoint VALUES (?, 0, ?)", (edge.size, note))
            (self.data / "log.vkey").write_text(f"{signer.key}\n")
            (self.data / "tiles" / "checkpoint").write_text(note)


def changed_byte(attacker: Attacker) -> None:
    """An answer is turned round."""
    index, canonical = attacker.rows()[VICTIM]
    attacker.rewrite(index, canonical.replace(b'"DENY"', b'"deny"'))
    attacker.regrow()


def changed_byte_alone(attacker: Attacker) -> None:
    """One byte, and nothing made to agree."""
    index, canonical = attacker.rows()[VICTIM]
    values = (canonical.replace(b"DENY", b"DENy"), index)
    attacker.log.execute("UPDATE record SET canonical = ? WHERE log_index = ?", values)


def removed_record(attacker: Attacker) -> None:
    """A record disappears and the others close up."""
    attacker.remove(VICTIM)
    attacker.regrow()


def reordered_pair(attacker: Attacker) -> None:
    """Two records change places."""
    (one, first), (two, second) = attacker.rows()[VICTIM : VICTIM + 2]
    attacker.log.execute("UPDATE record SET id = 'aside' WHERE log_index = ?", (one,))
    attacker.rewrite(two, first)
    attacker.rewrite(one, second)
    attacker.regrow()


def cut_tail(attacker: Attacker) -> None:
    """The newest records are gone, and everything else agrees."""
    attacker.cut(len(attacker.rows()) - 50)
    attacker.regrow()


def deleted_log(attacker: Attacker) -> None:
    """The records are gone."""
    if not attacker.on_sqlite:
        attacker.log.execute("DROP TABLE record")
        return
    attacker.close()
    for file in attacker.data.glob("log.db*"):
        file.unlink()


def deleted_keys(attacker: Attacker) -> None:
    """The key store is gone."""
    if not attacker.on_sqlite:
        attacker.keys.execute("DROP TABLE wrapped_key")
        return
    attacker.close()
    for file in attacker.data.glob("keys.db*"):
        file.unlink()


def deleted_tile(attacker: Attacker) -> None:
    """An exported tile is gone."""
    (attacker.data / "tiles" / TileId(0, 0).path()).unlink()


def deleted_tiles(attacker: Attacker) -> None:
    """The whole export is gone."""
    shutil.rmtree(attacker.data / "tiles")


def deleted_public_key(attacker: Attacker) -> None:
    """The log's public key is gone from beside it."""
    (attacker.data / "log.vkey").unlink()


def deleted_key_file(attacker: Attacker) -> None:
    """The file with the key-encryption keys is gone."""
    (attacker.data / "keys" / "wrapping.key").unlink()


def destroyed_key(attacker: Attacker) -> None:
    """One record's key is destroyed without a record of it."""
    attacker.keys.execute("DELETE FROM wrapped_key WHERE key_id = ?", (attacker.victim(),))


def overwritten_key(attacker: Attacker) -> None:
    """As above, but something still stands in its place."""
    attacker.keys.execute("UPDATE wrapped_key SET wrapped = ? WHERE key_id = ?", (bytes(64), attacker.victim()))


def forged_checkpoint(attacker: Attacker) -> None:
    """A history of the attacker's own, signed with a key of the attacker's own, in every place but the anchor."""
    changed_byte(attacker)
    attacker.regrow(Signer("screening.city/local", b"f" * 32))


ATTACKS = [
    changed_byte,
    changed_byte_alone,
    removed_record,
    reordered_pair,
    cut_tail,
    deleted_log,
    deleted_keys,
    deleted_tile,
    deleted_tiles,
    deleted_public_key,
    deleted_key_file,
    destroyed_key,
    overwritten_key,
    forged_checkpoint,
]


def relabelled(column: str, value: object) -> Callable[[Attacker], None]:
    """Return an attack that leaves a record's bytes alone, and changes what it is found by."""

    def attack(attacker: Attacker) -> None:
        attacker.log.execute(f"UPDATE record SET {column} = ? WHERE log_index = ?", (value, VICTIM))

    attack.__name__ = f"other_{column}"
    return attack


def later_commit(attacker: Attacker) -> None:
    """A record is made to look as if it was committed after the next one."""
    attacker.log.execute("UPDATE record SET durable_time = durable_time + 1 WHERE log_index = ?", (VICTIM,))


def lifted_hold(attacker: Attacker) -> None:
    """A legal hold is forgotten."""
    attacker.log.execute("DELETE FROM mark WHERE kind = 'hold'")


def planted_erasure(attacker: Attacker) -> None:
    """A decision is marked as erased, and no record says so."""
    attacker.log.execute("INSERT INTO mark VALUES (?, 'erasure', 3)", (attacker.victim(),))


def planted_doom(attacker: Attacker) -> None:
    """A key is put on the list of those that are to be destroyed."""
    attacker.log.execute("INSERT INTO doomed VALUES (?)", (attacker.victim(),))


def altered_law(attacker: Attacker) -> None:
    """Other law stands under the hash of the recorded one."""
    attacker.log.execute("UPDATE bundle SET packed = ?", (pack({"laws/a.yaml": "other"}, {}),))


def deleted_law(attacker: Attacker) -> None:
    """The law that came into force is gone."""
    attacker.log.execute("DELETE FROM bundle")


def dangling_request(attacker: Attacker) -> None:
    """A request_id is answered from a record that is not there."""
    attacker.log.execute("INSERT INTO request VALUES ('caller', ?, ?, 100000, 1)", (b"k", b"b"))


def dangling_reference(attacker: Attacker) -> None:
    """A reference leads where no record stands."""
    attacker.log.execute("INSERT INTO reference VALUES (?, 100000)", (b"k",))


BESIDE = [
    relabelled("kind", "refusal"),
    relabelled("time", 1),
    relabelled("outcome", 1),
    relabelled("city_unit", 2),
    relabelled("rule_ids", "|r.two|"),
    relabelled("key_id", None),
    later_commit,
    lifted_hold,
    planted_erasure,
    planted_doom,
    altered_law,
    deleted_law,
    dangling_request,
    dangling_reference,
]
"""What is done beside the records, whose bytes stay as they were."""


def far_record(attacker: Attacker) -> None:
    """A record stands at the last place of all."""
    attacker.log.execute(f"UPDATE record SET log_index = {2**63 - 2} WHERE log_index = ?", (VICTIM,))


def deleted_tail(attacker: Attacker) -> None:
    """The log has not counted any more."""
    attacker.log.execute("DELETE FROM tail")


def wrong_type(table: str, column: str, value: object) -> Callable[[Attacker], None]:
    """Return an attack that puts a value of a type that never stood there; SQLite takes it."""

    def attack(attacker: Attacker) -> None:
        attacker.log.execute(f"UPDATE {table} SET {column} = ?", (value,))

    attack.__name__ = f"wrong_{table}_{column}"
    return attack


HOSTILE = [far_record, deleted_tail]
HOSTILE_ON_SQLITE = [
    wrong_type("record", "canonical", "{}"),
    wrong_type("record", "leaf_hash", "hash"),
    wrong_type("record", "durable_time", "now"),
    wrong_type("record", "rule_ids", b"\xff"),
    wrong_type("tile", "hashes", "hashes"),
    wrong_type("checkpoint", "note", b"\xff"),
    wrong_type("tail", "next_index", "many"),
    wrong_type("mark", "log_index", "everywhere"),
    wrong_type("bundle", "packed", "law"),
]
"""What would make a program that relies on it fail, or go on for ever."""
