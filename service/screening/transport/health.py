"""Health as named conditions, each false until it is proven."""

import asyncio
from collections.abc import Callable, Mapping

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


class Health:
    """Holds the conditions: a service serves only while those it needs hold, and overall while all do."""

    def __init__(self, needs: Mapping[str, frozenset[str]], tests: Mapping[str, Callable[[], bool]]) -> None:
        """`needs` are the conditions of each service; `tests` prove them, and none may block."""
        self._needs = {**needs, "": frozenset(CONDITIONS)}
        self._tests = tests
        self._holds = dict.fromkeys(CONDITIONS, False)
        self.watched = True
        """False once whoever watches is to be told no more, because the service ends."""
        self.changed = asyncio.Event()
        """Set when something changes, and replaced by the event of the next change; nobody is waited for."""

    def look(self) -> None:
        """Test every condition."""
        before = dict(self._holds)
        self._holds.update({name: test() for name, test in self._tests.items()})
        if self._holds != before:
            self._tell()

    def set(self, condition: str, *, holds: bool) -> None:
        """Note whether a condition without a test holds."""
        self._holds[condition] = holds
        self._tell()

    def end_watches(self) -> None:
        """Tell whoever watches that nothing more will be told."""
        self.watched = False
        self._tell()

    def _tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    def serves(self, service: str) -> bool | None:
        """Say whether a service serves, or all of them if it is empty; None: there is no such service."""
        needs = self._needs.get(service)
        return None if needs is None else all(self._holds[name] for name in needs)

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

        Tested anew, because a law too old or a clock gone back must not decide even once. What has no needs is ready.
        """
        for name in DECIDING & self._needs.get(service, frozenset()):
            if not self._tests[name]():
                return name
        return ""
