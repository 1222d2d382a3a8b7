import pytest
from screening.memory import Memory


def test_a_value_is_made_once() -> None:
    """What is remembered is not made again."""
    memory: Memory[int, list[int]] = Memory(2)
    first = memory.recall(1, lambda: [1])
    assert memory.recall(1, lambda: [2]) is first


def test_the_oldest_gives_way() -> None:
    """The room is never exceeded."""
    memory: Memory[int, int] = Memory(2)
    for key in (1, 2, 3):
        memory.recall(key, lambda key=key: key)  # type: ignore[misc]
    assert len(memory) == 2
    assert memory.recall(3, lambda: 0) == 3
    assert memory.recall(1, lambda: 0) == 0


def test_an_error_is_not_remembered() -> None:
    """The next one who asks gets an answer."""
    memory: Memory[int, int] = Memory(2)

    def fail() -> int:
        raise LookupError("nothing")

    with pytest.raises(LookupError, match="nothing"):
        memory.recall(1, fail)
    assert memory.recall(1, lambda: 5) == 5
