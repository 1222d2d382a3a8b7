import threading
from collections.abc import Sequence

from screening.telemetry.outbox import BATCH, QUEUE_LIMIT, Outbox


def test_everything_is_sent_in_order_before_it_closes() -> None:
    """In batches, by a thread of its own."""
    sent: list[int] = []

    def send(batch: Sequence[int]) -> int:
        sent.extend(batch)
        return 0

    outbox = Outbox("test", send)
    for number in range(1_500):
        outbox.add(number)
    outbox.close(timeout=10)
    assert sent == list(range(1_500))
    assert outbox.dropped == 0


def test_a_full_queue_drops_and_counts_and_never_blocks() -> None:
    """Those in the queue, those refused, and those that were being sent when time was up."""
    gate = threading.Event()

    def send(batch: Sequence[int]) -> int:
        gate.wait(10)
        return len(batch)

    outbox = Outbox("test", send, size=lambda _: 2)
    while not outbox.dropped:
        outbox.add(0)
    refused = outbox.dropped
    outbox.close(timeout=0.1)
    assert refused == 2
    assert outbox.dropped == refused + QUEUE_LIMIT
    gate.set()


def test_what_is_sent_at_once_is_bounded_by_what_the_items_hold() -> None:
    """A receiver takes messages of a few megabytes only; an item over the bound goes alone."""
    sent: list[list[int]] = []
    begun = threading.Event()

    def send(batch: Sequence[int]) -> int:
        begun.wait(10)
        sent.append(list(batch))
        return 0

    outbox = Outbox("test", send, size=lambda held: held)
    items = [BATCH // 2, BATCH // 2, 1, 2 * BATCH, BATCH - 1, 1, 1]
    for held in items:
        outbox.add(held)
    begun.set()
    outbox.close(timeout=10)
    assert [held for batch in sent for held in batch] == items
    assert all(sum(batch) <= BATCH or len(batch) == 1 for batch in sent)
