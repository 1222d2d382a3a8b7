"""The tables, as numbered migrations that only ever go forward.

A migration that has been released is never edited: its checksum stands in the database, and an instance that knows the
same number with other text refuses to start, as does one that meets a number it does not know.
"""

import hashlib
from collections.abc import Mapping, Sequence

from screening.errors import DataDirectoryError
from screening.storage.database import Session

LOG: tuple[str, ...] = (
    """
CREATE TABLE record (
  log_index {int} NOT NULL,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  time {int} NOT NULL,
  durable_time {int} NOT NULL,
  outcome {int},
  city_unit {int},
  rule_ids TEXT,
  key_id TEXT,
  leaf_hash {blob} NOT NULL,
  canonical {blob} NOT NULL,
  PRIMARY KEY ({record_key})
){by_month};
CREATE {unique} INDEX record_id ON record (id);
CREATE TABLE request (
  caller TEXT NOT NULL,
  request_key {blob} NOT NULL,
  body_key {blob} NOT NULL,
  log_index {int} NOT NULL,
  time {int} NOT NULL,
  PRIMARY KEY (caller, request_key)
){plain};
CREATE INDEX request_time ON request (time);
CREATE TABLE reference (
  reference_key {blob} NOT NULL,
  log_index {int} NOT NULL,
  PRIMARY KEY (reference_key, log_index)
){plain};
CREATE TABLE tail (
  one {int} PRIMARY KEY CHECK (one = 1),
  next_index {int} NOT NULL,
  durable_time {int} NOT NULL
);
INSERT INTO tail VALUES (1, 0, 0);
CREATE TABLE tile (
  level {int} NOT NULL,
  n {int} NOT NULL,
  hashes {blob} NOT NULL,
  PRIMARY KEY (level, n)
);
CREATE TABLE checkpoint (
  size {int} PRIMARY KEY,
  time {int} NOT NULL,
  note TEXT NOT NULL
);
CREATE TABLE mark (
  decision_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  log_index {int} NOT NULL,
  PRIMARY KEY (decision_id, log_index)
){plain};
CREATE TABLE doomed (key_id TEXT PRIMARY KEY){plain};
CREATE TABLE probe (one {int} PRIMARY KEY, ballast {blob} NOT NULL);
""",
    "CREATE TABLE bundle (revision TEXT PRIMARY KEY, packed {blob} NOT NULL);",
    "CREATE TABLE begun (one {int} PRIMARY KEY CHECK (one = 1), reference_check {blob} NOT NULL);",
)
"""The log: records, look-ups (`request`, `reference`), the tree, the law by its hash, what is known of decisions beside their record, and that it has begun."""

KEYS: tuple[str, ...] = ("CREATE TABLE wrapped_key (key_id TEXT PRIMARY KEY, wrapped {blob} NOT NULL){plain};",)
"""The wrapped data keys."""

_MIGRATION = "CREATE TABLE IF NOT EXISTS migration (version {int} PRIMARY KEY, checksum TEXT NOT NULL)"


def migrate(session: Session, migrations: Sequence[str], dialect: Mapping[str, str], place: str) -> None:
    """Bring a database forward to the newest version, each step in a transaction of its own.

    Raises DataDirectoryError if the database is of a newer version, or of one that is known by other text.
    """
    session.begin()
    session.execute(_MIGRATION.format_map(dialect))
    applied = dict(session.execute("SELECT version, checksum FROM migration ORDER BY version").fetchall())
    session.commit()
    if any(version > len(migrations) for version in applied):
        raise DataDirectoryError(f"{place} was written by a newer version of the service")
    for version, text in enumerate(migrations, 1):
        checksum = hashlib.sha256(text.encode()).hexdigest()
        if version not in applied:
            session.begin()
            for statement in filter(str.strip, text.format_map(dialect).split(";")):
                session.execute(statement)
            session.execute("INSERT INTO migration VALUES (?, ?)", (version, checksum))
            session.commit()
        elif applied[version] != checksum:
            raise DataDirectoryError(f"{place} has version {version} of the tables in another form than this service")
