"""What is done to recorded decisions afterwards: erasure, legal holds, supersession, duties done, retention.

Each of these is a record of its own. Who did it and to which decisions stands open in it; why is sealed under a key of
its own, because those words may name somebody. Works on every DecisionLog.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TypeVar

from screening.decisionlog.port import Appended, DecisionLog, Erasure, Stored
from screening.decisionlog.reading import reading
from screening.decisionlog.record import (
    DECISION,
    ERASURE,
    FULFILMENT,
    HOLD,
    RELEASE,
    SUPERSEDE,
    Json,
    Record,
    canonical_bytes,
    make,
)
from screening.decisionlog.seal import Sealer
from screening.errors import OnHold

AT_ONCE = 500
"""Most decisions that one record is about."""
_Any = TypeVar("_Any")

EMPLOYMENT, INFORMATION_REQUEST, EXPLANATION = "employment", "information_request", "explanation"
KINDS = (EMPLOYMENT, INFORMATION_REQUEST, EXPLANATION)
"""What retention tells apart: the two kinds of decisions, and the words that say why something was done to them."""


class NoSuchDecision(LookupError):
    """No decision with an id is recorded; the text is the id."""


class AlreadyErased(LookupError):
    """The sealed part of a decision is gone already; the text is the id."""


@dataclass
class Retained:
    """What a round of retention did."""

    erased: dict[str, int] = field(default_factory=dict)
    """Records whose key was destroyed, by kind."""
    held: list[str] = field(default_factory=list)
    """Ids of records that were due, and that a legal hold keeps."""


@dataclass(frozen=True)
class Custody:
    """Acts on a log in somebody's name."""

    log: DecisionLog
    sealer: Sealer
    clock: Callable[[], datetime]
    new_id: Callable[[datetime], str]
    by: str
    """Name of who acts; stands open in the records."""

    async def find(self, decision_ids: Iterable[str]) -> list[Stored]:
        """Return decisions by id. Raises NoSuchDecision, LogUnavailable."""
        found = []
        for decision_id in dict.fromkeys(decision_ids):
            stored = await self.log.find_decision(decision_id)
            if stored is None:
                raise NoSuchDecision(decision_id)
            found.append(stored)
        return found

    async def find_reference(self, kind: str, value: str) -> list[Stored]:
        """Return the decisions that carry an opaque reference; `kind` is its field, such as `person_ref`."""
        places = await self.log.find_references([self.sealer.reference(kind, value)])
        return [stored for place in places for stored in await self.log.read(place, 1)]

    async def note_reading(self, command: str, asked: Mapping[str, Json]) -> None:
        """Record that a command reads what is sealed in the log, before it does. Raises LogUnavailable."""
        now = self.clock()
        await self.log.append([reading(self.new_id(now), now, caller=self.by, rpc=command, asked=asked)])

    async def erase(self, decisions: Sequence[Stored], why: str) -> list[Appended]:
        """Destroy the keys and look-ups of decisions. Raises AlreadyErased, OnHold, LogUnavailable."""
        for stored in decisions:
            if stored.wrapped_key is None:
                raise AlreadyErased(identity(stored))
        return [await self._erase(some, why, {"cause": "order"}) for some in _groups(decisions)]

    async def hold(self, decisions: Sequence[Stored], why: str) -> list[Appended]:
        """Forbid to erase decisions until the hold is released; holds add up. Raises LogUnavailable."""
        return await self._annotate(HOLD, decisions, why, {})

    async def release(self, decisions: Sequence[Stored], why: str) -> list[Appended]:
        """Release one hold on each decision. Raises LogUnavailable."""
        return await self._annotate(RELEASE, decisions, why, {})

    async def supersede(self, decisions: Sequence[Stored], why: str, cause: str) -> list[Appended]:
        """Mark decisions that rested on wrong `facts` or wrong `law`; the record names the callers to tell."""
        return await self._annotate(SUPERSEDE, decisions, why, {"cause": cause, "tell": sorted(callers_of(decisions))})

    async def fulfil(self, decisions: Sequence[Stored], obligation: str, day: date, why: str) -> list[Appended]:
        """Record that an obligation of decisions was done on a day. Raises LogUnavailable."""
        about: dict[str, Json] = {"obligation": obligation, "day": day.isoformat()}
        return await self._annotate(FULFILMENT, decisions, why, about)

    async def retain(self, days: Mapping[str, int], *, dry: bool = False) -> Retained:
        """Erase every sealed record that is older than its kind is kept, unless a hold is on it; `dry`: only count.

        `days` says how long each of KINDS is kept; what is not named is kept. Raises LogUnavailable.
        """
        done = Retained()
        kept: dict[str, Json] = dict(sorted(days.items()))
        async for due in self._due(days):
            held = [] if dry else await self._erase_unheld(due, {"cause": "retention", "kept_days": kept})
            for stored in due:
                kind = _kind(stored)
                done.erased[kind] = done.erased.get(kind, 0) + (stored not in held)
            done.held += [identity(stored) for stored in held]
        return done

    async def _due(self, days: Mapping[str, int]) -> AsyncIterator[list[Stored]]:
        """Yield what is due, in groups; a group is erased before the next is looked for."""
        now = self.clock()
        start = 0
        while page := await self.log.read(start, AT_ONCE):
            start = page[-1].index + 1
            if due := [stored for stored in page if _is_due(stored, days, now)]:
                yield due

    async def _erase_unheld(self, due: Sequence[Stored], about: Mapping[str, Json]) -> list[Stored]:
        """Erase records but for those on hold, and return these."""
        held: set[str] = set()
        while rest := [stored for stored in due if identity(stored) not in held]:
            try:
                await self._erase(rest, "", about)
            except OnHold as error:
                held.update(error.decision_ids)
            else:
                break
        return [stored for stored in due if identity(stored) in held]

    async def _erase(self, stored: Sequence[Stored], why: str, about: Mapping[str, Json]) -> Appended:
        doomed = [Erasure(identity(each), each.index, _key_id(each)) for each in stored]
        return await self.log.erase(self._record(ERASURE, [each.decision_id for each in doomed], why, about), doomed)

    async def _annotate(
        self, kind: str, decisions: Sequence[Stored], why: str, about: Mapping[str, Json]
    ) -> list[Appended]:
        return [
            await self.log.annotate(self._record(kind, some, why, about), some)
            for some in _groups([identity(stored) for stored in decisions])
        ]

    def _record(self, kind: str, decision_ids: Sequence[str], why: str, about: Mapping[str, Json]) -> Record:
        now = self.clock()
        own = self.new_id(now)
        fields: dict[str, Json] = {"by": self.by, "decisions": list(decision_ids), **about}
        if not why:
            return make(kind, own, now, fields)
        sealed = self.sealer.seal(canonical_bytes({"why": why}), own)
        return make(
            kind, own, now, fields | {"sealed": sealed.fields()}, wrapped_key=(sealed.key_id, sealed.wrapped_key)
        )


def identity(stored: Stored) -> str:
    """Return a record's id."""
    return str(json.loads(stored.canonical)["id"])


def callers_of(decisions: Iterable[Stored]) -> dict[str, list[str]]:
    """Return who asked for which decisions: ids by caller."""
    asked: dict[str, list[str]] = {}
    for stored in decisions:
        fields = json.loads(stored.canonical)
        asked.setdefault(str(fields.get("caller", "")), []).append(str(fields["id"]))
    return asked


def explanation(stored: Stored, sealer: Sealer) -> str:
    """Return why something was done, from its record; empty if no reason was given or it was erased. Raises SealBroken."""
    fields = json.loads(stored.canonical)
    if stored.wrapped_key is None or "sealed" not in fields:
        return ""
    return str(json.loads(sealer.open(fields["sealed"], stored.wrapped_key, fields["id"]))["why"])


def _kind(stored: Stored) -> str:
    """Return the kind by which retention knows a record that has a sealed part."""
    fields = json.loads(stored.canonical)
    if fields["kind"] != DECISION:
        return EXPLANATION
    return EMPLOYMENT if str(fields.get("rpc", "")).endswith("Employment") else INFORMATION_REQUEST


def _is_due(stored: Stored, days: Mapping[str, int], now: datetime) -> bool:
    if stored.wrapped_key is None:
        return False
    kept = days.get(_kind(stored))
    return kept is not None and stored.durable_time < now - timedelta(days=kept)


def _groups(values: Sequence[_Any]) -> Iterator[Sequence[_Any]]:
    return (values[start : start + AT_ONCE] for start in range(0, len(values), AT_ONCE))


def _key_id(stored: Stored) -> str:
    return str(json.loads(stored.canonical)["sealed"]["key"])
