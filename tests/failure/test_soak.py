"""A short soak; `make soak` is the long one, and its targets of time and memory are not asserted here."""

import pytest

from tests.soak.__main__ import STORES, run

SECONDS = 60.0
"""Time for each fault once."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("store", STORES)
def test_faults_under_load_lose_no_acknowledged_decision(store: str) -> None:
    """Each kind of fault once: nothing is INTERNAL, answers come again after each, and the log verifies as a whole."""
    report = run(store, SECONDS)
    assert report.wrong() == []
    assert len(report.load.acknowledged) > SECONDS
    assert {name for name, _, _ in report.course.faults} == {
        report.store.fault,
        "collector gone",
        "certificates rotated",
        "clock back, then forward",
    }
