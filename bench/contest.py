"""The service beside its peer: unary calls, batches and streams, then latency at half of each one's greatest rate."""

import os
import statistics
from contextlib import ExitStack
from pathlib import Path

from bench import cerbos, load, report, service
from bench.duel import Leg, fight, ratios
from bench.questions import Question, employment_questions, information_questions
from bench.receiver import Receiver

Section = tuple[str, list[str]]
LARGE = 1_000
WORKERS = os.cpu_count() or 1
"""As many as deploy/README.md recommends: one for each core."""
_LATENCY_SECONDS = 5
_FRESH = 100
"""Messages with new questions; more questions than the service remembers."""
_ONE_BY_ONE, _A_FEW, _LARGE = load.Crowd(), load.Crowd(4, 1), load.Crowd(1, 1)
"""In flight from each of four processes: calls of one decision, batches of 50, batches of 1,000."""


class Contest:
    """Both sides running, and the legs of each."""

    def __init__(self, stack: ExitStack, scratch: Path, program: Path | None, receiver: Receiver) -> None:
        self.forms, self.requests = employment_questions(), information_questions()
        traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
        workers = ["--workers", str(WORKERS)]
        self.service = stack.enter_context(service.Service.start(scratch / "data", workers, **traced))
        self.untraced = stack.enter_context(service.Service.start(scratch / "untraced", workers))
        self.alone = stack.enter_context(service.Service.start(scratch / "alone", **traced))
        self.peer = None
        if program:
            questions = [*self.forms, *self.requests]
            self.peer = stack.enter_context(cerbos.Cerbos.start(program, scratch / "peer", questions))

    def ours(self) -> dict[str, Leg]:
        """Return the service's legs by kind of load."""
        forms = [question.body for question in self.forms]
        requests = [question.body for question in self.requests]
        small = [service.batch(body, cerbos.BATCH_LIMIT) for body in forms]
        large = [service.batch(body, LARGE) for body in forms]
        return {
            "unary": self._leg("service, unary", service.UNARY, forms, 1),
            "untraced": self._leg("service, unary, not traced", service.UNARY, forms, 1, self.untraced),
            "alone": self._leg("service, unary, one worker", service.UNARY, forms, 1, self.alone),
            "information": self._leg("service, unary, information requests", service.UNARY_INFORMATION, requests, 1),
            "small": self._leg("service, batch of 50", service.BATCH, small, cerbos.BATCH_LIMIT),
            "large": self._leg("service, batch of 1,000", service.BATCH, large, LARGE),
            "stream": self._streams("service, stream", [[service.streamed(form)] for form in forms]),
            "cold": self._streams(
                "service, stream, every question new", [service.fresh(form, _FRESH) for form in forms]
            ),
        }

    def theirs(self) -> dict[str, Leg]:
        """Return the peer's legs by kind of load; empty where there is no peer."""
        if self.peer is None:
            return {}
        return {
            "unary": self._peer_leg("peer, unary", self.peer, self.forms, 1),
            "information": self._peer_leg("peer, unary, information requests", self.peer, self.requests, 1),
            "small": self._peer_leg("peer, batch of 50", self.peer, self.forms, cerbos.BATCH_LIMIT),
        }

    def _leg(
        self, name: str, method: str, bodies: list[bytes], per_call: int, side: service.Service | None = None
    ) -> Leg:
        chosen = side or self.service
        return Leg(
            name,
            lambda seconds: load.drive(chosen.target, method, bodies, seconds=seconds, crowd=_crowd(per_call)),
            chosen.decisions,
            chosen.cpu_seconds,
            per_call,
        )

    def _streams(self, name: str, messages: list[list[bytes]]) -> Leg:
        return Leg(
            name,
            lambda seconds: load.drive_streams(self.service.target, service.STREAM, messages, seconds=seconds),
            self.service.decisions,
            self.service.cpu_seconds,
        )

    def _peer_leg(self, name: str, peer: cerbos.Cerbos, questions: list[Question], per_call: int) -> Leg:
        bodies = [cerbos.request(question, per_call) for question in questions]
        return Leg(
            name,
            lambda seconds: load.drive(peer.target, cerbos.METHOD, bodies, seconds=seconds, crowd=_crowd(per_call)),
            peer.decisions,
            peer.cpu_seconds,
            per_call,
        )


def _crowd(per_call: int) -> load.Crowd:
    return {1: _ONE_BY_ONE, cerbos.BATCH_LIMIT: _A_FEW, LARGE: _LARGE}[per_call]


def run(scratch: Path, program: Path | None, rounds: int) -> list[Section]:
    """Run the contest and return its sections. Without the peer's program, only the service's figures."""
    with Receiver() as receiver, ExitStack() as stack:
        contest = Contest(stack, scratch, program, receiver)
        ours, theirs = contest.ours(), contest.theirs()
        order = [leg for kind in ours for leg in (ours[kind], theirs.get(kind)) if leg is not None]
        fight(order, rounds)
        sections = [("Conditions evaluated for each question", _counts(contest)), ("Rates", report.rows(order))]
        if contest.peer is not None:
            sections.append(("Compared", _compared(ours, theirs)))
        sections.append(("Latency at half of the greatest rate", _latency(contest, ours, theirs)))
        sections.append(("Memory", _memory(contest)))
        decisions = contest.service.decisions()
        logged = contest.service.traces() | contest.alone.traces()
        stack.close()  # the services end, and send what traces they still have
        sections.append(
            (
                "Afterwards",
                [
                    f"- decisions in the log: {decisions:,}",
                    f"- {service.verify(contest.service.data)}",
                    f"- traces of calls: {_arrived(receiver.traces(), logged)}",
                ],
            )
        )
    return sections


def _arrived(came: set[str], logged: set[str]) -> str:
    """Say of how many calls with a decision in the log the trace arrived."""
    return f"{len(logged & came):,} arrived of {len(logged):,} calls with decisions in the log"


def _counts(contest: Contest) -> list[str]:
    lines = ["| question | service | peer |", "| --- | ---: | ---: |"]
    for question in (*contest.forms, *contest.requests):
        number = len(question.conditions)
        lines.append(f"| {question.name} | {number} | {number if contest.peer else 'absent'} |")
    return lines


def _compared(ours: dict[str, Leg], theirs: dict[str, Leg]) -> list[str]:
    small = theirs["small"]
    traced = [first / second for first, second in zip(ours["unary"].rates, ours["untraced"].rates, strict=True)]
    return [
        "| ratio | median | min | max | wanted |",
        "| --- | ---: | ---: | ---: | ---: |",
        report.compared("unary to peer's unary", "1.3", ratios(ours["unary"], theirs["unary"])),
        report.compared(
            "unary information request to peer's", "1.3", ratios(ours["information"], theirs["information"])
        ),
        report.compared("batch of 50 to peer's batch of 50", "2.5", ratios(ours["small"], small)),
        report.compared("batch of 1,000 to peer's batch of 50", "3.5", ratios(ours["large"], small)),
        report.compared("stream to peer's batch of 50", "3.5", ratios(ours["stream"], small)),
        report.compared("traced to not traced", "0.85", traced),
    ]


def _latency(contest: Contest, ours: dict[str, Leg], theirs: dict[str, Leg]) -> list[str]:
    lines = ["| side | calls/s | p50, ms | p99, ms | p99.9, ms |", "| --- | ---: | ---: | ---: | ---: |"]
    forms = [question.body for question in contest.forms]
    sides = [("service", contest.service.target, service.UNARY, forms, ours["unary"])]
    if contest.peer is not None:
        asked = [cerbos.request(question, 1) for question in contest.forms]
        sides.append(("peer", contest.peer.target, cerbos.METHOD, asked, theirs["unary"]))
    for name, target, method, bodies, leg in sides:
        rate = statistics.median(leg.rates) / 2
        times = load.latencies(target, method, bodies, rate=rate, seconds=_LATENCY_SECONDS)
        p50, p99, p999 = load.percentiles(times)
        lines.append(f"| {name} | {rate:,.0f} | {p50:.2f} | {p99:.2f} | {p999:.2f} |")
    return lines


def _memory(contest: Contest) -> list[str]:
    lines = [f"- service: {contest.service.memory_bytes() / 2**20:,.0f} MiB"]
    if contest.peer is not None:
        lines.append(f"- peer: {contest.peer.memory_bytes() / 2**20:,.0f} MiB")
    return lines
