"""Health as named conditions, each false until it is proven."""

from collections.abc import Callable, Mapping

from grpc_health.v1 import health_pb2
from grpc_health.v1.health import aio as health_aio

CONDITIONS = {
    "bundle": "the law in force can be applied, and is not older than allowed",
    "registry": "organisations can be looked up, and the registry is not older than allowed",
    "log": "appends to the decision log are expected to succeed",
    "keys": "records can be sealed and opened",
    "clock": "the clock has not gone back",
    "workers": "every other worker process of the service is heard of, and well",
    "draining": "the service is not shutting down",
}
"""What each condition says while it holds."""
DECIDING = frozenset({"bundle", "registry", "clock"})
"""Conditions without which nothing is decided; where another fails, the call itself finds out."""
READING = frozenset({"log", "keys", "draining"})
"""Conditions that reading the log needs; deciding needs all."""

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Health:
    """Holds the conditions and reports SERVING for each service only while those it needs hold, overall while all do."""

    def __init__(self, needs: Mapping[str, frozenset[str]], tests: Mapping[str, Callable[[], bool]]) -> None:
        """`needs` are the conditions of each service; `tests` prove them, and none may block."""
        self.servicer = health_aio.HealthServicer()
        self._needs = {**needs, "": frozenset(CONDITIONS)}
        self._tests = tests
        self._holds = dict.fromkeys(CONDITIONS, False)

    async def look(self) -> None:
        """Test every condition, and report each service whose state changed."""
        before = dict(self._holds)
        self._holds.update({name: test() for name, test in self._tests.items()})
        if self._holds != before:
            await self.report()

    async def set(self, condition: str, *, holds: bool) -> None:
        """Note whether a condition without a test holds, and report."""
        self._holds[condition] = holds
        await self.report()

    async def report(self) -> None:
        """Report every service; the library's own default is SERVING."""
        failing = set(self.failing)
        for service, needs in self._needs.items():
            await self.servicer.set(service, _NOT_SERVING if failing & needs else _SERVING)

    @property
    def holds(self) -> Mapping[str, bool]:
        """Return whether each condition holds."""
        return dict(self._holds)

    @property
    def failing(self) -> list[str]:
        """Return the names of the conditions that do not hold."""
        return [name for name, holds in self._holds.items() if not holds]

    def unready(self, service: str) -> str:
        """Return the condition for want of which a service must not decide now; empty if there is none.

        Tested anew, because a law too old or a clock gone back must not decide even once.
        """
        for name in DECIDING & self._needs[service]:
            if not self._tests[name]():
                return name
        return ""
