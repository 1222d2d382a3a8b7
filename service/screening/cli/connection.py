"""How a verb reaches a running service: in plaintext on this machine, or as the environment says over TLS."""

import os
from pathlib import Path
from typing import Annotated

import grpc
import typer
from screening_client import ScreeningClient

DEFAULT_TARGET = "127.0.0.1:50051"
Target = Annotated[str, typer.Option(help="HOST:PORT of a running service")]

CA = "SCREENING_CLIENT_CA"
"""PEM file of the authorities for the service's certificate; set: TLS."""
CERTIFICATE, KEY = "SCREENING_CLIENT_CERTIFICATE", "SCREENING_CLIENT_KEY"
"""PEM files of the caller's own certificate and its key."""
TOKEN_FILE = "SCREENING_CLIENT_TOKEN_FILE"  # noqa: S105  # the name of a variable
"""File with the caller's token, read at each call."""


def connect(target: str) -> ScreeningClient:
    """Return a client of the service. Raises typer.BadParameter where a file is missing."""
    token_file = os.environ.get(TOKEN_FILE)
    token = (lambda: _read(TOKEN_FILE).decode().strip()) if token_file else None
    return ScreeningClient(target, credentials=_credentials(), token=token)


def _credentials() -> grpc.ChannelCredentials | None:
    if not os.environ.get(CA):
        return None
    if not os.environ.get(CERTIFICATE):
        return grpc.ssl_channel_credentials(_read(CA))
    return grpc.ssl_channel_credentials(_read(CA), _read(KEY), _read(CERTIFICATE))


def _read(variable: str) -> bytes:
    try:
        return Path(os.environ[variable]).read_bytes()
    except (KeyError, OSError):
        raise typer.BadParameter(f"{variable} must name a file that can be read") from None
