"""An OTLP receiver in a process of its own that keeps what it is sent and looks at it only at the end.

`python -m bench.receiver` prints its port; a line on standard input makes it print the ids of the traces that came whole.
Spans are decoded only when asked, so that receiving costs the machine little.
"""

import json
import subprocess
import sys
from typing import Self

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

_EXPORT = "opentelemetry.proto.collector.trace.v1.TraceService"


class Receiver:
    """The receiver's process, seen from the benchmark."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "bench.receiver"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.endpoint = f"http://127.0.0.1:{self._ask('')}"

    def traces(self) -> set[str]:
        """Return the ids of the traces whose calls' own spans have arrived, as hexadecimal digits."""
        return set(json.loads(self._ask("\n")))

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def __enter__(self) -> Self:
        """Return the receiver."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


def _main() -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  # only in the receiver's own process

    arrived: list[bytes] = []
    found: set[str] = set()

    def export(body: bytes, _context: grpc.ServicerContext) -> bytes:
        arrived.append(body)
        return b""

    server = grpc.server(ThreadPoolExecutor(1), options=(("grpc.max_receive_message_length", -1),))
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(export)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_EXPORT, {"Export": handler}),))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    for _ in sys.stdin:
        while arrived:
            found.update(_calls(arrived.pop()))
        print(json.dumps([*found]), flush=True)


def _calls(body: bytes) -> list[str]:
    request = trace_service_pb2.ExportTraceServiceRequest.FromString(body)
    spans = [span for group in request.resource_spans for scope in group.scope_spans for span in scope.spans]
    return [span.trace_id.hex() for span in spans if span.kind == span.SPAN_KIND_SERVER]


if __name__ == "__main__":
    _main()
