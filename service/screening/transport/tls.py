"""The service's certificate, and the authorities of its callers' certificates; both can change while it runs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from screening.config import Settings
from screening.errors import SettingError


@dataclass(frozen=True)
class Certificates:
    """What new connections are met with."""

    configuration: grpc.ServerCertificateConfiguration
    not_after: datetime
    """When the service's own certificate expires."""


def read_certificates(settings: Settings) -> Certificates:
    """Read certificate, key and authorities. Raises SettingError for what does not fit together or has expired."""
    assert settings.tls_certificate is not None
    assert settings.tls_key is not None
    try:
        chain, key = settings.tls_certificate.read_bytes(), settings.tls_key.read_bytes()
        authorities = settings.tls_client_ca.read_bytes() if settings.tls_client_ca else None
    except OSError as error:
        raise SettingError(f"a file of TLS cannot be read: {error.filename}: {error.strerror}") from None
    certificate = _checked(chain, key, authorities)
    configuration = grpc.ssl_server_certificate_configuration([(key, chain)], root_certificates=authorities)
    return Certificates(configuration, certificate.not_valid_after_utc)


def _checked(chain: bytes, key: bytes, authorities: bytes | None) -> x509.Certificate:
    try:
        certificate = x509.load_pem_x509_certificates(chain)[0]
        private = serialization.load_pem_private_key(key, password=None)
        if authorities is not None:
            x509.load_pem_x509_certificates(authorities)
    except (ValueError, TypeError):
        raise SettingError("SCREENING_TLS_CERTIFICATE, _KEY or _CLIENT_CA is not PEM; check the three files") from None
    if private.public_key() != certificate.public_key():
        raise SettingError("SCREENING_TLS_KEY is not the key of SCREENING_TLS_CERTIFICATE")
    if certificate.not_valid_after_utc <= datetime.now(UTC):
        raise SettingError("SCREENING_TLS_CERTIFICATE has expired")
    return certificate


def credentials(current: Callable[[], Certificates], *, callers_have_certificates: bool) -> grpc.ServerCredentials:
    """Return credentials that ask `current` at each new connection, so that a rotated certificate needs no restart."""
    given = current().configuration

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        nonlocal given
        newest = current().configuration
        if newest is given:
            return None  # as before
        given = newest
        return newest

    return grpc.dynamic_ssl_server_credentials(
        given,
        fetch,  # type: ignore[arg-type]  # the types do not know that None means "as before"
        require_client_authentication=callers_have_certificates,
    )
