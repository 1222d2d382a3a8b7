import re
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from screening.telemetry import attributes
from screening.telemetry.export import TraceExporter
from screening.telemetry.otlp import Endpoint
from screening.telemetry.receiver import Receiver
from screening.telemetry.spans import build
from screening.telemetry.trace import CallTrace, Tracing

TRACING = Tracing(ParentBased(ALWAYS_ON))
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SERVICE = Path(__file__).parents[3] / "service/screening"


def spans(call: CallTrace) -> list[trace_pb2.Span]:
    """Return the spans of a call as a receiver reads them."""
    return [trace_pb2.Span.FromString(span) for span in build(call)]


def test_the_callers_context_is_honoured() -> None:
    """The trace goes on in the caller's trace, below its span."""
    call = TRACING.begin("x", {"traceparent": PARENT})
    assert (call.hex_id, f"{call.parent_id:016x}", call.sampled) == (
        "0af7651916cd43dd8448eb211c80319c",
        "b7ad6b7169203331",
        True,
    )


def test_a_caller_that_does_not_sample_is_not_sampled() -> None:
    """The parent's decision holds."""
    assert not TRACING.begin("x", {"traceparent": PARENT[:-1] + "0"}).sampled


def test_a_kept_span_bears_what_the_caller_sent() -> None:
    """Parent, tracestate and flags go out as they came, so that nobody takes the trace for a sampled one."""
    call = TRACING.begin("x", {"traceparent": PARENT[:-1] + "0", "tracestate": "vendor=1"})
    call.mark("stage")
    whole, inner = spans(call)
    assert (whole.trace_state, whole.flags, inner.flags) == ("vendor=1", 0x300, 0x100)
    assert whole.parent_span_id.hex() == "b7ad6b7169203331"
    assert spans(TRACING.begin("x", {}))[0].flags == 0x101


@pytest.mark.parametrize("header", ["", "garbage", "00-" + "0" * 32 + "-b7ad6b7169203331-01"])
def test_a_broken_context_begins_a_new_trace(header: str) -> None:
    """Nothing that a caller sends can break tracing."""
    call = TRACING.begin("x", {"traceparent": header})
    assert call.sampled
    assert call.trace_id
    assert call.parent_id == 0


def test_stages_become_spans_one_after_the_other_inside_the_call() -> None:
    """Each began where the one before it ended."""
    call = TRACING.begin("call", {})
    call.mark("first")
    call.mark("second")
    call.end = call.stages[-1][1]
    whole, first, second = spans(call)
    assert [span.name for span in (whole, first, second)] == ["call", "first", "second"]
    assert first.start_time_unix_nano == whole.start_time_unix_nano
    assert second.start_time_unix_nano == first.end_time_unix_nano
    assert first.parent_span_id == second.parent_span_id == whole.span_id


def test_spans_reach_a_receiver() -> None:
    """Over OTLP, with the resource."""
    receiver = Receiver()
    exporter = TraceExporter(Endpoint(f"127.0.0.1:{receiver.port}"), Resource.create({"service.name": "screening"}))
    call = TRACING.begin("call", {})
    call.end = call.start + 1
    exporter.add(call)
    assert receiver.wait_for("call").trace_id.hex() == call.hex_id
    assert "screening" in receiver.resources[0]
    exporter.close()
    receiver.close()
    assert exporter.dropped == 0


def test_spans_that_cannot_be_sent_are_counted() -> None:
    """A receiver that is gone costs spans, and the count says how many."""
    exporter = TraceExporter(Endpoint("127.0.0.1:1"), Resource.create())
    call = TRACING.begin("call", {})
    call.mark("stage")
    call.end = call.start + 1
    exporter.add(call)
    exporter.close(timeout=8)
    assert exporter.dropped == 2


def test_every_name_that_is_emitted_stands_in_one_file() -> None:
    """Stages, attributes and metrics are named in attributes.py and nowhere else."""
    marked = {name for path in SERVICE.rglob("*.py") for name in re.findall(r'mark\("([a-z.]+)"\)', path.read_text())}
    assert marked == set(attributes.SPAN_STAGES)
    strangers = [
        path.name
        for path in SERVICE.rglob("*.py")
        if path.name != "attributes.py"
        and re.search(r'"(screening\.(decision|outcome|rules|items|bundle\.)|rpc\.(system|method))', path.read_text())
    ]
    assert strangers in ([], ["receiver.py"])


def test_decisions_that_are_noted_are_spans_inside_the_call() -> None:
    """With their id, and what they have in common with others."""
    call = TRACING.begin("x", {})
    call.note("first", (attributes.OUTCOME, "DENY"), (attributes.RULES, ("a", "b")))
    call.note("", (attributes.ERROR_TYPE, "INVALID_FIELD"))
    whole, denied, failed = spans(call)
    said = {each.key: each.value for each in denied.attributes}
    assert (denied.name, denied.parent_span_id, denied.trace_id) == ("screen.decision", whole.span_id, whole.trace_id)
    assert said[attributes.DECISION_ID].string_value == "first"
    assert [each.string_value for each in said[attributes.RULES].array_value.values] == ["a", "b"]
    assert [each.key for each in failed.attributes] == [attributes.ERROR_TYPE]
