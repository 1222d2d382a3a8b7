import asyncio
import io
from collections.abc import Iterator

import orjson
import pytest
import structlog
from screening.telemetry import logs


class Stream(io.StringIO):
    """Counts its writes."""

    writes = 0

    def write(self, text: str) -> int:
        """Count and keep."""
        self.writes += 1
        return super().write(text)


@pytest.fixture
def stream() -> Iterator[Stream]:
    """Where the lines go."""
    made = Stream()
    logs.configure(made)
    yield made
    structlog.reset_defaults()


def _numbers(stream: Stream) -> list[int]:
    return [orjson.loads(line)["number"] for line in stream.getvalue().splitlines()]


async def test_lines_of_one_turn_of_the_loop_are_written_together_in_order(stream: Stream) -> None:
    """And not before that turn ends."""
    for number in range(3):
        structlog.get_logger().info("said", number=number)
    assert stream.writes == 0
    await asyncio.sleep(0)
    assert (stream.writes, _numbers(stream)) == (1, [0, 1, 2])


def test_a_line_is_written_at_once_where_no_loop_runs(stream: Stream) -> None:
    """As of commands."""
    structlog.get_logger().info("said", number=1)
    assert _numbers(stream) == [1]


def test_a_line_of_a_loop_that_ended_is_not_lost(stream: Stream) -> None:
    """Nor does it keep the next loop from writing."""

    async def say(number: int) -> None:
        structlog.get_logger().info("said", number=number)

    for number in (1, 2):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(say(number))
        loop.close()
    structlog.get_logger().info("said", number=3)
    assert _numbers(stream) == [1, 2, 3]
