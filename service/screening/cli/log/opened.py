"""The decision log as the keeper's commands open it: beside a running service, or alone."""

import asyncio
import contextlib
import getpass
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer

from screening import clock, config, recorded
from screening.config import Settings
from screening.custody import Custody
from screening.errors import DataDirectoryError, LogUnavailable, RecordTooLong, SettingError
from screening.storage.keys import WRAPPING
from screening.storage.sqlite import LOG
from screening.transport.identity import new_id

Data = Annotated[Path | None, typer.Option(help="Directory of the decision log", show_default="./data")]
AnchorDirectory = Annotated[
    Path | None, typer.Option("--anchor", help="Directory with anchored checkpoints; default a sibling of data")
]
Database = Annotated[
    str | None, typer.Option(help="PostgreSQL address of the log", show_default="SCREENING_DATABASE, or none: SQLite")
]
KeysDatabase = Annotated[
    str | None, typer.Option(help="PostgreSQL address of the key store", show_default="SCREENING_KEYS_DATABASE")
]
By = Annotated[str | None, typer.Option(help="Who acts, for the record", show_default="the user of this machine")]

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Place:
    """Where the log is, and who acts on it."""

    data: Path | None = None
    anchor: Path | None = None
    database: str | None = None
    keys_database: str | None = None
    by: str | None = None

    def settings(self) -> Settings:
        """Return the settings that a service there would have. Raises BadParameter."""
        try:
            settings = config.from_environ(
                os.environ,
                data=self.data,
                anchor=self.anchor,
                database=self.database,
                keys_database=self.keys_database,
            )
        except SettingError as error:
            raise typer.BadParameter(str(error)) from None
        return settings

    def run(self, work: Callable[[Custody], Awaitable[_Result]]) -> _Result:
        """Open the log, do the work, put what was recorded under a checkpoint, and close it."""

        async def whole() -> _Result:
            async with opened(self.settings(), self.by) as custody:
                try:
                    return await work(custody)
                except RecordTooLong as error:
                    refuse(f"{error}: give fewer words")

        return asyncio.run(whole())


@contextlib.asynccontextmanager
async def opened(settings: Settings, by: str | None = None) -> AsyncIterator[Custody]:
    """Open the log of settings in somebody's name; ends the command with an error where that cannot be.

    A running service puts the records under its next checkpoint; if there is none, that is done at the end.
    """
    if not settings.database and not (settings.data / LOG).exists():
        raise typer.BadParameter(f"{settings.data} has no decision log")
    if not (settings.keys_directory / WRAPPING).exists():
        raise typer.BadParameter(f"{settings.keys_directory} has not the keys of the log")
    try:
        log = recorded.open_log(settings, joins=True)
        try:
            checkpoints = await recorded.open_checkpoints(settings, log)
            yield Custody(log, recorded.open_sealer(settings), clock.now, new_id, by or getpass.getuser())
            await checkpoints.tick(last=True)
        finally:
            await log.close()
    except (DataDirectoryError, SettingError) as error:
        raise typer.BadParameter(str(error)) from None
    except LogUnavailable:
        refuse("the decision log cannot be written now; nothing was done")


def refuse(problem: str) -> NoReturn:
    """Say what stands against it, and end with exit code 1."""
    typer.echo(f"screening: {problem}", err=True)
    raise typer.Exit(1)
