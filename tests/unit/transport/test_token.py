import base64
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey
from screening.errors import DataFileError, Unauthenticated
from screening.transport.token import LONGEST, TokenVerifier, read_keys

from tests.credentials import AUDIENCE, ISSUER, Issuer

NOW = int(time.time())


@pytest.fixture(autouse=True)
def _hold_the_clock() -> Iterator[None]:
    """Issue tokens at NOW, however long after its import the test runs."""
    with time_machine.travel(NOW, tick=False):
        yield


def verifier(issuer: Issuer) -> TokenVerifier:
    """Return a verifier that knows an issuer's keys."""
    return TokenVerifier(read_keys(issuer.jwks, "keys.json"), ISSUER, AUDIENCE)


def test_a_good_token_names_its_subject_and_its_end() -> None:
    """With the leeway for clocks."""
    issuer = Issuer()
    assert verifier(issuer).verify(issuer.token("payroll", exp=NOW + 60), NOW) == ("payroll", NOW + 90.0)


def test_an_audience_among_others_is_one() -> None:
    """RFC 7519, section 4.1.3."""
    issuer = Issuer()
    assert verifier(issuer).verify(issuer.token("payroll", aud=["other", AUDIENCE]), NOW)[0] == "payroll"


def test_keys_rotate() -> None:
    """A new key signs, tokens of the old one hold while it is published."""
    issuer = Issuer()
    old = issuer.token("payroll")
    issuer.rotate()
    assert verifier(issuer).verify(old, NOW)[0] == verifier(issuer).verify(issuer.token("payroll"), NOW)[0]
    issuer.keys.pop(0)
    with pytest.raises(Unauthenticated):
        verifier(issuer).verify(old, NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.example"},
        {"iss": None},
        {"aud": "other"},
        {"aud": None},
        {"aud": [[AUDIENCE]]},
        {"sub": None},
        {"sub": 7},
        {"sub": ["payroll"]},
        {"exp": None},
        {"exp": NOW - 31},
        {"exp": "never"},
        {"exp": float("inf")},
        {"nbf": NOW + 60},
        {"iat": NOW + 60},
        {"iat": "now"},
    ],
)
def test_a_wrong_claim_proves_nothing(changes: dict[str, Any]) -> None:
    """Each claim must be there, of its type, and hold."""
    issuer = Issuer()
    with pytest.raises(Unauthenticated):
        verifier(issuer).verify(issuer.token("payroll", **changes), NOW)


def part(value: Any) -> str:
    """Return a part of a token."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_an_algorithm_that_proves_nothing_is_not_taken() -> None:
    """`none`, a shared secret made of the public key, and a key of the token's own (RFC 8725, section 2)."""
    issuer = Issuer()
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "payroll", "exp": NOW + 60}
    signed = f"{part({'alg': 'HS256', 'kid': 'key-0'})}.{part(claims)}"
    confused = hmac.digest(issuer.keys[0].as_pem(private=False), signed.encode(), "sha256")
    own = ECKey.generate_key("P-256")
    forged = [
        f"{part({'alg': 'none'})}.{part(claims)}.",
        f"{part({'alg': 'None', 'kid': 'key-0'})}.{part(claims)}.",
        f"{signed}.{base64.urlsafe_b64encode(confused).decode().rstrip('=')}",
        jwt.encode({"alg": "ES256", "jwk": own.as_dict(private=False)}, claims, own),
        jwt.encode({"alg": "ES256", "kid": "key-0"}, claims, own),
        jwt.encode({"alg": "ES256", "kid": "key-9"}, claims, own),
    ]
    for token in forged:
        with pytest.raises(Unauthenticated):
            verifier(issuer).verify(token, NOW)


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "é.é.é", "x" * (LONGEST + 1), "." * 100, "\x00.\x00.\x00"])
def test_what_is_no_token_proves_nothing(token: str) -> None:
    """And raises nothing else."""
    with pytest.raises(Unauthenticated):
        verifier(Issuer()).verify(token, NOW)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a JSON Web Key Set"),
        ("{}", "not a JSON Web Key Set"),
        ('{"keys": []}', "not a JSON Web Key Set"),
        ('{"keys": [7]}', "not a JSON Web Key Set"),
        (json.dumps(KeySet([OctKey.generate_key(256)]).as_dict(private=True)), "secret"),
        (json.dumps(KeySet([ECKey.generate_key("P-256")]).as_dict(private=True)), "secret"),
    ],
)
def test_a_wrong_key_set_is_refused_and_not_repeated(text: str, said: str) -> None:
    """A file of keys may hold a secret, so nothing of it is said."""
    with pytest.raises(DataFileError, match=said):
        read_keys(text, "keys.json")


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_a_weak_key_is_refused() -> None:
    """RSA below 2,048 bits."""
    weak = KeySet([RSAKey.generate_key(1024)]).as_dict(private=False)
    with pytest.raises(DataFileError, match="too short"):
        read_keys(json.dumps(weak), "keys.json")


def test_keys_of_each_allowed_kind_are_taken() -> None:
    """RSA from 2,048 bits, elliptic curves, Ed25519."""
    keys: list[Any] = [RSAKey.generate_key(2048), ECKey.generate_key("P-384"), OKPKey.generate_key("Ed25519")]
    assert len(list(read_keys(json.dumps(KeySet(keys).as_dict(private=False)), "keys.json"))) == 3
