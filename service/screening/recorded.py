"""From settings to the decision log: its keys, its storage, its checkpoints and where they are anchored."""

from screening.clock import Clock
from screening.config import Settings
from screening.decisionlog.checkpoint import Signer
from screening.decisionlog.keyring import KeyRing, Ring, SealBroken, fixed
from screening.decisionlog.seal import Sealer
from screening.errors import DataDirectoryError, SettingError
from screening.randomness import random_bytes
from screening.reload import Watched, stamp_files
from screening.storage import durable_file
from screening.storage.anchor import KEY, Anchor
from screening.storage.checkpoints import Checkpoints, Places
from screening.storage.database import Database
from screening.storage.keys import WRAPPING, load_keys, load_or_create, load_ring
from screening.storage.log import SqlLog
from screening.storage.postgres import PostgresDatabase
from screening.storage.sqlite import LOG, SqliteDatabase
from screening.storage.tile_files import TileFiles
from screening.storage.timestamp import Authority
from screening.storage.vault import vault_of
from screening.transport.identity import new_id

KEY_FILES = (WRAPPING, "reference.key", "checkpoint.key")


def watch_keys(settings: Settings) -> Watched[KeyRing]:
    """Open the key-encryption keys, or make one for a new log; they can be rotated meanwhile. Raises DataDirectoryError."""
    path = settings.keys_directory / WRAPPING
    return Watched("sealing_keys", lambda: stamp_files([path]), lambda: load_ring(path, vault_of(settings.kms)))


def open_sealer(settings: Settings, ring: Ring | None = None) -> Sealer:
    """Open the sealing keys, or make them for a new log. Raises DataDirectoryError."""
    keys = settings.keys_directory
    if ring is None:
        ring = fixed(*load_keys(keys / WRAPPING, vault_of(settings.kms)))
    return Sealer(ring, load_or_create(keys / "reference.key"), random_bytes)


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
    ring = load_ring(settings.keys_directory / WRAPPING, vault_of(settings.kms))
    for name in KEY_FILES[1:]:  # before the log is made, so that a start that was cut short is no log without its keys
        load_or_create(settings.keys_directory / name)
    database = open_database(settings, guest=joins)
    try:
        _check_ring(database, ring, settings)
    except BaseException:
        database.close()
        raise
    return SqlLog(database, (time or Clock()).now)


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


def _check_ring(database: Database, ring: KeyRing, settings: Settings) -> None:
    """Refuse keys that do not open what was sealed last. Raises DataDirectoryError."""
    query = "SELECT key_id, wrapped FROM wrapped_key WHERE key_id <> 'probe' ORDER BY key_id DESC LIMIT 1"
    try:
        session = database.open_keys()
        newest = session.execute(query).fetchone()
        session.close()
        if newest:
            ring.unwrap(bytes(newest[1]), newest[0])
    except SealBroken as error:
        place = settings.keys_directory / WRAPPING
        raise DataDirectoryError(f"{place} is not the key of this log: {error}; restore it before starting") from None
    except database.failures:
        raise DataDirectoryError("the key store cannot be read") from None


def _check_keys(settings: Settings) -> None:
    """Refuse to make new keys beside an old log: that would hide that the old ones are lost."""
    for name in KEY_FILES:
        if (settings.data / LOG).exists() and not (settings.keys_directory / name).exists():
            raise DataDirectoryError(
                f"{settings.data} has a decision log but not its keys; restore {settings.keys_directory} before starting"
            )
