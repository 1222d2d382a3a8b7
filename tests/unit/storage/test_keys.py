"""Key files, key management services, and rotation over real key stores."""

import json
import sys
from pathlib import Path

import pytest
from screening.config import Settings
from screening.decisionlog.keyring import key_id
from screening.errors import DataDirectoryError
from screening.recorded import open_database, open_log, open_sealer
from screening.storage.keys import WRAPPING, load_keys, load_or_create, load_ring
from screening.storage.rotation import add_key, needed_keys, retire, rewrap
from screening.storage.vault import ProgramVault, Vault

from tests.logs import sealed_decision, settings_of, write_log


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program as SCREENING_KMS names it."""
    path = tmp_path / "kms"
    path.write_text(
        f"#!{sys.executable}\n"
        "import base64, sys\n"
        "assert sys.argv[1] in ('protect', 'reveal')\n"
        "print(base64.b64encode(base64.b64decode(sys.stdin.read())[::-1]).decode())\n"
    )
    path.chmod(0o700)
    return path


def settings(engine: str, home: Path, request: pytest.FixtureRequest) -> Settings:
    """Return the settings of a log on an engine."""
    if engine == "sqlite":
        return settings_of(home)
    log, keys = request.getfixturevalue("postgres").fresh()
    return Settings(data=home / "data", database=log, keys_database=keys)


def test_a_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    """32 random bytes, mode 0600."""
    path = tmp_path / "keys" / "wrapping.key"
    key = load_or_create(path)
    assert load_or_create(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(key) == 32


@pytest.mark.parametrize("text", ["", "zz", "00" * 31, f"{'00' * 32}\n{'00' * 31}", "kms:AAAA"])
def test_a_damaged_key_file_is_refused(tmp_path: Path, text: str) -> None:
    """A half-written key is never used."""
    path = tmp_path / "wrapping.key"
    path.write_text(text)
    with pytest.raises(DataDirectoryError):
        load_keys(path, Vault())


def test_a_key_management_service_keeps_the_key(tmp_path: Path, program: Path) -> None:
    """The file holds nothing that opens a record; without the service it is refused."""
    path = tmp_path / WRAPPING
    vault = ProgramVault(program)
    (key,) = load_keys(path, vault)
    assert key.hex() not in path.read_text()
    assert load_keys(path, vault) == [key]
    with pytest.raises(DataDirectoryError, match="SCREENING_KMS"):
        load_keys(path, Vault())


def test_a_key_management_service_that_fails_is_named_without_its_words(tmp_path: Path, program: Path) -> None:
    """What it prints may hold a secret."""
    program.write_text("#!/bin/sh\necho secret >&2\nexit 1\n")
    with pytest.raises(DataDirectoryError, match="did not protect") as raised:
        load_keys(tmp_path / WRAPPING, ProgramVault(program))
    assert "secret" not in str(raised.value)


def test_a_plain_key_goes_to_the_key_management_service_with_its_rotation(tmp_path: Path, program: Path) -> None:
    """Both stay usable meanwhile."""
    path = tmp_path / WRAPPING
    (plain,) = load_keys(path, Vault())
    add_key(path, ProgramVault(program))
    assert plain.hex() not in path.read_text()
    assert load_keys(path, ProgramVault(program))[1] == plain


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_every_key_is_wrapped_anew_and_the_old_one_retired(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """What was sealed before and after opens; with the old key alone nothing does."""
    chosen = settings(engine, tmp_path, request)
    path = chosen.keys_directory / WRAPPING
    records = await write_log(chosen, 3)
    (old,) = load_keys(path, Vault())
    database = open_database(chosen)
    ring = add_key(path, Vault())
    assert retire(database, path, Vault()) == 0  # it is needed still
    assert (rewrap(database, ring), rewrap(database, ring)) == (3, 0)
    assert needed_keys(database) == {ring.current: 3}
    assert retire(database, path, Vault()) == 1
    assert key_id(old) not in needed_keys(database)
    database.close()
    log = open_log(chosen)
    await log.append([sealed_decision(chosen)])
    sealer = open_sealer(chosen)
    for stored, record in zip(await log.read(0, 3), records, strict=True):
        assert stored.wrapped_key is not None
        fields = json.loads(record.canonical)
        assert sealer.open(fields["sealed"], stored.wrapped_key, record.id) == b"secret"
    await log.close()


async def test_a_rotation_that_was_cut_short_goes_on(tmp_path: Path) -> None:
    """A new key that nothing was wrapped under yet, and data keys under both."""
    chosen = settings_of(tmp_path)
    path = chosen.keys_directory / WRAPPING
    await write_log(chosen, 2)
    add_key(path, Vault())
    await write_log(chosen, 2)
    database = open_database(chosen)
    assert sorted(needed_keys(database).values()) == [2, 2]
    assert rewrap(database, load_ring(path, Vault())) == 2
    database.close()


async def test_another_logs_key_stops_the_start(tmp_path: Path) -> None:
    """Before anything is sealed under it."""
    chosen = settings_of(tmp_path)
    await write_log(chosen, 1)
    (chosen.keys_directory / WRAPPING).write_text("11" * 32)
    with pytest.raises(DataDirectoryError, match="is not the key of this log"):
        open_log(chosen)


async def test_a_data_key_that_was_altered_stops_the_start(tmp_path: Path) -> None:
    """It is told from a wrong key."""
    chosen = settings_of(tmp_path)
    (record,) = await write_log(chosen, 1)
    database = open_database(chosen)
    session = database.open_keys()
    assert record.wrapped_key is not None
    altered = record.wrapped_key[1][:-1] + bytes([record.wrapped_key[1][-1] ^ 1])
    session.execute("UPDATE wrapped_key SET wrapped = ? WHERE key_id = ?", (altered, record.id))
    session.close()
    database.close()
    with pytest.raises(DataDirectoryError, match="altered"):
        open_log(chosen)
