"""From settings to the decision log: its keys, its storage, its checkpoints and where they are anchored."""

from pathlib import Path

from screening.clock import Clock
from screening.config import Settings
from screening.decisionlog.checkpoint import Signer
from screening.decisionlog.keyring import KeyRing, Ring, SealBroken, fixed
from screening.decisionlog.seal import Sealer, reference_check
from screening.errors import DataDirectoryError, SettingError
from screening.randomness import random_bytes
from screening.reload import Watched, stamp_files
from screening.storage import continuity, durable_file
from screening.storage.anchor import KEY, NEWEST, Anchor
from screening.storage.checkpoints import Checkpoints, Places
from screening.storage.continuity import RESTORE
from screening.storage.database import Database, Session
from screening.storage.keys import WRAPPING, load_keys, load_or_create, load_ring
from screening.storage.log import SqlLog
from screening.storage.postgres import PostgresDatabase
from screening.storage.sqlite import LOG, SqliteDatabase
from screening.storage.tile_files import TileFiles
from screening.storage.timestamp import Authority
from screening.storage.vault import vault_of
from screening.transport.identity import new_id

REFERENCE_KEY, CHECKPOINT_KEY = "reference.key", "checkpoint.key"
KEY_FILES = (WRAPPING, REFERENCE_KEY, CHECKPOINT_KEY)


def watch_keys(settings: Settings) -> Watched[KeyRing]:
    """Open the key-encryption keys, or make one for a new log; they can be rotated meanwhile. Raises DataDirectoryError."""
    path = settings.keys_directory / WRAPPING
    return Watched("sealing_keys", lambda: stamp_files([path]), lambda: load_ring(path, vault_of(settings.kms)))


def open_sealer(settings: Settings, ring: Ring | None = None) -> Sealer:
    """Open the sealing keys, or make them for a new log. Raises DataDirectoryError."""
    keys = settings.keys_directory
    if ring is None:
        ring = fixed(*load_keys(keys / WRAPPING, vault_of(settings.kms)))
    return Sealer(ring, load_or_create(keys / REFERENCE_KEY), random_bytes)


def open_signer(settings: Settings) -> Signer:
    """Open the key that signs checkpoints, or make it for a new log. Raises DataDirectoryError."""
    return Signer(settings.log_origin, load_or_create(settings.keys_directory / CHECKPOINT_KEY))


def open_log(settings: Settings, time: Clock | None = None, *, joins: bool = False) -> SqlLog:
    """Open the decision log, making it for a new data directory or database. Raises DataDirectoryError.

    A service that `joins` another on the same data directory leaves the tree to that one as long as it lives.
    """
    try:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise DataDirectoryError(f"the data directory {settings.data} cannot be made: {error.strerror}") from None
    earlier = _earlier_log(settings)
    if earlier and not settings.database and not (settings.data / LOG).exists():
        raise DataDirectoryError(f"the decision log is gone: {earlier} is of it; {RESTORE}")
    database = open_database(settings, guest=joins)
    try:
        _check_continuity(database, settings, earlier)
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
    try:
        durable_file.prove_writable(settings.tiles_directory, mode=0o755)
    except OSError as error:
        raise DataDirectoryError(f"the tiles {settings.tiles_directory} cannot be written: {error.strerror}") from None
    tiles = TileFiles(settings.tiles_directory, signer.key, entries=settings.tile_entries)
    return Checkpoints(log, signer, Places(anchor, tiles, authority), (time or Clock()).now, new_id)


def _earlier_log(settings: Settings) -> Path | None:
    """Return a file that is there only if a log was begun under these settings."""
    files = (settings.data / KEY, settings.anchor_directory / NEWEST)
    return next((path for path in files if path.exists()), None)


def _check_continuity(database: Database, settings: Settings, earlier: Path | None) -> None:
    """Refuse stores and keys that are not those of one log, or of which a part was lost. Raises DataDirectoryError."""
    try:
        log, keys = database.open_log(), database.open_keys()
        try:
            filled = continuity.has_keys(keys)  # read first: another instance begins the log before it stores a key
            if continuity.has_begun(log):
                _check_key_files(settings)
            elif filled or earlier:
                what = earlier or "the key store"
                raise DataDirectoryError(f"the decision log is gone, it holds nothing: {what} is of it; {RESTORE}")
            reference_key = _load_keys(settings)
            _check_ring(keys, settings)
            continuity.begin(log, reference_check(reference_key))
            continuity.check_keys(log, keys)
        finally:
            log.close()
            keys.close()
    except database.failures:
        raise DataDirectoryError("the decision log and its key store cannot be read and written") from None


def _check_ring(keys: Session, settings: Settings) -> None:
    """Refuse keys that do not open what was sealed last. Raises DataDirectoryError."""
    place = settings.keys_directory / WRAPPING
    ring = load_ring(place, vault_of(settings.kms))
    query = "SELECT key_id, wrapped FROM wrapped_key WHERE key_id <> 'probe' ORDER BY key_id DESC LIMIT 1"
    newest = keys.execute(query).fetchone()
    try:
        if newest:
            ring.unwrap(bytes(newest[1]), newest[0])
    except SealBroken as error:
        raise DataDirectoryError(f"{place} is not the key of this log: {error}; restore it before starting") from None


def _load_keys(settings: Settings) -> bytes:
    """Load the key files, or make them for a new log; return the reference key. Raises DataDirectoryError."""
    load_ring(settings.keys_directory / WRAPPING, vault_of(settings.kms))
    load_or_create(settings.keys_directory / CHECKPOINT_KEY)
    return load_or_create(settings.keys_directory / REFERENCE_KEY)


def _check_key_files(settings: Settings) -> None:
    """Refuse to make new keys for an old log: that would hide that the old ones are lost. Raises DataDirectoryError."""
    for name in KEY_FILES:
        if not (settings.keys_directory / name).exists():
            place = "the database" if settings.database else settings.data
            raise DataDirectoryError(
                f"{place} has a decision log but not its keys; restore {settings.keys_directory / name} before starting"
            )
