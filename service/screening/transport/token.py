"""Tokens that prove who calls: JSON Web Tokens (RFC 7519) checked against a JSON Web Key Set (RFC 7517).

Algorithms are fixed here and asymmetric; what a token says of its own algorithm only selects among them. Issuer,
audience, subject and expiry must be there and must hold (RFC 8725).
"""

import json
from dataclasses import dataclass

from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey
from joserfc.jwt import JWTClaimsRegistry, decode

from screening.errors import DataFileError, Unauthenticated

ALGORITHMS = ("ES256", "ES384", "PS256", "RS256", "Ed25519", "EdDSA")
LEEWAY_SECONDS = 30
"""How far the issuer's clock and ours may be apart."""
LONGEST = 8_192
"""Longest token, in characters, inclusive."""
_LEAST_RSA_BITS = 2_048


@dataclass(frozen=True)
class TokenVerifier:
    """Checks tokens of one issuer for one audience."""

    keys: KeySet
    issuer: str
    audience: str

    def verify(self, token: str, now: float) -> tuple[str, float]:
        """Return the subject of a token, and until when the token holds.

        Times are seconds since 1970, the end exclusive. Raises Unauthenticated.
        """
        if len(token) > LONGEST:
            raise Unauthenticated
        registry = JWTClaimsRegistry(
            now=int(now),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.audience},
            sub={"essential": True},
            exp={"essential": True},
        )
        try:
            claims = decode(token, self.keys, algorithms=ALGORITHMS).claims
            registry.validate(claims)
            return str(claims["sub"]), float(claims["exp"]) + LEEWAY_SECONDS
        except Exception:  # noqa: BLE001  # whatever the library makes of a forged token, nothing is proven
            raise Unauthenticated from None


def read_keys(text: str, source: str) -> KeySet:
    """Read a JSON Web Key Set. Raises DataFileError for what is none, or holds a secret or a weak key."""
    try:
        given = json.loads(text)
        keys = KeySet.import_key_set(given)
    except Exception:  # noqa: BLE001  # as above; the text may hold key material, so nothing of it is said
        raise DataFileError(source, 1, "not a JSON Web Key Set", "Put {'keys': [...]} with public keys there") from None
    for key in keys:
        if not isinstance(key, RSAKey | ECKey | OKPKey) or key.is_private:
            raise DataFileError(source, 1, "a key is secret", "Publish public keys only")
        if isinstance(key, RSAKey) and key.raw_value.key_size < _LEAST_RSA_BITS:
            raise DataFileError(source, 1, "an RSA key is too short", f"Use at least {_LEAST_RSA_BITS} bits")
    return keys
