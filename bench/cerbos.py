"""The peer: Cerbos, a policy decision point in Go, from its npm package, with an equivalent policy.

For each question there is a resource kind whose policy evaluates as many conditions as the service's pack does for that
question. They stand in lists of ten, which costs the peer less than a rule for each. Its audit log is on, to a file;
its telemetry is off.
"""

import json
import shutil
import signal
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil

from bench.questions import Question

PACKAGE = "@cerbos/cerbos-linux-x64"
VERSION = "0.55.0"
METHOD = "/cerbos.svc.v1.CerbosService/CheckResources"
BATCH_LIMIT = 50
"""Most resources that one call may carry, by the peer's default."""
_PER_RULE = 10
_START_SECONDS = 20
_ACTION = "take"


class Missing(RuntimeError):
    """The peer cannot be had on this machine; the text says why."""


def install(into: Path) -> Path:
    """Install the pinned package and return its program. Raises Missing."""
    program = into / "node_modules" / PACKAGE / "cerbos-linux-x64"
    if program.exists():
        return program
    if not shutil.which("npm"):
        raise Missing("npm is not installed, so the peer is left out")
    into.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--no-save", "--silent", "--prefix", str(into), f"{PACKAGE}@{VERSION}"]
    if subprocess.run(command, check=False, capture_output=True).returncode or not program.exists():
        raise Missing(f"npm cannot install {PACKAGE} {VERSION}, so the peer is left out")
    return program


@dataclass
class Cerbos:
    """A running peer. Use it as a context manager."""

    process: subprocess.Popen[bytes]
    target: str
    audit: Path

    @classmethod
    def start(cls, program: Path, scratch: Path, questions: Sequence[Question]) -> Self:
        """Write policies and settings, start the peer, and wait until it serves. Raises Missing."""
        policies = scratch / "policies"
        policies.mkdir(parents=True)
        for question in questions:
            (policies / f"{question.name}.json").write_text(json.dumps(policy(question)), encoding="utf-8")
        audit = scratch / "audit.log"
        http, grpc = _free_port(), _free_port()
        settings = {
            "server": {"httpListenAddr": f"127.0.0.1:{http}", "grpcListenAddr": f"127.0.0.1:{grpc}"},
            "storage": {"driver": "disk", "disk": {"directory": str(policies), "watchForChanges": False}},
            "audit": {
                "enabled": True,
                "accessLogsEnabled": False,
                "decisionLogsEnabled": True,
                "backend": "file",
                "file": {"path": str(audit)},
            },
            "telemetry": {"disabled": True},
        }
        config = scratch / "config.json"
        config.write_text(json.dumps(settings), encoding="utf-8")
        command = [str(program), "server", f"--config={config}", "--log-level=error"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _await_health(process, f"http://127.0.0.1:{http}/_cerbos/health")
        return cls(process, f"127.0.0.1:{grpc}", audit)

    def decisions(self) -> int:
        """Return how many decisions its audit log holds."""
        with self.audit.open("rb") as lines:
            return sum(len(json.loads(line)["checkResources"].get("outputs", ())) for line in lines)

    def cpu_seconds(self) -> float:
        """Return the processor time that it has used."""
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    def memory_bytes(self) -> int:
        """Return its resident memory now."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def __enter__(self) -> Self:
        """Return the running peer."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(_START_SECONDS)


def policy(question: Question) -> dict[str, Any]:
    """Return the policy of one question: every condition is evaluated and none holds, so the answer is an allow."""
    groups = [question.conditions[at : at + _PER_RULE] for at in range(0, len(question.conditions), _PER_RULE)]
    denials = [
        {
            "actions": [_ACTION],
            "roles": ["*"],
            "effect": "EFFECT_DENY",
            "condition": {"match": {"any": {"of": [{"expr": condition} for condition in group]}}},
        }
        for group in groups
    ]
    allow = {"actions": [_ACTION], "roles": ["*"], "effect": "EFFECT_ALLOW"}
    body = {"version": "default", "resource": question.name, "rules": [*denials, allow]}
    return {"apiVersion": "api.cerbos.dev/v1", "resourcePolicy": body}


def request(question: Question, resources: int) -> bytes:
    """Return a call as bytes that asks for as many decisions as `resources` on one question."""
    wire = _wire()
    call = wire.CheckResourcesRequest(principal=wire.Principal(id="payroll", roles=["caller"]))
    for number in range(resources):
        entry = call.resources.add(actions=[_ACTION])
        entry.resource.kind, entry.resource.id = question.name, f"k{number}"
        for name, value in question.attributes.items():
            _fill(entry.resource.attr[name], value)
    return bytes(call.SerializeToString())


def _fill(into: Any, value: Any) -> None:
    match value:
        case bool():
            into.bool_value = value
        case list():
            for element in value:
                into.list_value.values.add(string_value=element)
        case _:
            into.string_value = value


def _wire() -> Any:
    """Compile and import the messages of `cerbos_wire.proto`."""
    if "cerbos_wire_pb2" not in sys.modules:
        from grpc_tools import protoc  # type: ignore[import-untyped]  # noqa: PLC0415  # only where the peer runs

        here, out = Path(__file__).parent, Path("build/bench")
        out.mkdir(parents=True, exist_ok=True)
        shipped = Path(protoc.__file__).parent / "_proto"
        if protoc.main(["", f"-I{here}", f"-I{shipped}", f"--python_out={out}", "cerbos_wire.proto"]):
            raise Missing("the peer's messages cannot be compiled")
        sys.path.insert(0, str(out))
    return __import__("cerbos_wire_pb2")


def framed(body: bytes) -> bytes:
    """Return a message in gRPC's length-prefixed frame."""
    return struct.pack(">?I", False, len(body)) + body  # noqa: FBT003  # not compressed


def _free_port() -> int:
    import socket  # noqa: PLC0415

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_health(process: subprocess.Popen[bytes], url: str) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise Missing("the peer did not start, so it is left out")
