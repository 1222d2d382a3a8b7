"""What it costs to decide, in one process and without network or log, and how that grows with the law.

In processor time of one thread, so that what else the machine does counts for little.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import cycle, islice, product
from typing import Any

from city.screening.v1 import screening_service_pb2
from screening import bundle, clock, config, screen
from screening.bundle import Bundle
from screening.facts import vocabulary
from screening.memory import Memory
from screening.wiring import bundle_root, read_files

from bench.questions import PACK, REQUESTS, employment_questions, information_questions

_CALLS, _CALLS_UNSEEN = 2_000, 500
_TIMES = 10
"""How many times as many rules the grown law has."""
_TODAY = clock.today()
_pb = screening_service_pb2


def measure() -> list[str]:
    """Return a table of medians in microseconds of processor time, by the law as shipped and by one grown with rules of other kinds."""
    shipped, grown = law_of(1), law_of(_TIMES)
    many = len(shipped.law.packs[PACK].rules)
    lines = [
        f"The pack `{PACK}` has {many} rules; grown, it has {len(grown.law.packs[PACK].rules)}, of which those added are of",
        "kinds of request that are not asked here. A question is new where nobody asked before what comes to the same.",
        "",
        "| question | decide, us | new, us | grown: decide, us | new, us | growth | growth, new |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, request in _requests():
        asked, asked_grown = (_median_us(_CALLS, partial(_ask, request, law)) for law in (shipped, grown))
        new, new_grown = (
            _median_us(_CALLS_UNSEEN, partial(_ask, request, _forgetful(law)), partial(_forget, request, law))
            for law in (shipped, grown)
        )
        lines.append(
            f"| {name} | {asked:.1f} | {new:.0f} | {asked_grown:.1f} | {new_grown:.0f} "
            f"| {asked_grown / asked:.2f}x | {new_grown / new:.2f}x |"
        )
    return lines


def law_of(times: int) -> Bundle:
    """Return the law as shipped, or one with so many times as many rules, of which those added are never asked."""
    settings = config.from_environ({})
    files = read_files(bundle_root(settings))
    shipped = bundle.build(files, settings.dated())
    if times == 1:
        return shipped
    more = rules_of_other_kinds(len(shipped.law.packs[PACK].rules) * (times - 1))
    return bundle.build(files | {"laws/us_ca_los_angeles/grown.yaml": more}, settings.dated())


def typical_us(law: Bundle) -> float:
    """Return what a question costs in microseconds, as the median of the questions' medians."""
    return statistics.median(_median_us(_CALLS_UNSEEN, partial(_ask, request, law)) for _, request in _requests())


def rules_of_other_kinds(many: int) -> str:
    """Return a law file with rules on kinds of request that the questions do not ask, no two with one condition."""
    words = vocabulary("information_request")
    named = [words[f"facts.{name}"].values for name in ("requester_agency", "request_kind", "purpose", "instrument")]
    agencies, kinds, purposes, instruments = (list(values.number) for values in named if values)
    asked = {str(form["request_kind"]).upper() for form in REQUESTS}
    outcomes = cycle(("DENY", "REVIEW"))
    conditions = product(agencies, [kind for kind in kinds if kind not in asked], purposes, instruments)
    rules = [
        f"  - {{id: r{number}, sentence: A rule of another kind., outcome: {next(outcomes)}, when: [{{is: immigration_agency}}, "
        f"facts.requester_agency == {agency}, facts.request_kind == {kind}, facts.purpose == {purpose}, "
        f"facts.instrument == {instrument}]}}"
        for number, (agency, kind, purpose, instrument) in enumerate(islice(conditions, many))
    ]
    assert len(rules) == many
    source = "{id: grown, title: Grown, citation: none, layer: city, provenance: M}"
    return "\n".join([f"source: {source}", "subject: information_request", "rules:", *rules, ""])


def _requests() -> Iterator[tuple[str, screen.Request]]:
    for question in (*employment_questions(), *information_questions()):
        kind = _pb.ScreenEmploymentRequest if question.name.startswith("form") else _pb.ScreenInformationRequestRequest
        request = kind.FromString(question.body)
        request.policy_pack = PACK
        yield question.name, request


def _ask(request: screen.Request, law: Bundle) -> None:
    screen.decide(request, law, _TODAY, _untimed)


def _forgetful(law: Bundle) -> Bundle:
    """Return the same law, whose answers are not remembered."""
    return replace(law, said=_Forgetful(1))


class _Forgetful(Memory[Any, Any]):
    """Remembers nothing."""

    def recall(self, key: Any, make: Callable[[], Any]) -> Any:  # noqa: ARG002  # the memory's own words
        """Return the value of a key, made now."""
        return make()


def _forget(request: screen.Request, law: Bundle) -> None:
    """Forget what the law said of questions of this kind. What a fact's value makes of a condition stays known."""
    subject = "employment" if isinstance(request, _pb.ScreenEmploymentRequest) else "information_request"
    docket = law.law.packs[PACK].in_force(subject, _TODAY).docket(request.facts)
    for remembered in (docket.finding, docket.obligations, docket.coming):
        remembered.cache_clear()


def _median_us(calls: int, call: Callable[[], object], before: Callable[[], object] = lambda: None) -> float:
    times = []
    for _ in range(calls):
        before()
        start = time.thread_time()
        call()
        times.append((time.thread_time() - start) * 1e6)
    return statistics.median(times)


def _untimed(stage: str) -> None:
    """Take no time."""
