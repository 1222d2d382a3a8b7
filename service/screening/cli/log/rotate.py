"""`screening log rotate`: gives the log a new key-encryption key, beside a running service or without one."""

from typing import Annotated

import typer

from screening.cli.log.opened import AnchorDirectory, By, Data, Database, KeysDatabase, Place, refuse
from screening.custody import Custody
from screening.decisionlog.keyring import SealBroken
from screening.decisionlog.record import ROTATION, Json, make
from screening.recorded import open_database
from screening.storage.keys import WRAPPING, load_ring
from screening.storage.rotation import add_key, retire, rewrap
from screening.storage.vault import vault_of


def rotate(  # noqa: PLR0917  # typer makes options of parameters
    retire_old: Annotated[
        bool,
        typer.Option("--retire", help="Make no new key; take the old ones out of the key file, if nothing needs them"),
    ] = False,
    data: Data = None,
    anchor: AnchorDirectory = None,
    database: Database = None,
    keys_database: KeysDatabase = None,
    by: By = None,
) -> None:
    """Wrap every data key under a new key-encryption key; run it again with --retire once every instance has read that.

    It goes on where a run that was cut short has stopped: then --retire finishes it.
    """
    place = Place(data, anchor, database, keys_database, by)
    settings = place.settings()
    file, vault = settings.keys_directory / WRAPPING, vault_of(settings.kms)

    async def whole(custody: Custody) -> tuple[int, int]:
        try:
            ring = load_ring(file, vault) if retire_old else add_key(file, vault)
        except OSError as error:
            refuse(f"the key file {file} cannot be written: {error.strerror}; nothing was done")
        store = open_database(settings, guest=True)
        try:
            wrapped = rewrap(store, ring)
            retired = retire(store, file, vault) if retire_old else 0
        except (SealBroken, OSError, *store.failures) as error:  # type: ignore[misc]  # the engine's own classes
            refuse(f"the keys were not all wrapped anew ({type(error).__name__}); every one can still be opened")
        finally:
            store.close()
        about: dict[str, Json] = {
            "by": by or custody.by,
            "key": ring.current.hex(),
            "wrapped": wrapped,
            "retired": retired,
        }
        now = custody.clock()
        await custody.log.append([make(ROTATION, custody.new_id(now), now, about)])
        return wrapped, retired

    wrapped, retired = place.run(whole)
    typer.echo(f"{wrapped} data keys wrapped anew; {retired} old keys retired")
    if not retire_old:
        typer.echo("once every instance has read the new key: screening log rotate --retire")
