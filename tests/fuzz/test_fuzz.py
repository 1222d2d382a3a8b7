"""A sample of what `make fuzz` does at length."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from screening.screen import Screen

from tests.fuzz.__main__ import block, limited
from tests.fuzz.edits import CORPUS
from tests.fuzz.served import Served
from tests.fuzz.targets import TARGETS

SAMPLE = 300


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_leads_to_anything_but_an_answer_or_the_error_for_it(name: str) -> None:
    """Files, forms, tokens, notes and messages: no crash, no hang."""
    assert block(name, limited(TARGETS[name].run), 0, SAMPLE) >= SAMPLE


@pytest.fixture
def served() -> Iterator[Served]:
    """A running service."""
    with Served() as running_service:
        yield running_service


def test_no_message_to_any_rpc_ends_as_unknown_or_internal(served: Served) -> None:
    """Over a real connection."""
    assert block("served", limited(served.ask), 0, SAMPLE // 10)


def test_an_item_that_fails_inside_is_noticed_though_its_call_is_well(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fuzzer looks into the answers to streams and batches."""

    async def broken(_screen: Screen, asked: Sequence[Any], _mark: Any) -> list[Exception]:
        return [ZeroDivisionError() for _ in asked]

    frame = (CORPUS / "served" / "frame-one").read_bytes()
    served.ask(frame)
    monkeypatch.setattr(Screen, "answer_all", broken)
    with pytest.raises(AssertionError, match="item"):
        served.ask(frame)
