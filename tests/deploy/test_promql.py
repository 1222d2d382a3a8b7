from tests.deploy.promql import metrics, values


def test_names_of_metrics_are_found_and_nothing_else() -> None:
    """Functions, labels, strings, ranges and keywords are not metrics."""
    expression = (
        'histogram_quantile(0.99, sum by (le, rpc) (rate(a_bucket{rpc=~"X|Y"}[5m]))) > 2e9 * b:c and on () d_total'
    )
    assert metrics(expression) == {"a_bucket", "b:c", "d_total"}


def test_label_values_are_found() -> None:
    """Each alternative by itself."""
    assert values('a{rpc=~"X|Y", code="OK"}') == {("rpc", "X"), ("rpc", "Y"), ("code", "OK")}
