"""A sample of what `make fuzz` does at length."""

from collections.abc import Iterator

import pytest

from tests.fuzz.__main__ import block, limited
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
