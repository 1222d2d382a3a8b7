"""A certificate authority and a token issuer of the tests' own: real certificates, real signatures."""

import ipaddress
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

ISSUER, AUDIENCE = "https://issuer.city.example", "screening"


@dataclass(frozen=True)
class Leaf:
    """A certificate with its key, as PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """Signs certificates."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        certificate = self._builder(self._name, self._key, timedelta(days=2)).add_extension(constraints, critical=True)
        self.pem = certificate.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def _builder(self, name: x509.Name, key: Any, lasts: timedelta) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + lasts)
        )

    def leaf(self, *names: str, lasts: timedelta = timedelta(days=1)) -> Leaf:
        """Return a certificate for URIs (with `://`), addresses and DNS names."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "leaf")])
        alternative = x509.SubjectAlternativeName([_general_name(name) for name in names])
        builder = self._builder(subject, key, lasts).add_extension(alternative, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)
        return Leaf(certificate, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def channel(self, leaf: Leaf | None = None) -> grpc.ChannelCredentials:
        """Return credentials of a client that trusts this authority and shows a certificate."""
        if leaf is None:
            return grpc.ssl_channel_credentials(self.pem)
        return grpc.ssl_channel_credentials(self.pem, leaf.key, leaf.certificate)


def _general_name(name: str) -> x509.GeneralName:
    if "://" in name:
        return x509.UniformResourceIdentifier(name)
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@dataclass
class Issuer:
    """Signs tokens with its newest key and publishes all of them."""

    keys: list[ECKey] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin with one key."""
        self.rotate()

    def rotate(self) -> None:
        """Make a new key and sign with it from now on."""
        self.keys.append(ECKey.generate_key("P-256", {"kid": f"key-{len(self.keys)}"}))

    @property
    def jwks(self) -> str:
        """The public keys."""
        return json.dumps(KeySet([*self.keys]).as_dict(private=False))

    def token(self, subject: str, key: ECKey | None = None, **changes: Any) -> str:
        """Return a token; claims that are changed to None are left out."""
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + 300, **changes}
        signing = key or self.keys[-1]
        header = {"alg": "ES256", "kid": str(signing.kid)}
        return jwt.encode(header, {name: value for name, value in claims.items() if value is not None}, signing)


def write_tls(folder: Path, authority: Authority, server: Leaf) -> dict[str, Path]:
    """Write the files of a service with TLS; return the settings that name them."""
    files = {
        "tls_certificate": (folder / "server.pem", server.certificate),
        "tls_key": (folder / "server.key", server.key),
        "tls_client_ca": (folder / "clients.pem", authority.pem),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in files.values():
        path.write_bytes(content)
    return {name: path for name, (path, _) in files.items()}
