"""One soak: the service at four fifths of what it can do, while one fault follows the other.

The law is rewritten every five seconds, callers vanish and read slowly all the time; in turn the log's store fails, the
collector goes, certificates are rotated, and the clock goes back and then forward.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import psutil
import screening
from screening.telemetry.receiver import Receiver

from tests.credentials import Authority, write_tls
from tests.soak.load import Load
from tests.soak.store import Store

SHARE = 0.8
PROBE_SECONDS = 4.0
FAULT_SECONDS, REST_SECONDS = 4.0, 7.0
RELOAD_SECONDS = 5.0
_STOP_SECONDS = 60
_CALLERS = """callers:
  - name: payroll
    identities: ["dns:payroll.city.example"]
    rpcs: [ScreenEmployment, StreamScreenEmployment]
    packs: all
"""


@dataclass
class Sample:
    """What the service's process held at one moment."""

    at: float
    """Seconds since the load began."""
    memory: int
    files: int
    used: float
    """Processor time in seconds since it was started."""


@dataclass
class Course:
    """What happened, in seconds since the load began."""

    rate: float = 0.0
    begin: float = 0.0
    faults: list[tuple[str, float, float]] = field(default_factory=list)
    """Name, beginning and end."""
    samples: list[Sample] = field(default_factory=list)
    reloads: int = 0
    exit_code: int = -1
    lost: int = 0
    wrong: str = ""
    """What the verification of the log found."""
    defects: list[str] = field(default_factory=list)
    """Lines of the service's own log on what it did not foresee."""


class Subject:
    """The service, with everything that can be taken away from it."""

    def __init__(self, scratch: Path, store: Store) -> None:
        self._scratch = scratch
        self.store = store
        self._authority = Authority()
        self._mine = self._authority.leaf("payroll.city.example")
        self.receiver = Receiver()
        self._clock = scratch / "clock"
        self._shift = 0.0
        self.law = self._copy_law()
        self.rotate()
        (scratch / "callers.yaml").write_text(_CALLERS, encoding="utf-8")
        self._start()

    def _copy_law(self) -> Path:
        package = Path(screening.__file__).parent
        for folder in ("laws", "registry", "lexicon"):
            shutil.copytree(package / folder, self._scratch / "bundle" / folder)
        return self._scratch / "bundle" / "laws" / "obligations.yaml"

    def _start(self) -> None:
        self._clock.write_text("0", encoding="ascii")
        tls = self._scratch / "tls"
        environ = {
            "SOAK_CLOCK": str(self._clock),
            "SCREENING_LISTEN": "127.0.0.1:0",
            "SCREENING_DATA": str(self.store.data),
            "SCREENING_ANCHOR": str(self.store.data.with_name("data-anchor")),
            "SCREENING_BUNDLE": str(self._scratch / "bundle"),
            "SCREENING_CALLERS": str(self._scratch / "callers.yaml"),
            "SCREENING_TLS_CERTIFICATE": str(tls / "server.pem"),
            "SCREENING_TLS_KEY": str(tls / "server.key"),
            "SCREENING_TLS_CLIENT_CA": str(tls / "clients.pem"),
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.receiver.endpoint,
            **self.store.environ(),
        }
        with (self._scratch / "stderr.txt").open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.soak.served"],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=os.environ | environ,
            )
        assert self.process.stdout is not None
        with self.process.stdout as said:
            port = said.readline().strip()
        if not port:
            raise RuntimeError((self._scratch / "stderr.txt").read_text(encoding="utf-8"))
        self.target = f"127.0.0.1:{port}"

    def credentials(self) -> grpc.ChannelCredentials:
        """Return those of the caller."""
        return self._authority.channel(self._mine)

    def rotate(self) -> None:
        """Give the service a new certificate."""
        write_tls(self._scratch / "tls", self._authority, self._authority.leaf("127.0.0.1", "localhost"))

    def move_clock(self, seconds: float) -> None:
        """Put the service's clock forward, or back."""
        self._shift += seconds
        self._clock.write_text(str(self._shift), encoding="ascii")
        self.process.send_signal(signal.SIGUSR1)

    def restore_collector(self) -> None:
        """Let a collector listen again where the old one did."""
        self.receiver = Receiver(self.receiver.port)

    def sample(self, at: float) -> Sample:
        """Look at the process, and forget the spans that came."""
        self.receiver.spans.clear()
        process = psutil.Process(self.process.pid)
        times = process.cpu_times()
        return Sample(at, process.memory_info().rss, process.num_fds(), times.user + times.system)

    def stop(self) -> int:
        """Drain it; return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_STOP_SECONDS)

    def defects(self) -> list[str]:
        """Return the lines of its log that tell of INTERNAL."""
        with (self._scratch / "stderr.txt").open(encoding="utf-8") as lines:
            return [line.strip() for line in lines if '"INTERNAL"' in line]

    def close(self) -> None:
        """Leave nothing running."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(_STOP_SECONDS)
        self.receiver.close()
        self.store.close()


async def soak(subject: Subject, seconds: float) -> tuple[Load, Course]:
    """Run for so many seconds, stop the service, and look at its log."""
    load, course = Load(subject.target, subject.credentials), Course()
    await load.steady(time.monotonic() + PROBE_SECONDS, None)
    course.rate = SHARE * len(load.acknowledged) / PROBE_SECONDS
    course.begin = time.monotonic() - load.began
    until = time.monotonic() + seconds
    others = [
        asyncio.create_task(each)
        for each in (load.vanishing(), load.slow(), load.lag(), _watch(subject, load, course), _reload(subject, course))
    ]
    await asyncio.gather(load.steady(until, course.rate), _faults(subject, load, course, until))
    for task in others:
        task.cancel()
    for task in others:
        with suppress(asyncio.CancelledError):
            await task
    course.exit_code = await asyncio.to_thread(subject.stop)
    course.defects = subject.defects()
    course.lost = len(load.acknowledged - subject.store.decisions())
    course.wrong = await asyncio.to_thread(subject.store.verify)
    return load, course


async def _faults(subject: Subject, load: Load, course: Course, until: float) -> None:
    """Cause one fault after the other, with rest before, between and after; each is over before the end."""
    blocking: list[tuple[str, Callable[[], object], Callable[[], object]]] = [
        (subject.store.fault, subject.store.fail, subject.store.heal),
        ("collector gone", lambda: subject.receiver.close(), subject.restore_collector),  # noqa: PLW0108  # it is another each time
        ("certificates rotated", subject.rotate, subject.rotate),
        ("clock back, then forward", lambda: subject.move_clock(-5), lambda: subject.move_clock(35)),
    ]
    number = 0
    while time.monotonic() + FAULT_SECONDS + 2 * REST_SECONDS < until:
        await asyncio.sleep(REST_SECONDS)
        name, begin, end = blocking[number % len(blocking)]
        began = time.monotonic() - load.began
        await asyncio.to_thread(begin)
        await asyncio.sleep(FAULT_SECONDS)
        await asyncio.to_thread(end)
        course.faults.append((name, began, time.monotonic() - load.began))
        number += 1


async def _watch(subject: Subject, load: Load, course: Course) -> None:
    while True:
        course.samples.append(subject.sample(time.monotonic() - load.began))
        await asyncio.sleep(1)


async def _reload(subject: Subject, course: Course) -> None:
    """Change the law's bytes, not its sense."""
    text = subject.law.read_text(encoding="utf-8")
    while True:
        await asyncio.sleep(RELOAD_SECONDS)
        course.reloads += 1
        subject.law.write_text(f"{text}# edition {course.reloads}\n", encoding="utf-8")
