"""The entrance: what the callers file, the key set and the certificates make of the service's listener."""

import urllib.request
from pathlib import Path

from screening import callers
from screening.callers import Callers
from screening.config import Settings
from screening.errors import DataFileError
from screening.transport.authenticate import Authenticator
from screening.transport.token import TokenVerifier, read_keys

_FETCH_SECONDS = 10.0
_LARGEST_KEY_SET = 1_000_000


def read_callers(settings: Settings) -> Callers:
    """Read the callers file; without one, only programs on this machine call. Raises DataFileError."""
    if settings.callers is None:
        return callers.local_only()
    return callers.load(_text(settings.callers), str(settings.callers))


def read_verifier(settings: Settings) -> TokenVerifier | None:
    """Read the key set from its file or URL; None where no tokens are accepted. Raises DataFileError."""
    if not settings.jwks:
        return None
    text = _fetch(settings.jwks) if "://" in settings.jwks else _text(Path(settings.jwks))
    return TokenVerifier(read_keys(text, settings.jwks), settings.jwt_issuer, settings.jwt_audience)


def read_authenticator(settings: Settings) -> Authenticator:
    """Read all that tells who calls. Raises DataFileError."""
    return Authenticator(read_callers(settings), read_verifier(settings), plaintext=not settings.tls)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise DataFileError(str(path), 1, "cannot be read", "Put a text file there that the service may read") from None


def _fetch(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=_FETCH_SECONDS) as reply:  # noqa: S310  # config allows https only
            data: bytes = reply.read(_LARGEST_KEY_SET)
            return data.decode()
    except (OSError, ValueError):
        raise DataFileError(
            url, 1, "cannot be fetched", "See that the issuer is up and its certificate trusted"
        ) from None
