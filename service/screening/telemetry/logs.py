"""One structlog line a call, as JSON, or for people where the output is a terminal; and to an OTLP receiver if asked."""

import asyncio
import io
import logging
import sys
import time
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any, NamedTuple, TextIO

import orjson
import structlog
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.sdk.resources import Resource

from screening.telemetry.otlp import SCOPE, Endpoint, Sender, attributes_of, resource_of
from screening.telemetry.outbox import Outbox

_SEVERITIES = {
    "debug": logs_pb2.SEVERITY_NUMBER_DEBUG,
    "info": logs_pb2.SEVERITY_NUMBER_INFO,
    "warning": logs_pb2.SEVERITY_NUMBER_WARN,
    "error": logs_pb2.SEVERITY_NUMBER_ERROR,
    "critical": logs_pb2.SEVERITY_NUMBER_FATAL,
}
_NOT_ATTRIBUTES = ("event", "level", "timestamp", "trace_id")


def configure(stream: TextIO | None = None, also: Callable[["Line"], None] | None = None) -> None:
    """Set up structlog for the process, on standard error unless a stream is given; `also` is handed each line."""
    out = stream or sys.stderr
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if out.isatty() else structlog.processors.JSONRenderer(serializer=_json)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([_handing(also)] if also else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=_Joined(out)),
        cache_logger_on_first_use=False,
    )


class _Joined(io.StringIO):
    """Writes the lines of one turn of the event loop together: each write gives the interpreter to another thread."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._lines: list[str] = []
        self._asked: asyncio.AbstractEventLoop | None = None
        """The loop that will write."""

    def write(self, text: str) -> int:
        """Keep a line until the turn ends."""
        self._lines.append(text)
        return len(text)

    def flush(self) -> None:
        """Write when the turn ends; at once where no event loop runs."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._write_lines()
            return
        if loop is not self._asked:
            self._asked = loop
            loop.call_soon(self._write_lines)

    def _write_lines(self) -> None:
        self._asked = None
        lines, self._lines = self._lines, []
        self._stream.write("".join(lines))
        self._stream.flush()


def _json(said: MutableMapping[str, Any], **_: object) -> str:
    return orjson.dumps(said, default=str).decode()


class Line(NamedTuple):
    """A log line before it is rendered."""

    time: int
    """Nanoseconds since 1970."""
    said: dict[str, Any]


def _handing(also: Callable[[Line], None]) -> structlog.typing.Processor:
    def hand(_: Any, __: str, said: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        also(Line(time.time_ns(), dict(said)))
        return said

    return hand


class LogExporter:
    """Queues log lines and sends them from a thread of its own. `dropped` counts lines that were lost."""

    def __init__(self, endpoint: Endpoint, resource: Resource) -> None:
        self._sender = Sender(endpoint, logs_service_pb2_grpc.LogsServiceStub)
        self._resource = resource_of(resource)
        self._outbox: Outbox[Line] = Outbox("log-exporter", self._send)
        self.add = self._outbox.add

    @property
    def dropped(self) -> int:
        """Return how many lines were lost."""
        return self._outbox.dropped

    def close(self, timeout: float = 5.0) -> None:
        """Send what is queued, for at most `timeout` seconds, and count the rest as dropped."""
        self._sender.hurry()
        self._outbox.close(timeout)
        self._sender.close()

    def _send(self, batch: Sequence[Line]) -> int:
        request = logs_service_pb2.ExportLogsServiceRequest()
        group = request.resource_logs.add(resource=self._resource).scope_logs.add(scope=SCOPE)
        group.log_records.extend(build(line) for line in batch)
        response = self._sender.send(request)
        return len(batch) if response is None else response.partial_success.rejected_log_records


def build(line: Line) -> logs_pb2.LogRecord:
    """Return a line as an OTLP log record, tied to its trace if it names one."""
    said = line.said
    return logs_pb2.LogRecord(
        time_unix_nano=line.time,
        observed_time_unix_nano=line.time,
        severity_number=_SEVERITIES.get(said["level"], logs_pb2.SEVERITY_NUMBER_UNSPECIFIED),
        severity_text=said["level"].upper(),
        event_name=said["event"],
        body=common_pb2.AnyValue(string_value=said["event"]),
        attributes=attributes_of({key: value for key, value in said.items() if key not in _NOT_ATTRIBUTES}),
        trace_id=bytes.fromhex(said.get("trace_id", "")),
    )
