"""`screening demo`: the main job from end to end, through a real service on a free port, on the sample inputs."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from screening.cli.render import console as people
from screening.telemetry.receiver import Receiver

START_SECONDS = 30
_SPAN = "city.screening.v1.ScreeningService/ScreenInformationRequest"


def demo(
    samples: Annotated[Path, typer.Option(help="Directory with payroll.csv and requests.json")] = Path(
        "clients/samples"
    ),
) -> None:
    """Start the service, screen the samples, show a trace, verify the log, stop."""
    console = people()
    receiver = Receiver()
    with tempfile.TemporaryDirectory(prefix="screening-demo-") as scratch:
        data = Path(scratch) / "data"
        environ = os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
        service, target = start(data, environ)
        try:
            _heading(console, "Outside employment: a payroll run")
            results = Path(scratch) / "payroll.results.csv"
            _run("employment", str(samples / "payroll.csv"), "--target", target, "--result", str(results))
            _heading(console, "Outside requests")
            _run("request", str(samples / "requests.json"), "--target", target)
            _heading(console, "One request's trace")
            span = receiver.wait_for(_SPAN)
            console.print(f"trace {span.trace_id.hex()}")
            console.print(receiver.tree(span))
        finally:
            service.send_signal(signal.SIGTERM)
            code = service.wait(START_SECONDS)
            receiver.close()
        _heading(console, f"The service has stopped (exit code {code}); its log")
        verified = _run("log", "verify", "--data", str(data), check=False)
    raise typer.Exit(0 if code == 0 and verified in (0, 3) else 1)


def start(data: Path, environ: dict[str, str]) -> tuple[subprocess.Popen[str], str]:
    """Start the service and return it with its address once it says that it is serving."""
    command = [sys.executable, "-m", "screening", "serve", "--listen", "127.0.0.1:0", "--data", str(data)]
    service = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environ)
    assert service.stdout is not None
    deadline = time.monotonic() + START_SECONDS
    line = service.stdout.readline()
    typer.echo(line.strip())
    found = re.search(r"serving on (\S+)", line)
    if not found or time.monotonic() > deadline:
        service.kill()
        raise typer.BadParameter("the service did not start")
    return service, found[1]


def _run(*words: str, check: bool = True) -> int:
    code = subprocess.run([sys.executable, "-m", "screening", *words], check=False).returncode
    if check and code:
        raise typer.Exit(code)
    return code


def _heading(console: Console, text: str) -> None:
    console.print()
    console.rule(f"[bold]{text}")
