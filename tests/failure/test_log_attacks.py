"""What somebody with write access to all of the service's files, but neither the key nor the anchor, cannot hide.

Each attack is done with full knowledge of the format: hashes, ids, tiles and look-ups are made to agree again wherever
that needs no key. What lies after the last anchored checkpoint is reported as unanchored, never as verified.
"""

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from screening.cli.app import app
from screening.decisionlog.checkpoint import Signer
from screening.decisionlog.record import leaf_hash
from screening.decisionlog.tile import Edge, TileId
from screening.errors import DataDirectoryError
from screening.recorded import open_checkpoints, open_log
from typer.testing import CliRunner

from tests.logs import settings_of, write_log

RECORDS = 300
UNANCHORED = 5


def verify(data: Path, *words: str) -> dict[str, Any]:
    """Run `screening log verify` and return its report with the exit code."""
    done = CliRunner().invoke(app, ["log", "verify", "--data", str(data), "--json", *words])
    assert done.exit_code in (0, 1, 3), done.output
    report: dict[str, Any] = json.loads(done.output)
    assert report["completeness"] == "verified" or done.exit_code != 0
    return report | {"exit_code": done.exit_code}


class Attacker:
    """Somebody who can write every file below the data directory."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.log = sqlite3.connect(data / "log.db", isolation_level=None)

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
        self.log.execute("DELETE FROM record WHERE log_index = ?", (index,))
        self.log.execute("UPDATE record SET log_index = -log_index WHERE log_index > ?", (index,))
        self.log.execute("UPDATE record SET log_index = -log_index - 1 WHERE log_index < 0")
        self.log.execute("UPDATE tail SET next_index = next_index - 1")

    def cut(self, size: int) -> None:
        """Cut everything off after the first `size` records, checkpoints too."""
        for table, column in (("record", "log_index"), ("checkpoint", "size - 1")):
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
    index, canonical = attacker.rows()[7]
    attacker.rewrite(index, canonical.replace(b'"DENY"', b'"deny"'))
    attacker.regrow()


def changed_byte_alone(attacker: Attacker) -> None:
    """One byte, and nothing made to agree."""
    attacker.log.execute("UPDATE record SET canonical = CAST(replace(CAST(canonical AS TEXT), 'DENY', 'DENy') AS BLOB)")


def removed_record(attacker: Attacker) -> None:
    """A record disappears and the others close up."""
    attacker.remove(7)
    attacker.regrow()


def reordered_pair(attacker: Attacker) -> None:
    """Two records change places."""
    (one, first), (two, second) = attacker.rows()[7:9]
    attacker.log.execute("UPDATE record SET id = 'aside' WHERE log_index = ?", (one,))
    attacker.rewrite(two, first)
    attacker.rewrite(one, second)
    attacker.regrow()


def cut_tail(attacker: Attacker) -> None:
    """The newest records are gone, and everything else agrees."""
    attacker.cut(RECORDS - 50)
    attacker.regrow()


def deleted_log(attacker: Attacker) -> None:
    """The records' file is gone."""
    attacker.log.close()
    for file in attacker.data.glob("log.db*"):
        file.unlink()


def deleted_keys(attacker: Attacker) -> None:
    """The key store is gone."""
    for file in attacker.data.glob("keys.db*"):
        file.unlink()


def deleted_tile(attacker: Attacker) -> None:
    """An exported tile is gone."""
    (attacker.data / "tiles" / TileId(0, 0).path()).unlink()


def destroyed_key(attacker: Attacker) -> None:
    """One record's key is destroyed without a record of it."""
    with sqlite3.connect(attacker.data / "keys.db") as keys:
        keys.execute("DELETE FROM wrapped_key WHERE key_id = (SELECT min(key_id) FROM wrapped_key)")
    keys.close()


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
    destroyed_key,
    forged_checkpoint,
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
async def test_an_attack_on_the_anchored_part_is_found(tmp_path: Path, attack: Callable[[Attacker], None]) -> None:
    """Exit 1, with what is wrong; before the attack everything was verified."""
    settings = settings_of(tmp_path)
    await write_log(settings, RECORDS)
    assert verify(settings.data)["exit_code"] == 0
    attack(Attacker(settings.data))
    report = verify(settings.data)
    assert report["exit_code"] == 1
    assert report["faults"] or report["missing"]


async def test_a_rolled_back_database_is_found(tmp_path: Path) -> None:
    """All files are put back as they were some time ago; they agree with one another, but not with the anchor."""
    settings = settings_of(tmp_path)
    await write_log(settings, 100)
    shutil.copytree(settings.data, tmp_path / "old")
    await write_log(settings, 50)
    shutil.rmtree(settings.data)
    shutil.copytree(tmp_path / "old", settings.data)
    report = verify(settings.data)
    assert (report["exit_code"], report["integrity"], report["completeness"]) == (1, True, "broken")
    assert report["missing"] == ["records 100 to 149, which a checkpoint kept elsewhere covers"]
    log = open_log(settings)
    with pytest.raises(DataDirectoryError, match="rolled back"):
        await open_checkpoints(settings, log)
    await log.close()


@pytest.mark.parametrize("attack", [changed_byte, removed_record, reordered_pair, cut_tail, forged_checkpoint])
async def test_a_log_that_was_changed_is_not_continued(tmp_path: Path, attack: Callable[[Attacker], None]) -> None:
    """The service does not sign a history that contradicts what it signed before."""
    settings = settings_of(tmp_path)
    await write_log(settings, RECORDS)
    attacker = Attacker(settings.data)
    attack(attacker)
    attacker.log.close()
    log = open_log(settings)
    with pytest.raises(DataDirectoryError, match="must not be continued"):
        await open_checkpoints(settings, log)
    await log.close()


@pytest.mark.parametrize("attack", [changed_byte, removed_record, cut_tail])
async def test_a_checkpoint_in_a_drawer_finds_it_without_an_anchor(
    tmp_path: Path, attack: Callable[[Attacker], None]
) -> None:
    """Any checkpoint that somebody kept will do, with the key."""
    settings = settings_of(tmp_path)
    await write_log(settings, RECORDS)
    drawer = tmp_path / "drawer"
    shutil.copytree(settings.anchor_directory, drawer)
    shutil.rmtree(settings.anchor_directory)
    words = ("--checkpoint", str(drawer / "checkpoint"), "--key", str(drawer / "log.vkey"))
    assert verify(settings.data, *words)["exit_code"] == 0
    attack(Attacker(settings.data))
    assert verify(settings.data, *words)["exit_code"] == 1


async def test_a_forged_checkpoint_in_hand_is_refused(tmp_path: Path) -> None:
    """Signed by nobody whom the verifier trusts."""
    settings = settings_of(tmp_path)
    await write_log(settings, 10)
    forged = tmp_path / "forged"
    forged.write_text(Signer("screening.city/local", b"f" * 32).sign(10, bytes(32)).note)
    report = verify(settings.data, "--checkpoint", str(forged))
    assert report["exit_code"] == 1
    assert "no trusted key" in report["faults"][0]


async def test_without_an_anchor_nothing_is_ever_complete(tmp_path: Path) -> None:
    """Exit 3, also where everything that is there is sound."""
    settings = settings_of(tmp_path)
    await write_log(settings, 10)
    shutil.rmtree(settings.anchor_directory)
    report = verify(settings.data)
    assert (report["exit_code"], report["integrity"], report["completeness"]) == (3, True, "unproven")
    assert (report["anchored"], report["unanchored"]) == (0, 10)


async def test_what_lies_after_the_anchor_is_unanchored(tmp_path: Path) -> None:
    """A cut or changed tail there cannot be found, and so it is never called verified."""
    settings = settings_of(tmp_path)
    await write_log(settings, 20)
    await write_log(settings, UNANCHORED, publish=False)
    for attack in (None, lambda attacker: attacker.cut(22)):
        if attack:
            attack(Attacker(settings.data))
        report = verify(settings.data)
        assert (report["exit_code"], report["completeness"], report["anchored"]) == (3, "unproven", 20)
    assert report["unanchored"] == 2
