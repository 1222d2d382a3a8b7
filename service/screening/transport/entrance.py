"""The entrance: what the callers file, the key set and the certificates make of the service's listener."""

import time
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any

import grpc

from screening import callers
from screening.callers import Callers
from screening.config import Settings
from screening.errors import DataFileError
from screening.reload import Stamp, Watched, stamp_files
from screening.transport import tls
from screening.transport.authenticate import Authenticator
from screening.transport.tls import Certificates
from screening.transport.token import TokenVerifier, read_keys

FETCH_EVERY_SECONDS = 60
"""How often a key set is fetched from a URL; an issuer publishes a new key before it signs with it."""
_FETCH_SECONDS = 10.0
_LARGEST_KEY_SET = 1_000_000


class Entrance:
    """Holds what tells who calls, each part read anew when its files change. Raises StartError where one is bad."""

    def __init__(self, settings: Settings) -> None:
        self._plaintext = not settings.tls
        self._callers = Watched("callers", lambda: _stamp(settings.callers), lambda: read_callers(settings))
        self._keys = Watched("token_keys", lambda: _stamp_keys(settings.jwks), lambda: read_verifier(settings))
        self._certificates: Watched[Certificates] | None = None
        if settings.tls:
            files = (settings.tls_certificate, settings.tls_key, settings.tls_client_ca)
            self._certificates = Watched(
                "certificates", lambda: _stamp(*files), lambda: tls.read_certificates(settings)
            )
        self._needs_certificates = settings.tls_client_ca is not None
        self._built_from: tuple[Callers, TokenVerifier | None] = (self._callers.value, self._keys.value)
        self._authenticator = self._build()

    @property
    def watched(self) -> list[Watched[Any]]:
        """Return what can change while the service runs."""
        return [part for part in (self._callers, self._keys, self._certificates) if part is not None]

    def authenticator(self) -> Authenticator:
        """Return what tells who calls, by the files in force."""
        callers, keys = self._built_from
        if callers is not self._callers.value or keys is not self._keys.value:
            self._built_from = (self._callers.value, self._keys.value)
            self._authenticator = self._build()
        return self._authenticator

    def credentials(self) -> grpc.ServerCredentials | None:
        """Return what new connections are met with; None for plaintext."""
        certificates = self._certificates
        if certificates is None:
            return None
        return tls.credentials(lambda: certificates.value, callers_have_certificates=self._needs_certificates)

    def certificate_expiry(self) -> float:
        """Return when the service's certificate expires, in seconds since 1970; 0 without TLS."""
        return self._certificates.value.not_after.timestamp() if self._certificates else 0.0

    def _build(self) -> Authenticator:
        known, keys = self._built_from
        return Authenticator(known, keys, plaintext=self._plaintext)


def read_callers(settings: Settings) -> Callers:
    """Read the callers file; without one, only programs on this machine call. Raises DataFileError."""
    if settings.callers is None:
        return callers.local_only()
    return callers.load(_text(settings.callers), str(settings.callers))


def read_verifier(settings: Settings) -> TokenVerifier | None:
    """Read the key set from its file or URL; None where no tokens are accepted. Raises DataFileError."""
    if not settings.jwks:
        return None
    text = _fetch(settings.jwks) if _is_url(settings.jwks) else _text(Path(settings.jwks))
    return TokenVerifier(read_keys(text, settings.jwks), settings.jwt_issuer, settings.jwt_audience)


def _stamp(*files: Path | None) -> Stamp:
    return stamp_files([file for file in files if file is not None])


def _stamp_keys(source: str) -> Stamp:
    """Return the stamp of the file, or for a URL one that changes when it is time to fetch it again."""
    if _is_url(source):
        return (int(time.monotonic() // FETCH_EVERY_SECONDS),)
    return _stamp(Path(source)) if source else ()


def _is_url(source: str) -> bool:
    return "://" in source


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
    except (OSError, ValueError, HTTPException):
        raise DataFileError(
            url, 1, "cannot be fetched", "See that the issuer is up and its certificate trusted"
        ) from None
