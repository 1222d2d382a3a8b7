"""Health as named conditions, each false until it is proven."""

from collections.abc import Iterable

from grpc_health.v1 import health_pb2
from grpc_health.v1.health import aio as health_aio

CONDITIONS = ("bundle", "log", "accepting")
"""`bundle`: law, registry and lexicon are loaded. `log`: the last append succeeded. `accepting`: not draining."""

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Health:
    """Holds the conditions and reports SERVING, per service and overall, only while all hold."""

    def __init__(self, services: Iterable[str]) -> None:
        self.servicer = health_aio.HealthServicer()
        self._services = ("", *services)
        self._holds = dict.fromkeys(CONDITIONS, False)

    async def start(self) -> None:
        """Report NOT_SERVING; the library's own default is SERVING."""
        await self._report()

    async def set(self, condition: str, *, holds: bool) -> None:
        """Note whether a condition holds, and report if that changes anything."""
        if self._holds[condition] != holds:
            self._holds[condition] = holds
            await self._report()

    @property
    def failing(self) -> list[str]:
        """Return the names of the conditions that do not hold."""
        return [name for name, holds in self._holds.items() if not holds]

    async def _report(self) -> None:
        state = _NOT_SERVING if self.failing else _SERVING
        for service in self._services:
            await self.servicer.set(service, state)
