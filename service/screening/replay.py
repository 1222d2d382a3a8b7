"""Deciding again what was decided: each recorded question, under the law that it was decided by or under another.

What an old decision rested on is all recorded: the question in its sealed part, and the law by its hash beside the log.
A question is put to the law as it was put then; who asked, when and under which id plays no part.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from city.screening.v1 import decision_pb2, information_request_facts_pb2

from screening.bundle import Bundle, build, unpack
from screening.decisionlog.decision_record import Erased, decisive, open_call, was_erased
from screening.decisionlog.keyring import SealBroken
from screening.decisionlog.port import DecisionLog, Stored
from screening.decisionlog.record import DECISION
from screening.decisionlog.seal import Sealer
from screening.errors import CallError, DataFileError
from screening.screen import Decision, Request, decide, request_type

ERASED = "erased"
KEY_LOST = "its key is lost, and no record says that it was erased"
_PAGE = 500
_MOST_BUNDLES = 4
_OWN = ("decision_id", "decision_time", "basis", "trace_id", "receipt")
"""Fields that belong to one call, not to what the law says."""
_OUTCOME = {number: name.removeprefix("OUTCOME_") for name, number in decision_pb2.Outcome.items()}
_CATEGORY = {
    number: name.removeprefix("DATA_CATEGORY_") for name, number in information_request_facts_pb2.DataCategory.items()
}


class Verdict(StrEnum):
    """How a recorded decision came out when it was decided again."""

    IDENTICAL = "identical"
    CHANGED = "changed"
    NOT_REPLAYABLE = "not replayable"


@dataclass(frozen=True)
class Change:
    """What is otherwise: a field of the decision, and what it says before and after."""

    what: str
    before: str
    after: str


@dataclass(frozen=True)
class Replayed:
    """One recorded decision, decided again."""

    index: int
    decision_id: str
    rpc: str
    verdict: Verdict
    reason: str = ""
    """Why it cannot be replayed; ERASED where its key was destroyed by order, KEY_LOST where by nobody's."""
    changes: tuple[Change, ...] = ()


class _NotReplayable(Exception):
    """The text says why."""


class Bundles:
    """The bundles that a log keeps, built when they are needed; the few used last stay built."""

    def __init__(self, log: DecisionLog) -> None:
        self._log = log
        self._built: dict[tuple[str, int], Bundle] = {}

    async def find(self, revision: str, serial: int = 0) -> Bundle | None:
        """Return a bundle by its hash; None if it is not kept.

        Raises ValueError if what is kept is another one, DataFileError if this version cannot use it, LogUnavailable.
        """
        key = (revision, serial)
        if key not in self._built:
            packed = await self._log.find_bundle(revision)
            if packed is None:
                return None
            before = next(reversed(self._built.values()), None)
            self._built[key] = build(*unpack(packed, revision), serial, before)
            if len(self._built) > _MOST_BUNDLES:
                del self._built[next(iter(self._built))]
        return self._built[key]


async def replay(
    log: DecisionLog, sealer: Sealer, *, before: Bundle | None = None, under: Bundle | None = None, start: int = 0
) -> AsyncIterator[Replayed]:
    """Decide every recorded decision again, in order, from place `start` on, and compare.

    `under`: the law to decide by; None: each decision's own recorded law, and then every word of the answer counts.
    `before`: the law whose answers are compared with; None: the answers that were given. Raises LogUnavailable.
    """
    replayer = _Replayer(log, sealer, Bundles(log), before, under)
    while page := await log.read(start, _PAGE):
        start = page[-1].index + 1
        for stored in page:
            if json.loads(stored.canonical)["kind"] == DECISION:
                yield await replayer.again(stored)


@dataclass(frozen=True)
class _Replayer:
    log: DecisionLog
    sealer: Sealer
    bundles: Bundles
    before: Bundle | None
    under: Bundle | None

    async def again(self, stored: Stored) -> Replayed:
        """Decide one recorded decision again."""
        fields = json.loads(stored.canonical)
        head = (stored.index, fields["id"], fields["rpc"])
        try:
            request, was = await self._opened(stored, fields["rpc"], fields["id"])
            day = date(was.as_of.year, was.as_of.month, was.as_of.day)
            now = _decide(request, self.under or await _own(self.bundles, was), day)
            if self.before is not None:
                was = _decide(request, self.before, day)
        except _NotReplayable as why:
            return Replayed(*head, Verdict.NOT_REPLAYABLE, str(why))
        changes = differences(was, now, exact=self.under is None and self.before is None)
        return Replayed(*head, Verdict.CHANGED if changes else Verdict.IDENTICAL, changes=changes)

    async def _opened(self, stored: Stored, rpc: str, decision_id: str) -> tuple[Request, Decision]:
        """Return the question and the answer of a recorded decision."""
        try:
            call = open_call(stored, self.sealer)
        except Erased:
            raise _NotReplayable(ERASED if await was_erased(self.log, decision_id) else KEY_LOST) from None
        except SealBroken:
            raise _NotReplayable("its sealed part cannot be opened") from None
        return request_type(rpc).FromString(call.request), call.decision


async def _own(bundles: Bundles, was: Decision) -> Bundle:
    try:
        bundle = await bundles.find(was.bundle_revision, was.bundle_serial)
    except ValueError as error:
        raise _NotReplayable(f"its bundle was altered: {error}") from None
    except DataFileError as error:
        raise _NotReplayable(f"this version cannot use its bundle: {error}") from None
    if bundle is None:
        raise _NotReplayable(f"its bundle is missing: {was.bundle_revision}")
    return bundle


def _decide(request: Request, bundle: Bundle, day: date) -> Decision:
    try:
        return decide(request, bundle, day, lambda _: None)
    except CallError as error:
        raise _NotReplayable(f"the question is not accepted: {error}") from None


def differences(was: Decision, now: Decision, *, exact: bool) -> tuple[Change, ...]:
    """Return how two decisions of one question differ: in what they say, and if `exact` in every word of it."""
    before, after = _says(was), _says(now)
    changes = [Change(what, before[what], after[what]) for what in before if before[what] != after[what]]
    if exact and not changes:
        changes = [Change(name, "", "") for name in _wording(was, now)]
    return tuple(changes)


def _says(decision: Decision) -> dict[str, str]:
    """Return what a caller acts on."""
    releases = sorted((_CATEGORY[each.category], _OUTCOME[each.outcome]) for each in decision.releases)
    return {
        "outcome": _OUTCOME[decision.outcome],
        "releases": ", ".join(f"{category} {outcome}" for category, outcome in releases),
        "rules": ", ".join(sorted(decisive(decision))),
        "obligations": ", ".join(each.token for each in decision.obligations),
        "missing_facts": ", ".join(sorted(each.field for each in decision.missing_facts)),
    }


def _wording(was: Decision, now: Decision) -> list[str]:
    """Return the names of the fields that differ, apart from those of one call."""
    names = [field.name for field in Decision.DESCRIPTOR.fields if field.name not in _OWN]
    return [name for name in names if getattr(was, name) != getattr(now, name)]
