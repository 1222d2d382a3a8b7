"""`screening log verify`: re-verifies the whole log; it reads what is stored and writes nothing."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from psycopg.conninfo import conninfo_to_dict

from screening.cli.log.opened import AnchorDirectory, Data, Database, KeysDatabase, Place
from screening.config import Settings
from screening.decisionlog.checkpoint import BadNote, VerifierKey
from screening.decisionlog.verify import Completeness, Report
from screening.errors import DataDirectoryError
from screening.recorded import KEY_FILES
from screening.storage import anchor as anchors
from screening.storage import wal
from screening.storage.audit import Trust, audit
from screening.storage.keys import WRAPPING, KeyFile
from screening.storage.readonly import PostgresServers, SqliteFiles
from screening.storage.sqlite import KEYS, LOG
from screening.storage.timestamp import SUFFIX, stamped

BROKEN_EXIT, UNPROVEN_EXIT = 1, 3


def verify_log(  # noqa: PLR0917  # typer makes options of parameters
    data: Data = None,
    anchor: AnchorDirectory = None,
    database: Database = None,
    keys_database: KeysDatabase = None,
    checkpoint: Annotated[Path | None, typer.Option(help="A checkpoint file kept elsewhere")] = None,
    key: Annotated[str | None, typer.Option(help="The log's verifier key, or a file with it")] = None,
    witness: Annotated[
        list[str] | None, typer.Option(help="Verifier key of a witness; what it did not cosign is unproven")
    ] = None,
    tsa_roots: Annotated[Path | None, typer.Option(help="PEM file; check the anchor's time stamps against it")] = None,
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="A copy without its key store and key files")
    ] = False,
    without_tiles: Annotated[bool, typer.Option("--without-tiles", help="A copy without its exported tiles")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs")] = False,
) -> None:
    """Verify every record; exit 0 if integrity and completeness hold, 3 if completeness is unproven, else 1."""
    settings = Place(data, anchor, database, keys_database).settings()
    if not settings.database and not settings.data.is_dir():
        raise typer.BadParameter(f"{settings.data} is no directory")
    if settings.database and not settings.keys_database and not without_keys:
        raise typer.BadParameter("--database needs --keys-database, or --without-keys")
    witnesses = [verifier_key(text) for text in witness or ()]
    report = verified(settings, key, checkpoint, witnesses, with_keys=not without_keys, with_tiles=not without_tiles)
    stamps = _stamps(settings.anchor_directory, tsa_roots) if tsa_roots else None
    for problem in stamps.wrong if stamps else ():
        report.fault(problem)
    typer.echo(json.dumps(_as_json(report, settings, stamps)) if as_json else _as_text(report, settings, stamps))
    if not report.integrity or report.completeness == Completeness.BROKEN:
        raise typer.Exit(BROKEN_EXIT)
    raise typer.Exit(UNPROVEN_EXIT if report.completeness == Completeness.UNPROVEN else 0)


def verified(
    settings: Settings,
    key: str | None = None,
    checkpoint: Path | None = None,
    witnesses: Sequence[VerifierKey] = (),
    *,
    with_keys: bool = True,
    with_tiles: bool = True,
) -> Report:
    """Verify the log of settings. Raises BadParameter where there is nothing to verify it against."""
    try:
        trust = _trust(settings, key, checkpoint, witnesses)
    except DataDirectoryError as error:
        raise typer.BadParameter(str(error)) from None
    store: PostgresServers | SqliteFiles = (
        PostgresServers(settings.database, settings.keys_database) if settings.database else SqliteFiles(settings.data)
    )
    names = () if settings.database else (LOG, *((KEYS,) if with_keys else ()))
    if gone := _gone(settings.data / name for name in names):
        return Report(missing=gone)
    wrapping = settings.keys_directory / WRAPPING
    try:
        report = audit(
            store,
            trust,
            settings.tiles_directory if with_tiles else None,
            with_keys=with_keys,
            key_file=KeyFile(wrapping, settings.kms) if with_keys and wrapping.exists() else None,
            entries=settings.tile_entries,
        )
    except DataDirectoryError as error:
        report = Report()
        report.fault(str(error))
    except store.failures as error:
        report = Report()
        report.fault(f"the log cannot be read: {type(error).__name__ if settings.database else error}")
    if with_keys:
        report.missing += _gone(_own_files(settings))
    if not settings.database:
        report.missing += _passed_over(settings.data)
    return report


def verifier_key(text: str) -> VerifierKey:
    """Return a verifier key that is given as text or as a file. Raises BadParameter."""
    try:
        return anchors.read_key(Path(text)) if Path(text).is_file() else VerifierKey.parse(text)
    except (BadNote, DataDirectoryError, OSError) as error:
        raise typer.BadParameter(str(error)) from None


def _trust(settings: Settings, key: str | None, checkpoint: Path | None, witnesses: Sequence[VerifierKey]) -> Trust:
    """Read what is kept elsewhere; the anchor's key is trusted before the one in the data directory."""
    place = settings.anchor_directory
    candidates = [place / anchors.KEY, settings.data / anchors.KEY]
    found = [path for path in candidates if path.exists()]
    if not key and not found:
        raise DataDirectoryError(f"there is no {anchors.KEY} in {place} or {settings.data}; give --key")
    files = [*anchors.notes(place), *([checkpoint] if checkpoint else [])]
    try:
        notes = [(str(path), path.read_text(encoding="utf-8", errors="replace")) for path in files]
    except OSError as error:
        raise DataDirectoryError(f"a checkpoint cannot be read: {error}") from None
    return Trust(verifier_key(key) if key else anchors.read_key(found[0]), notes, witnesses)


def _own_files(settings: Settings) -> list[Path]:
    """Return the files that must stand beside the log.

    Who verifies a database may do so from another machine than the service's: files are looked for only where their
    directory is at hand.
    """
    files = [settings.data / anchors.KEY, *(settings.keys_directory / name for name in KEY_FILES)]
    return [file for file in files if not settings.database or file.parent.is_dir()]


def _gone(files: Iterable[Path]) -> list[str]:
    return [f"the file {file.name}" for file in files if not file.exists()]


def _passed_over(data: Path) -> list[str]:
    """Return what SQLite does not read any more, because it stands behind damage in a write-ahead log."""
    damaged = {name: wal.damage(data / f"{name}-wal") for name in (LOG, KEYS)}
    return [
        f"{found.commits} commits behind frame {found.frame} of {name}-wal, which is damaged"
        for name, found in damaged.items()
        if found and found.commits > 1
    ]


@dataclass
class Stamps:
    """What the time stamps in the anchor show."""

    held: int = 0
    """Checkpoints whose time stamp holds."""
    missing: int = 0
    """Kept checkpoints that have none."""
    wrong: list[str] = field(default_factory=list)


def _stamps(place: Path, roots: Path) -> Stamps:
    """Check the time stamps of all kept checkpoints."""
    found = Stamps()
    for note in anchors.kept(place):
        answer = note.with_name(note.name + SUFFIX)
        if not answer.exists():
            found.missing += 1
            continue
        try:
            stamped(note.read_bytes(), answer.read_bytes(), roots.read_bytes())
            found.held += 1
        except (ValueError, OSError) as error:
            found.wrong.append(f"the time stamp {answer.name}: {error}")
    return found


def _shares_device(settings: Settings) -> bool:
    """Say whether log and anchor lie on one device, so that whoever loses or changes one may lose or change the other."""
    places = (settings.data, settings.anchor_directory)
    return not settings.database and all(place.exists() for place in places) and len({*map(_device, places)}) == 1


def _device(place: Path) -> int:
    return place.stat().st_dev


def _as_json(report: Report, settings: Settings, stamps: Stamps | None) -> dict[str, Any]:
    return {
        "log": _log(settings),
        "records": report.records,
        "kinds": report.kinds,
        "integrity": report.integrity,
        "completeness": report.completeness,
        "anchored": report.anchored,
        "unanchored": report.records - report.anchored,
        "signed": report.signed,
        "erased": report.erased,
        "cosigned": report.cosigned,
        "keys_opened": report.keys_opened,
        "anchor": str(settings.anchor_directory),
        "anchor_on_same_device": _shares_device(settings),
        "stamped": stamps and stamps.held,
        "unstamped": stamps and stamps.missing,
        "faults": report.faults,
        "fault_count": report.fault_count,
        "missing": report.missing,
    }


def _as_text(report: Report, settings: Settings, stamps: Stamps | None) -> str:
    place = settings.anchor_directory
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(report.kinds.items()))
    lines = [f"{report.records} records ({kinds})" if kinds else f"{report.records or 'no'} records"]
    lines.append(f"log: {_log(settings)}")
    lines.append(f"integrity: {'verified' if report.integrity else f'BROKEN, {report.fault_count} faults'}")
    lines += [f"  {fault}" for fault in report.faults]
    if not report.keys_opened:
        lines.append("  wrapped keys were not opened: no key file is at hand")
    completeness = report.completeness
    lines.append(f"completeness: {completeness.upper() if completeness == Completeness.BROKEN else completeness}")
    lines += [f"  missing: {what}" for what in report.missing]
    if report.anchors:
        lines.append(f"  anchored: {_range(0, report.anchored)}, under {report.anchors} checkpoints (anchor {place})")
    else:
        lines.append(f"  anchored: none; nothing is anchored in {place}")
    if report.anchored < report.records:
        lines.append(f"  unanchored: {_range(report.anchored, report.records)}; a cut-off tail could not be seen there")
    if report.cosigned is not None:
        lines.append(f"  cosigned: {_range(0, report.cosigned)}")
        lines.append(f"  not cosigned: {_range(report.cosigned, report.records)}")
    if stamps:
        lines.append(f"  time stamps: {stamps.held} hold; {stamps.missing} kept checkpoints have none")
    if _shares_device(settings):
        lines.append(
            "  warning: the anchor lies on the device of the log; who can change one there can mostly change the other"
        )
    return "\n".join(lines)


def _log(settings: Settings) -> str:
    """Say which log was verified, without an address, which may hold a password."""
    if not settings.database:
        return str(settings.data / LOG)
    parts = conninfo_to_dict(settings.database)
    return f"PostgreSQL database {parts.get('dbname', '')} on {parts.get('host', 'this machine')}"


def _range(start: int, end: int) -> str:
    return f"records {start} to {end - 1}" if end > start else "no records"
