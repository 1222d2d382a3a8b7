"""A key set at a URL: fetched, fetched again, and kept in force while its issuer fails."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from screening.config import Settings
from screening.errors import DataFileError
from screening.transport import entrance
from screening.wiring import App, running
from screening_client import AsyncScreeningClient, NotDecided

from tests.credentials import AUDIENCE, ISSUER, Issuer

CALLERS = """callers:
  - name: ops
    identities: ["jwt:ops"]
    rpcs: [GetStatus]
"""


class Publisher:
    """An issuer's HTTP server: what it publishes, with which status, and how often it was asked."""

    def __init__(self) -> None:
        self.issuer = Issuer()
        self.status, self.text, self.asked = 200, self.issuer.jwks, 0
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            """Answers every question alike."""

            def do_GET(self) -> None:
                """Send what is published now."""
                publisher.asked += 1
                self.send_response(publisher.status)
                self.end_headers()
                self.wfile.write(publisher.text.encode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/keys"

    def close(self) -> None:
        """Be gone: nobody listens any more."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    """An issuer that is up."""
    running_publisher = Publisher()
    yield running_publisher
    running_publisher.close()


@pytest.fixture
def settings(publisher: Publisher, tmp_path: Path) -> Settings:
    """Settings of a service that takes the issuer's tokens."""
    (tmp_path / "callers.yaml").write_text(CALLERS)
    return Settings(
        listen="127.0.0.1:0",
        data=tmp_path / "data",
        callers=tmp_path / "callers.yaml",
        jwks=publisher.url,
        jwt_issuer=ISSUER,
        jwt_audience=AUDIENCE,
    )


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[App]:
    """A service that has fetched the key set."""
    async with running(settings) as running_app:
        yield running_app


async def known(app: App, token: str) -> bool:
    """Say whether the service takes a token."""
    async with AsyncScreeningClient(f"127.0.0.1:{app.port}", token=lambda: token, timeout=5) as client:
        try:
            await client.get_status()
        except NotDecided as error:
            return error.reason != "UNAUTHENTICATED"
    return True


async def fetched(app: App, *, taken: int, refused: int) -> None:
    """Have the key set fetched, and wait until it was taken or refused so often."""
    app.reloader.ask()
    (keys,) = (each for each in app.reloader.watched if each.name == "token_keys")
    while (keys.taken, keys.refused) != (taken, refused):
        await asyncio.sleep(0.05)


async def test_a_new_key_of_the_issuer_is_good_once_the_set_was_fetched_again(app: App, publisher: Publisher) -> None:
    """And not before; the old one stays good while it is published, and no longer."""
    old = publisher.issuer.token("ops")
    assert await known(app, old)
    publisher.issuer.rotate()
    publisher.text = publisher.issuer.jwks
    new = publisher.issuer.token("ops")
    assert not await known(app, new)
    await fetched(app, taken=1, refused=0)
    assert await known(app, new)
    assert await known(app, old)
    publisher.issuer.keys.pop(0)
    publisher.text = publisher.issuer.jwks
    await fetched(app, taken=2, refused=0)
    assert await known(app, new)
    assert not await known(app, old)


async def test_an_issuer_that_fails_leaves_the_old_keys_in_force(app: App, publisher: Publisher) -> None:
    """An error page, no key set at all, or nobody there; the reason is said, and a good answer ends it."""
    token = publisher.issuer.token("ops")
    (keys,) = (each for each in app.reloader.watched if each.name == "token_keys")
    for number, (status, text) in enumerate([(500, publisher.text), (200, "<html>"), (200, "{}")], start=1):
        publisher.status, publisher.text = status, text
        await fetched(app, taken=0, refused=number)
        assert keys.problem
        assert await known(app, token)
    publisher.status, publisher.text = 200, publisher.issuer.jwks
    await fetched(app, taken=1, refused=3)
    assert not keys.problem
    publisher.close()
    await fetched(app, taken=1, refused=4)
    assert "cannot be fetched" in keys.problem
    assert await known(app, token)


async def test_the_set_is_fetched_again_by_itself(
    settings: Settings, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every so many seconds, asked or not; here every three."""
    monkeypatch.setattr(entrance, "FETCH_EVERY_SECONDS", 3)
    async with running(settings):
        before = publisher.asked
        while publisher.asked < before + 1:
            await asyncio.sleep(0.1)


async def test_a_service_whose_issuer_is_not_there_does_not_start(settings: Settings, publisher: Publisher) -> None:
    """It would know nobody; the line names the URL and what to look at."""
    publisher.close()
    with pytest.raises(DataFileError, match=rf"{publisher.url}.*cannot be fetched"):
        async with running(settings):
            pass
