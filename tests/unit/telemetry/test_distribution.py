from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st
from screening.telemetry.distribution import Distribution

BOUNDS = (0.001, 0.01, 0.1)


@given(st.lists(st.floats(0, 10, allow_nan=False)))
def test_every_value_is_counted_once_in_the_first_bucket_that_holds_it(values: list[float]) -> None:
    """Bounds are inclusive; what is above all has a bucket of its own."""
    distribution = Distribution(BOUNDS)
    for value in values:
        distribution.observe(value)
    places = [bisect_left(BOUNDS, value) for value in values]
    assert distribution.counts() == [places.count(place) for place in range(len(BOUNDS) + 1)]
    assert distribution.sum == sum(values)


def test_a_bucket_keeps_its_latest_example() -> None:
    """A value whose trace is not exported leaves the example that is there."""
    distribution = Distribution(BOUNDS)
    distribution.observe(0.005, trace_id=1)
    distribution.observe(0.006, trace_id=2)
    distribution.observe(0.007)
    kept = [example and (example.trace_id, example.value) for example in distribution.examples()]
    assert kept == [None, (2, 0.006), None, None]
