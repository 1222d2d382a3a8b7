"""A trace as serialised OTLP spans: the call itself, and one for each stage and each noted decision inside it.

They are put together from parts, because most of what they say is said again and again: a message object for each span
and attribute costs more than all that the spans tell of.
"""

import os
from functools import lru_cache
from itertools import pairwise
from struct import Struct
from typing import Any

from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from screening.telemetry.attributes import DECISION_ID, DECISION_SPAN
from screening.telemetry.otlp import attributes_of
from screening.telemetry.trace import CallTrace, Note, Value
from screening.wire import nested

_Span = trace_pb2.Span
_ID_BYTES = 8


def build(call: CallTrace) -> list[bytes]:
    """Build the serialised spans of a call."""
    trace_id = nested(_TRACE_ID, call.trace_id.to_bytes(16, "big"))
    own_id = call.span_id.to_bytes(_ID_BYTES, "big")
    common = trace_id + nested(_PARENT, own_id) + _fields(flags=_flags(call) & ~_REMOTE)
    number = len(call.stages) + len(call.notes)
    fresh = os.urandom(_ID_BYTES * number)
    heads = (common + nested(_SPAN_ID, fresh[at : at + _ID_BYTES]) for at in range(0, len(fresh), _ID_BYTES))
    ends = pairwise((call.start, *(end for _, end in call.stages)))
    stages = [_inner(name) + _times(*spell) for (name, _), spell in zip(call.stages, ends, strict=True)]
    notes = [_inner(DECISION_SPAN) + _times(call.start, note.time) + _said(note) for note in call.notes]
    whole = trace_id + nested(_SPAN_ID, own_id) + _of_call(call)
    return [whole, *(head + rest for head, rest in zip(heads, (*stages, *notes), strict=True))]


def _of_call(call: CallTrace) -> bytes:
    parent = nested(_PARENT, call.parent_id.to_bytes(_ID_BYTES, "big")) if call.parent_id else b""
    state = nested(_STATE, call.state.encode()) if call.state else b""
    failed = _FAILED if call.failed else b""
    named = _fields(name=call.name, kind=_Span.SPAN_KIND_SERVER, flags=_flags(call))
    said = b"".join([_attribute(key, value) for key, value in call.attributes.items()])
    return parent + state + named + _times(call.start, call.end) + said + failed


def _said(note: Note) -> bytes:
    """Return the attributes of a noted decision; those that many have in common are serialised once."""
    own = _attribute(DECISION_ID, note.decision_id) if note.decision_id else b""
    return own + _common(note.common)


def _attribute(key: str, value: Value) -> bytes:
    if key == DECISION_ID:  # each is another, so there is nothing to recall
        text = nested(_KEY, key.encode()) + nested(_VALUE, nested(_STRING, str(value).encode()))
        return nested(_ATTRIBUTES, text)
    return _common(((key, value),))


@lru_cache(maxsize=4_096, typed=True)
def _common(said: tuple[tuple[str, Value], ...]) -> bytes:
    return _Span(attributes=attributes_of(dict(said))).SerializeToString()


@lru_cache(maxsize=256)
def _fields(**fields: Any) -> bytes:
    return _Span(**fields).SerializeToString()


@lru_cache(maxsize=256)
def _inner(name: str) -> bytes:
    return _fields(name=name, kind=_Span.SPAN_KIND_INTERNAL)


def _times(start: int, end: int) -> bytes:
    return _TIMES.pack(_START_TAG, start, _END_TAG, end)


def _flags(call: CallTrace) -> int:
    """Return the W3C flags as the caller sent them, and whether the parent lies in another process."""
    return int(call.sampled) | trace_pb2.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK | (_REMOTE if call.remote_parent else 0)


def _numbers(message: Any, *names: str) -> tuple[int, ...]:
    return tuple(message.DESCRIPTOR.fields_by_name[name].number for name in names)


_TRACE_ID, _SPAN_ID, _PARENT, _STATE, _ATTRIBUTES = _numbers(
    _Span, "trace_id", "span_id", "parent_span_id", "trace_state", "attributes"
)
_KEY, _VALUE = _numbers(common_pb2.KeyValue, "key", "value")
(_STRING,) = _numbers(common_pb2.AnyValue, "string_value")
_TIMES = Struct("<BQBQ")
"""Two fields of type fixed64, each with its tag of one byte."""
_START_TAG, _END_TAG = (number << 3 | 1 for number in _numbers(_Span, "start_time_unix_nano", "end_time_unix_nano"))
_FAILED = _Span(status=trace_pb2.Status(code=trace_pb2.Status.STATUS_CODE_ERROR)).SerializeToString()
_REMOTE = trace_pb2.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK
