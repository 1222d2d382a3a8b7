"""What is fuzzed: each target takes bytes, and raises only if something happened that must not.

What may happen is the target's own error and nothing else: a wrong file is a StartError, a wrong form a FormError, a
wrong call a CallError with a status other than INTERNAL.
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typer
from city.screening.v1 import screening_service_pb2
from joserfc import jws
from screening import callers, screen
from screening.bundle import Bundle
from screening.cli import forms
from screening.config import Settings
from screening.decisionlog import checkpoint
from screening.decisionlog.checkpoint import BadNote, VerifierKey
from screening.errors import CallError, StartError, Unauthenticated
from screening.names.partners import PARTNERS_FILE
from screening.names.registry import Registry
from screening.policy.load import load
from screening.reading.lexicon import Lexicon
from screening.transport import convert, items, status
from screening.transport.token import LEEWAY_SECONDS, TokenVerifier, read_keys
from screening.wiring import read_bundle
from screening.yamlfile import parse
from screening_client.forms import employment_request, information_request

from tests.credentials import AUDIENCE, ISSUER, Issuer

TODAY = date(2026, 11, 20)
Target = Callable[[bytes], None]

_pb = screening_service_pb2


@cache
def bundle() -> Bundle:
    """The bundle that the package ships."""
    return read_bundle(Settings())


def question(kind: Any) -> Target:
    """Decide a question from its bytes."""

    def run(data: bytes) -> None:
        with refused():
            _decide(convert.parse(kind, data))

    return run


def batch(data: bytes) -> None:
    """Decide the questions of a batch."""
    with refused():
        for item in items.batch(data):
            with refused():
                request = item.read(_pb.ScreenEmploymentItem)
                items.check_key(item, set())
                _decide(request, item.path)


def frame(data: bytes) -> None:
    """Decide the questions of a message of a stream."""
    for item in items.frame(data).items:
        with refused():
            _decide(item.read(_pb.ScreenInformationRequestItem), item.path)


def _decide(request: Any, path: str = "") -> None:
    asked = convert.ask(request, today=TODAY, rpc="", caller="", trace_id="", path=path)
    screen.decide(asked.request, bundle(), asked.as_of, lambda _: None)


@contextlib.contextmanager
def refused() -> Iterator[None]:
    """Let errors pass that a caller is told, and check that they can be told."""
    try:
        yield
    except CallError as error:
        assert status.of(error).reason != "INTERNAL"  # noqa: PT017  # it may be raised, but not as that
        status.trailers(error, "rpc")


def law(data: bytes) -> None:
    """Load a law file."""
    with contextlib.suppress(StartError):
        load([parse(_text(data), "law.yaml")], {"moonlighting_effective": None}, {"log_request": "Log the request"})


def registry(data: bytes) -> None:
    """Load a registry file."""
    with contextlib.suppress(StartError):
        Registry.load({"registry.yaml": _text(data)})


def partners(data: bytes) -> None:
    """Load the table of partner agencies beside a registry file."""
    with contextlib.suppress(StartError):
        Registry.load({"agencies.yaml": _AGENCY, PARTNERS_FILE: _text(data)})


_AGENCY = """entities:
  - {id: ice, name: An Agency, kind: agency, employer_kind: ICE, grade: primary, roles: [], best_source: official}
"""


def lexicon(data: bytes) -> None:
    """Load a lexicon."""
    with contextlib.suppress(StartError):
        Lexicon({"employment.yaml": _text(data)})


def callers_file(data: bytes) -> None:
    """Load a callers file."""
    with contextlib.suppress(StartError):
        callers.load(_text(data), "callers.yaml")


def csv_form(data: bytes) -> None:
    """Read a CSV of forms."""
    with contextlib.suppress(typer.BadParameter), _file(data) as path:
        for _, row in forms._rows(path):
            with contextlib.suppress(forms.Failed):
                forms._made(employment_request, row)


def json_form(data: bytes) -> None:
    """Read a JSON file of forms."""
    with contextlib.suppress(typer.BadParameter), _file(data) as path:
        for form in forms._forms(path):
            with contextlib.suppress(forms.Failed):
                forms._made(information_request, form)


@contextlib.contextmanager
def _file(data: bytes) -> Iterator[Path]:
    path = _scratch() / "input"
    path.write_bytes(data)
    yield path
    path.unlink()  # a new file costs a tenth of one that is written over


@cache
def _scratch() -> Path:
    folder = TemporaryDirectory(prefix="screening-fuzz-")
    _KEPT.append(folder)
    return Path(folder.name)


_KEPT: list[TemporaryDirectory[str]] = []
"""Removed when the process ends."""


@cache
def _issuer() -> Issuer:
    return Issuer()


@cache
def _verifier() -> TokenVerifier:
    return TokenVerifier(read_keys(_issuer().jwks, "keys.json"), ISSUER, AUDIENCE)


def token(data: bytes) -> None:
    """Check a token: none of these was signed by a key of the issuer."""
    try:
        _verifier().verify(data.decode("latin-1"), time.time())
    except Unauthenticated:
        return
    raise AssertionError("a token that nobody signed was taken")


def claims(data: bytes) -> None:
    """Check claims that the issuer did sign: they are taken only if each of them holds."""
    key, now = _issuer().keys[0], time.time()
    signed = jws.serialize_compact({"alg": "ES256", "kid": str(key.kid)}, data, key)
    try:
        subject, until = _verifier().verify(signed, now)
    except Unauthenticated:
        return
    said = json.loads(data)
    audience = said["aud"]
    assert (said["iss"], said["sub"]) == (ISSUER, subject)
    assert AUDIENCE in ([audience] if isinstance(audience, str) else audience)
    assert until == float(said["exp"]) + LEEWAY_SECONDS > now
    assert all(said.get(claim, 0) <= now + LEEWAY_SECONDS for claim in ("nbf", "iat"))


def key_set(data: bytes) -> None:
    """Read a key set."""
    with contextlib.suppress(StartError):
        read_keys(_text(data), "keys.json")


def note(data: bytes) -> None:
    """Read a signed note and a verifier key."""
    text = _text(data)
    with contextlib.suppress(BadNote):
        checkpoint.unverified(text)
    with contextlib.suppress(BadNote):
        checkpoint.open_note(text, [_verifier_key()])
    with contextlib.suppress(BadNote):
        VerifierKey.parse(text)


@cache
def _verifier_key() -> VerifierKey:
    return checkpoint.Signer("screening.city/fuzz", bytes(32)).key


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


@dataclass(frozen=True)
class Weighed:
    """A target and its share of all executions."""

    run: Target
    share: int


TARGETS: Mapping[str, Weighed] = {
    "employment": Weighed(question(_pb.ScreenEmploymentRequest), 15),
    "information_request": Weighed(question(_pb.ScreenInformationRequestRequest), 15),
    "batch": Weighed(batch, 8),
    "frame": Weighed(frame, 8),
    "law": Weighed(law, 8),
    "registry": Weighed(registry, 6),
    "partners": Weighed(partners, 4),
    "lexicon": Weighed(lexicon, 6),
    "callers": Weighed(callers_file, 6),
    "csv": Weighed(csv_form, 6),
    "json": Weighed(json_form, 6),
    "token": Weighed(token, 4),
    "claims": Weighed(claims, 8),
    "key_set": Weighed(key_set, 4),
    "note": Weighed(note, 4),
}
