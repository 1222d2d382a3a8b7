"""Who calls: from a connection's certificate or a call's token to the caller that the callers file names.

A token, where one is sent, decides alone: a bad one is refused even on a connection with a good certificate. What was
proven is remembered per connection and per token, so that a call costs no parsing.
"""

from collections.abc import Mapping
from typing import Any

import grpc

from screening.callers import LOCAL, Caller, Callers
from screening.errors import Unauthenticated
from screening.transport.identity import caller_of
from screening.transport.token import TokenVerifier

REMEMBERED = 10_000
"""Most connections, and most tokens, that are remembered; at the limit all are forgotten and proven anew."""
_BEARER = "bearer "

Context = grpc.aio.ServicerContext[Any, Any]


class Authenticator:
    """Finds out who calls. Replaced as a whole when callers or token keys change, and with it what it remembers."""

    def __init__(self, callers: Callers, tokens: TokenVerifier | None, *, plaintext: bool) -> None:
        """`tokens` is None where none are accepted; `plaintext` means loopback without TLS."""
        self._callers = callers
        self._tokens = tokens
        self._plaintext = plaintext
        self._local = callers.find([LOCAL])
        self._by_connection: dict[tuple[str, ...], Caller | None] = {}
        self._by_token: dict[str, tuple[Caller | None, float]] = {}

    def caller(self, context: Context, metadata: Mapping[str, str], now: float) -> Caller:
        """Return the caller; `now` in seconds since 1970. Raises Unauthenticated."""
        authorization = metadata.get("authorization")
        if authorization is not None:
            found = self._of_token(authorization, now)
        elif self._plaintext:
            found = self._local
        else:
            found = self._of_certificate(context)
        if found is None:
            raise Unauthenticated
        return found

    def _of_token(self, authorization: str, now: float) -> Caller | None:
        found, until = self._by_token.get(authorization, (None, now))
        if now < until:
            return found
        self._by_token.pop(authorization, None)
        if self._tokens is None or not authorization.lower().startswith(_BEARER):
            return None
        subject, until = self._tokens.verify(authorization[len(_BEARER) :].strip(), now)
        found = self._callers.find([f"jwt:{subject}"])
        _remember(self._by_token, authorization, (found, until))
        return found

    def _of_certificate(self, context: Context) -> Caller | None:
        names = context.peer_identities()
        if not names:
            return None
        key = (context.peer(), *(name.decode("utf-8", "replace") for name in names))
        if key not in self._by_connection:
            _remember(self._by_connection, key, self._callers.find(certificate_identities(context.auth_context())))
        return self._by_connection[key]


def stranger(context: Context) -> Caller:
    """Return a caller without rights, named by its address, for the record of a call that proved nothing."""
    return Caller(name=caller_of(context.peer()), rpcs=frozenset())


def certificate_identities(auth: Mapping[str, Any]) -> list[str]:
    """Return the identities in a verified certificate: its SPIFFE id if it has exactly one URI, and its DNS names.

    Source: X.509-SVID, section 2 (one URI only); RFC 5280, section 4.2.1.6.
    """
    spiffe = [name.decode("utf-8", "replace") for name in auth.get("peer_spiffe_id", ())]
    dns = [name.decode("utf-8", "replace").lower() for name in auth.get("peer_dns", ())]
    return [*spiffe, *(f"dns:{name}" for name in dns)]


def _remember(memory: dict[Any, Any], key: Any, value: Any) -> None:
    if len(memory) >= REMEMBERED:
        memory.clear()
    memory[key] = value
