"""Listeners for probes and metrics. They speak plaintext, know no callers, and decide nothing.

HTTP: /livez (the event loop turns), /readyz (every condition of health holds), /metrics. gRPC: the standard health
service, for orchestrators whose probe speaks no TLS.
"""

import asyncio
import socketserver
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import grpc
from prometheus_client import CollectorRegistry, make_wsgi_app

from screening.errors import ListenError
from screening.transport.health import Health
from screening.transport.health_servicer import MOST, HealthServicer
from screening.transport.server import bind

LIVE_SECONDS = 10.0
"""How long the event loop may be busy with one thing before the process is taken for stuck."""
_BEAT_SECONDS = 0.5


class Heartbeat:
    """Notes that the event loop turns."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    async def beat(self) -> None:
        """Note it, until cancelled."""
        while True:
            self._last = time.monotonic()
            await asyncio.sleep(_BEAT_SECONDS)

    def live(self) -> bool:
        """Say whether it turned lately."""
        return time.monotonic() - self._last < LIVE_SECONDS


def serve_http(
    listen: str, registry: CollectorRegistry, live: Callable[[], bool], failing: Callable[[], list[str]]
) -> tuple[int, Callable[[], None]]:
    """Serve probes and metrics on HOST:PORT from threads; return the port and how to stop. Raises ListenError."""
    metrics = make_wsgi_app(registry)

    def answer(environ: Any, start: Any) -> Iterable[bytes]:
        match environ.get("PATH_INFO"):
            case "/metrics":
                page: Iterable[bytes] = metrics(environ, start)
                return page
            case "/livez":
                return _plain(start, [] if live() else ["event loop"])
            case "/readyz":
                return _plain(start, failing())
            case _:
                start("404 Not Found", [("Content-Length", "0")])
                return []

    host, _, port = listen.rpartition(":")
    try:
        server = make_server(host.strip("[]"), int(port), answer, _Server, _Handler)
    except OSError:
        raise ListenError(f"the address {listen} cannot be bound; is another service on it?") from None
    thread = threading.Thread(target=server.serve_forever, name="probes", daemon=True)
    thread.start()

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return server.server_port, stop


def _plain(start: Any, failing: list[str]) -> list[bytes]:
    body = (f"not: {', '.join(failing)}\n" if failing else "ok\n").encode()
    status = "503 Service Unavailable" if failing else "200 OK"
    start(status, [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))])
    return [body]


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    timeout = 5  # seconds for a peer to send its request and take the answer

    def log_message(self, *_: Any) -> None:
        """Say nothing: probes come every few seconds."""


async def serve_health(listen: str, health: Health) -> tuple[int, grpc.aio.Server]:
    """Serve gRPC health on HOST:PORT; return the port and the server, to be stopped. Raises ListenError."""
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),), maximum_concurrent_rpcs=2 * MOST)
    HealthServicer(health).add_to(server)
    port = bind(server, listen, None)
    await server.start()
    return port, server
