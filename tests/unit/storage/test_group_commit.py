import asyncio
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import pytest
from screening.decisionlog.port import Appended
from screening.decisionlog.record import Record, make
from screening.storage.group_commit import GroupCommit

NOW = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads that give way to each other as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("restless")
async def test_nothing_waits_when_all_is_committed() -> None:
    """However caller and writer interleave: a count that drifted would one day refuse everybody."""

    def commit(records: Sequence[Record]) -> list[Appended]:
        return [Appended(0, each.leaf_hash, NOW) for each in records]

    writer = GroupCommit(commit, check=lambda: None, probe=lambda: None, on_stop=lambda: None, failures=())
    record = make("refusal", "id", NOW, {})

    async def caller() -> None:
        for _ in range(500):
            await writer.append([record])

    await asyncio.gather(*(caller() for _ in range(32)))
    await writer.run(lambda: None)
    assert writer.waiting == 0
    writer.stop()
