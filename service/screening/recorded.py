"""From settings to the decision log: its keys, its storage, its checkpoints and where they are anchored."""

import os

from screening.clock import Clock
from screening.config import Settings
from screening.decisionlog.checkpoint import Signer
from screening.decisionlog.seal import Sealer
from screening.errors import DataDirectoryError, SettingError
from screening.storage import durable_file
from screening.storage.anchor import KEY, Anchor
from screening.storage.checkpoints import Checkpoints, Places
from screening.storage.database import Database
from screening.storage.keys import load_or_create
from screening.storage.log import SqlLog
from screening.storage.postgres import PostgresDatabase
from screening.storage.sqlite import LOG, SqliteDatabase
from screening.storage.tile_files import TileFiles
from screening.storage.timestamp import Authority
from screening.transport.identity import new_id

KEY_FILES = ("wrapping.key", "reference.key", "checkpoint.key")


def open_sealer(settings: Settings) -> Sealer:
    """Open the sealing keys, or make them for a new log. Raises DataDirectoryError."""
    keys = settings.keys_directory
    return Sealer(load_or_create(keys / "wrapping.key"), load_or_create(keys / "reference.key"), os.urandom)


def open_signer(settings: Settings) -> Signer:
    """Open the key that signs checkpoints, or make it for a new log. Raises DataDirectoryError."""
    return Signer(settings.log_origin, load_or_create(settings.keys_directory / "checkpoint.key"))


def open_log(settings: Settings, time: Clock | None = None, *, joins: bool = False) -> SqlLog:
    """Open the decision log, making it for a new data directory or database. Raises DataDirectoryError.

    A service that `joins` another on the same data directory leaves the tree to that one as long as it lives.
    """
    try:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise DataDirectoryError(f"the data directory {settings.data} cannot be made: {error.strerror}") from None
    _check_keys(settings)
    for name in KEY_FILES:  # before the log is made, so that a start that was cut short is no log without its keys
        load_or_create(settings.keys_directory / name)
    return SqlLog(open_database(settings, guest=joins), (time or Clock()).now)


def open_database(settings: Settings, *, guest: bool = False) -> Database:
    """Connect to PostgreSQL if its address is set, else to SQLite; a guest opens only what is there.

    Raises DataDirectoryError, SettingError.
    """
    if settings.database and not settings.keys_database:
        raise SettingError("SCREENING_DATABASE needs SCREENING_KEYS_DATABASE, another database, for the keys")
    if settings.database:
        return PostgresDatabase(settings.database, settings.keys_database)
    return SqliteDatabase(settings.data, guest=guest)


async def open_checkpoints(settings: Settings, log: SqlLog, time: Clock | None = None) -> Checkpoints:
    """Open signing key, anchor and export, and compare the log with both. Raises DataDirectoryError."""
    signer = open_signer(settings)
    anchor = Anchor(settings.anchor_directory, signer.key)
    await log.check(signer, anchor.newest())
    durable_file.write(settings.data / KEY, f"{signer.key}\n".encode())
    authority = Authority(settings.tsa_url) if settings.tsa_url else None
    tiles = TileFiles(settings.tiles_directory, signer.key, entries=settings.tile_entries)
    return Checkpoints(log, signer, Places(anchor, tiles, authority), (time or Clock()).now, new_id)


def _check_keys(settings: Settings) -> None:
    """Refuse to make new keys beside an old log: that would hide that the old ones are lost."""
    for name in KEY_FILES:
        if (settings.data / LOG).exists() and not (settings.keys_directory / name).exists():
            raise DataDirectoryError(
                f"{settings.data} has a decision log but not its keys; restore {settings.keys_directory} before starting"
            )
