"""What a decision may cost, counted and not timed, so that a slow path cannot creep in unnoticed on a noisy machine.

The bounds stand a little above what is needed today. Whoever exceeds one has made every decision dearer, and either
finds it worth the price, and says so where the bound is raised, or does not do it.
"""

import sys
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from types import FrameType
from typing import Any

import grpc
import pytest
from city.screening.v1 import screening_service_pb2
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from screening.config import Settings
from screening.screen import APPENDED_TOGETHER
from screening.storage.sqlite import SqliteSession
from screening.telemetry.spans import build
from screening.telemetry.trace import Tracing
from screening.wiring import App, running
from screening_client import AsyncScreeningClient

from tests.factories import ICE_JOB, employment

ITEMS = 500
CALLS = 8
UNBOUNDED = (("grpc.max_receive_message_length", -1),)
_MESSAGES = {"SerializeToString", "FromString", "ParseFromString", "CopyFrom", "MergeFrom"}


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    """A running service that makes no checkpoint between its first and its last, which would be counted."""
    settings = Settings(listen="127.0.0.1:0", data=tmp_path / "data", checkpoint_seconds=3_600)
    async with running(settings) as running_app:
        yield running_app


@contextmanager
def statements() -> Iterator[Counter[str]]:
    """Count the statements that every SQLite session begins, by their first word."""
    found: Counter[str] = Counter()
    original = SqliteSession.execute

    def counting(self: SqliteSession, sql: str, values: Any = ()) -> Any:
        found[sql.split(maxsplit=1)[0]] += 1
        return original(self, sql, values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqliteSession, "execute", counting)
        for name, word in (("begin", "BEGIN"), ("commit", "COMMIT")):
            patch.setattr(SqliteSession, name, _noted(found, word, getattr(SqliteSession, name)))
        yield found


def _noted(
    found: Counter[str], word: str, original: Callable[[SqliteSession], None]
) -> Callable[[SqliteSession], None]:
    def counting(self: SqliteSession) -> None:
        found[word] += 1
        original(self)

    return counting


@contextmanager
def work() -> Iterator[Counter[str]]:
    """Count calls in this thread: of Python functions, of functions in C, and of protobuf messages made or read."""
    found: Counter[str] = Counter()

    def watch(_frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            found["functions"] += 1
        elif event == "c_call":
            found["functions in C"] += 1
            found["messages"] += argument.__name__ in _MESSAGES

    sys.setprofile(watch)
    try:
        yield found
    finally:
        sys.setprofile(None)


async def least(ask: Callable[[], Awaitable[object]]) -> Counter[str]:
    """Count the statements of several calls and return the fewest: beside the others the log did work of its own."""
    counts = []
    for _ in range(CALLS):
        with statements() as found:
            await ask()
        counts.append(found)
    return min(counts, key=Counter.total)


async def test_a_call_takes_two_commits_and_a_few_statements(client: AsyncScreeningClient) -> None:
    """One commit for its key and one for its record."""
    found = await least(lambda: client.screen_employment(employment()))
    assert found["COMMIT"] == 2
    assert found.total() <= 10


async def test_a_batch_takes_two_commits_for_each_256_items(client: AsyncScreeningClient) -> None:
    """And so does what waits in a stream."""
    items = [(f"k{number}", employment()) for number in range(ITEMS)]
    found = await least(lambda: client.screen_employment_batch(items))
    assert found["COMMIT"] <= 2 * ceil(ITEMS / APPENDED_TOGETHER)
    assert found["INSERT"] <= ITEMS + 10  # one claim of a request_id for each item, as our client sends them


async def test_an_item_of_a_batch_costs_few_calls_messages_and_bytes(app: App) -> None:
    """The law is asked once; what the other items cost is their check, their seal, their record and their answer."""
    message = screening_service_pb2.BatchScreenEmploymentRequest()
    for number in range(ITEMS):
        message.items.add(key=f"k{number}", request=employment(ICE_JOB))
    body = message.SerializeToString()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{app.port}", options=UNBOUNDED) as channel:
        ask: Any = channel.unary_unary("/city.screening.v1.ScreeningService/BatchScreenEmployment")
        await ask(body)
        tracemalloc.start()
        await ask(body)
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        with work() as found:
            await ask(body)
    assert found["functions"] / ITEMS <= 75
    assert found["functions in C"] / ITEMS <= 85
    assert found["messages"] / ITEMS <= 5.1  # five an item, and those of the call
    assert held / ITEMS <= 50_000


def test_a_decision_that_is_not_allow_is_one_span_among_others() -> None:
    """Whatever the number of items: the call, its stages, and one for each that somebody may ask about."""
    trace = Tracing(ALWAYS_ON).begin("batch", {})
    for stage in ("request.check", "record.seal", "log.append"):
        trace.mark(stage)
    trace.note("one", ("screening.outcome", "DENY"))
    assert len(build(trace)) == 1 + 3 + 1
