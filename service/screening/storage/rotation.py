"""Rotation of the key-encryption key: every data key is wrapped anew, and the old key is retired when none needs it.

A new key stands in the key file, before the old ones, before anything is wrapped under it; so whatever a crash leaves can
be unwrapped, and the next run goes on. A data key that is erased meanwhile stays erased: only what is there is changed.
"""

import os
from collections import Counter
from pathlib import Path

from screening.decisionlog.keyring import ID_BYTES, KEY_BYTES, NONCE_BYTES, KeyRing, key_id
from screening.storage.database import Database
from screening.storage.keys import load_keys, write_keys
from screening.storage.vault import Vault

_AT_ONCE = 500
_PAGE = "SELECT key_id, wrapped FROM wrapped_key WHERE key_id > ? AND key_id <> 'probe' ORDER BY key_id LIMIT ?"
_CHANGE = "UPDATE wrapped_key SET wrapped = ? WHERE key_id = ? AND wrapped = ?"


def add_key(path: Path, vault: Vault) -> KeyRing:
    """Put a new key before those in a file, durably, and return them all. Raises DataDirectoryError, OSError."""
    keys = [os.urandom(KEY_BYTES), *load_keys(path, vault)]
    write_keys(path, keys, vault)
    return KeyRing(keys)


def rewrap(database: Database, ring: KeyRing) -> int:
    """Wrap every data key under the current key; return how many were not. Raises SealBroken, and what the engine raises."""
    session = database.open_keys()
    changed, after = 0, ""
    try:
        while rows := session.execute(_PAGE, (after, _AT_ONCE)).fetchall():
            after = rows[-1][0]
            stale = [(name, bytes(wrapped)) for name, wrapped in rows if not ring.is_current(bytes(wrapped))]
            if stale:
                session.begin()
                session.executemany(
                    _CHANGE,
                    [
                        (ring.wrap(ring.unwrap(wrapped, name), os.urandom(NONCE_BYTES), name), name, wrapped)
                        for name, wrapped in stale
                    ],
                )
                session.commit()
                changed += len(stale)
        if changed:
            database.scrub(session, ("wrapped_key",))
    except BaseException:
        session.rollback()
        raise
    finally:
        session.close()
    return changed


def retire(database: Database, path: Path, vault: Vault) -> int:
    """Take every key out of a file but the one that wraps, and those that a data key still needs; return how many.

    Raises DataDirectoryError, OSError, and what the engine raises.
    """
    keys = load_keys(path, vault)
    needed = needed_keys(database)
    kept = [key for place, key in enumerate(keys) if place == 0 or needed[key_id(key)]]
    if len(kept) < len(keys):
        write_keys(path, kept, vault)
    return len(keys) - len(kept)


def needed_keys(database: Database) -> Counter[bytes]:
    """Return how many data keys each key-encryption key has wrapped, by its id."""
    found: Counter[bytes] = Counter()
    session = database.open_keys()
    after = ""
    while rows := session.execute(_PAGE, (after, _AT_ONCE)).fetchall():
        after = rows[-1][0]
        found.update(bytes(wrapped)[:ID_BYTES] for _, wrapped in rows)
    session.close()
    return found
