"""What somebody with write access to all of the service's files, but neither the key nor the anchor, cannot hide.

Each attack is done with full knowledge of the format: hashes, ids, tiles and look-ups are made to agree again wherever
that needs no key. What lies after the last anchored checkpoint is reported as unanchored, never as verified.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from screening import clock
from screening.bundle import pack, revision
from screening.cli.app import app
from screening.config import Settings
from screening.decisionlog.checkpoint import Signer
from screening.decisionlog.port import Erasure
from screening.decisionlog.record import ACTIVATION, ERASURE, HOLD, LAW, make
from screening.errors import DataDirectoryError
from screening.recorded import open_checkpoints, open_log
from screening.transport.identity import new_id
from typer.testing import CliRunner

from tests.failure.attacker import (
    ATTACKS,
    BESIDE,
    HOSTILE,
    HOSTILE_ON_SQLITE,
    VICTIM,
    Attacker,
    changed_byte,
    cut_tail,
    destroyed_key,
    forged_checkpoint,
    planted_doom,
    planted_erasure,
    removed_record,
    reordered_pair,
)
from tests.logs import sealed_decision, settings_of, write_log

RECORDS = 300
UNANCHORED = 5
Attack = Callable[[Attacker], None]


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """A log on either engine."""
    if request.param == "sqlite":
        return settings_of(tmp_path)
    log, keys = request.getfixturevalue("postgres").fresh()
    return replace(settings_of(tmp_path), database=log, keys_database=keys)


def verify(settings: Settings, *words: str) -> dict[str, Any]:
    """Run `screening log verify` and return its report with the exit code."""
    addresses = ["--database", settings.database, "--keys-database", settings.keys_database]
    given = ["log", "verify", "--data", str(settings.data), *(addresses if settings.database else []), "--json", *words]
    done = CliRunner().invoke(app, given)
    assert done.exit_code in (0, 1, 3), done.output
    report: dict[str, Any] = json.loads(done.output)
    assert report["completeness"] == "verified" or done.exit_code != 0
    return report | {"exit_code": done.exit_code}


def attacked(settings: Settings, attack: Attack) -> None:
    """Do what an attacker does."""
    attacker = Attacker(settings)
    attack(attacker)
    attacker.close()


async def write_lived_log(settings: Settings) -> None:
    """Write a log with a law that came into force and a legal hold on a decision."""
    made = await write_log(settings, 20)
    packed, now = pack({"laws/a.yaml": "law"}, {}), clock.now()
    law = revision({"laws/a.yaml": "law"}, {})
    log = open_log(settings)
    checkpoints = await open_checkpoints(settings, log)
    await log.keep_bundle(law, packed)
    await log.annotate(make(ACTIVATION, new_id(now), now, {"bundle": law, "serial": 1}), [LAW])
    held = [made[VICTIM].id]
    await log.annotate(make(HOLD, new_id(now), now, {"by": "keeper", "decisions": held}), held)
    await log.append([sealed_decision(settings, request="asked-once")])
    await checkpoints.tick(last=True)
    await log.close()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
async def test_an_attack_on_the_anchored_part_is_found(settings: Settings, attack: Attack) -> None:
    """Exit 1, with what is wrong; before the attack everything was verified."""
    await write_log(settings, RECORDS)
    assert verify(settings)["exit_code"] == 0
    attacked(settings, attack)
    report = verify(settings)
    assert report["exit_code"] == 1
    assert report["faults"] or report["missing"]


async def test_a_rolled_back_database_is_found(
    settings: Settings, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """All is put back as it was some time ago; it agrees with itself, but not with the anchor."""
    await write_log(settings, 100)
    old = settings
    if settings.database:
        log, keys = request.getfixturevalue("postgres").copies(settings.database, settings.keys_database)
        old = replace(settings, database=log, keys_database=keys)
    shutil.copytree(settings.data, tmp_path / "old")
    await write_log(settings, 50)
    shutil.rmtree(settings.data)
    shutil.copytree(tmp_path / "old", settings.data)
    report = verify(old)
    assert (report["exit_code"], report["integrity"], report["completeness"]) == (1, True, "broken")
    assert report["missing"] == ["records 100 to 149, which a checkpoint kept elsewhere covers"]
    again = open_log(old)
    with pytest.raises(DataDirectoryError, match="rolled back"):
        await open_checkpoints(old, again)
    await again.close()


@pytest.mark.parametrize("attack", BESIDE, ids=lambda attack: attack.__name__)
async def test_what_stands_beside_the_records_is_compared_with_them(settings: Settings, attack: Attack) -> None:
    """Columns, marks, doomed keys, law and look-ups: what decides over keys, holds and listings."""
    await write_lived_log(settings)
    assert verify(settings)["exit_code"] == 0
    attacked(settings, attack)
    report = verify(settings)
    assert (report["exit_code"], report["integrity"], bool(report["faults"])) == (1, False, True)


@pytest.mark.parametrize("attack", [planted_erasure, planted_doom])
async def test_a_start_destroys_no_key_that_no_record_of_an_erasure_names(settings: Settings, attack: Attack) -> None:
    """Neither a mark nor a list of doomed keys is enough; nor is it for the next erasure."""
    await write_lived_log(settings)
    attacked(settings, attack)
    log = open_log(settings)
    victim, other = await log.read(VICTIM, 2)
    ids = [str(json.loads(stored.canonical)["id"]) for stored in (victim, other)]
    now = clock.now()
    erasure = make(ERASURE, new_id(now), now, {"decisions": [ids[1]]})
    await log.erase(erasure, [Erasure(ids[1], other.index, ids[1])])
    found = [stored.wrapped_key for stored in await log.read(VICTIM, 2)]
    await log.close()
    assert (found[0], found[1]) == (victim.wrapped_key, None)
    assert found[0]


@pytest.mark.parametrize("attack", HOSTILE, ids=lambda attack: attack.__name__)
async def test_hostile_content_is_a_fault_and_no_failure(settings: Settings, attack: Attack) -> None:
    """Verification ends, and says what is wrong."""
    await write_lived_log(settings)
    attacked(settings, attack)
    report = verify(settings)
    assert report["exit_code"] == 1
    assert report["faults"]


@pytest.mark.parametrize("attack", HOSTILE_ON_SQLITE, ids=lambda attack: attack.__name__)
async def test_a_value_of_another_type_is_a_fault_and_no_failure(tmp_path: Path, attack: Attack) -> None:
    """SQLite takes text for bytes, and anything for a number."""
    settings = settings_of(tmp_path)
    await write_lived_log(settings)
    attacked(settings, attack)
    report = verify(settings)
    assert report["exit_code"] == 1
    assert report["faults"]


@pytest.mark.parametrize("file", ["tile/entries/000", "tile/entries/001.p/44"])
@pytest.mark.parametrize("change", ["altered", "deleted"])
async def test_exported_entries_are_compared_with_the_records(
    tmp_path: Path, file: str, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each bundle, full and partial; what is missing is found where the setting says that entries are exported."""
    settings = replace(settings_of(tmp_path), tile_entries=True)
    monkeypatch.setenv("SCREENING_TILE_ENTRIES", "yes")
    await write_log(settings, RECORDS)
    assert verify(settings)["exit_code"] == 0
    path = settings.tiles_directory / file
    if change == "altered":
        path.write_bytes(path.read_bytes().replace(b"DENY", b"DENy", 1))
    else:
        path.unlink()
    assert verify(settings)["faults"] == [f"the exported {file} is missing or altered"]


async def test_an_exported_checkpoint_that_is_gone_is_found_if_anything_is_anchored(tmp_path: Path) -> None:
    """Before the first anchored one, the first export may still be under way."""
    settings = settings_of(tmp_path)
    await write_log(settings, 10)
    (settings.tiles_directory / "checkpoint").unlink()
    assert verify(settings)["faults"] == ["the exported checkpoint is gone"]
    shutil.rmtree(settings.anchor_directory)
    assert verify(settings)["faults"] == []


async def test_a_database_is_verified_from_another_machine(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The key files stand where the service is: the keys are looked for and not opened, and that is said."""
    log, keys = request.getfixturevalue("postgres").fresh()
    settings = replace(settings_of(tmp_path), database=log, keys_database=keys)
    await write_log(settings, 10)
    assert verify(settings)["keys_opened"] is True
    away = replace(settings, data=tmp_path / "nothing")
    report = verify(away, "--anchor", str(settings.anchor_directory), "--without-tiles")
    assert (report["exit_code"], report["keys_opened"]) == (0, False)
    attacked(settings, destroyed_key)
    assert verify(away, "--anchor", str(settings.anchor_directory), "--without-tiles")["exit_code"] == 1


async def test_a_copy_is_verified_without_what_was_left_out_of_it(tmp_path: Path) -> None:
    """Keys and exported tiles stand elsewhere, and that is said."""
    settings = settings_of(tmp_path)
    await write_log(settings, 10)
    copy = Settings(data=tmp_path / "copy", anchor=settings.anchor_directory)
    copy.data.mkdir()
    shutil.copy(settings.data / "log.db", copy.data)
    words = ("--anchor", str(settings.anchor_directory))
    assert verify(copy, *words, "--without-keys", "--without-tiles")["exit_code"] == 0
    assert verify(copy, *words, "--without-keys")["exit_code"] == 1
    assert verify(copy, *words, "--without-tiles")["exit_code"] == 1


@pytest.mark.parametrize("attack", [changed_byte, removed_record, reordered_pair, cut_tail, forged_checkpoint])
async def test_a_log_that_was_changed_is_not_continued(settings: Settings, attack: Attack) -> None:
    """The service does not sign a history that contradicts what it signed before."""
    await write_log(settings, RECORDS)
    attacked(settings, attack)
    log = open_log(settings)
    with pytest.raises(DataDirectoryError, match="must not be continued"):
        await open_checkpoints(settings, log)
    await log.close()


@pytest.mark.parametrize("attack", [changed_byte, removed_record, cut_tail])
async def test_a_checkpoint_in_a_drawer_finds_it_without_an_anchor(
    settings: Settings, tmp_path: Path, attack: Attack
) -> None:
    """Any checkpoint that somebody kept will do, with the key."""
    await write_log(settings, RECORDS)
    drawer = tmp_path / "drawer"
    shutil.copytree(settings.anchor_directory, drawer)
    shutil.rmtree(settings.anchor_directory)
    words = ("--checkpoint", str(drawer / "checkpoint"), "--key", str(drawer / "log.vkey"))
    assert verify(settings, *words)["exit_code"] == 0
    attacked(settings, attack)
    assert verify(settings, *words)["exit_code"] == 1


async def test_a_forged_checkpoint_in_hand_is_refused(settings: Settings, tmp_path: Path) -> None:
    """Signed by nobody whom the verifier trusts."""
    await write_log(settings, 10)
    forged = tmp_path / "forged"
    forged.write_text(Signer("screening.city/local", b"f" * 32).sign(10, bytes(32)).note)
    report = verify(settings, "--checkpoint", str(forged))
    assert report["exit_code"] == 1
    assert "no trusted key" in report["faults"][0]


async def test_without_an_anchor_nothing_is_ever_complete(settings: Settings) -> None:
    """Exit 3, also where everything that is there is sound."""
    await write_log(settings, 10)
    shutil.rmtree(settings.anchor_directory)
    report = verify(settings)
    assert (report["exit_code"], report["integrity"], report["completeness"]) == (3, True, "unproven")
    assert (report["anchored"], report["unanchored"]) == (0, 10)


async def test_what_lies_after_the_anchor_is_unanchored(settings: Settings) -> None:
    """A cut or changed tail there cannot be found, and so it is never called verified."""
    await write_log(settings, 20)
    await write_log(settings, UNANCHORED, publish=False)
    for attack in (None, lambda attacker: attacker.cut(22)):
        if attack:
            attacked(settings, attack)
        report = verify(settings)
        assert (report["exit_code"], report["completeness"], report["anchored"]) == (3, "unproven", 20)
    assert report["unanchored"] == 2
