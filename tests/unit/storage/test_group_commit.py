import asyncio
import threading
from collections.abc import Sequence
from datetime import UTC, datetime

from screening.decisionlog.port import Appended
from screening.decisionlog.record import Record, make
from screening.storage.group_commit import GroupCommit

NOW = datetime(2026, 11, 26, tzinfo=UTC)


async def test_appends_wait_until_their_commit_has_ended_and_other_work_is_not_counted() -> None:
    """What waits is a metric, and beyond a limit it is refused."""
    free = threading.Event()

    def commit(records: Sequence[Record]) -> list[Appended]:
        free.wait(20)
        return [Appended(0, each.leaf_hash, NOW) for each in records]

    writer = GroupCommit(commit, check=lambda: None, probe=lambda: None, on_stop=lambda: None, failures=())
    record = make("refusal", "id", NOW, {})
    appends = [asyncio.ensure_future(writer.append([record, record])) for _ in range(3)]
    job = asyncio.ensure_future(writer.run(lambda: None))
    await asyncio.sleep(0.05)
    assert writer.waiting == 3
    free.set()
    await asyncio.gather(*appends, job)
    assert writer.waiting == 0
    writer.stop()
