"""StatusService: tells ops how this instance does."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from city.screening.v1 import status_service_pb2

from screening.bundle import Bundle
from screening.crew import Crew, Report
from screening.decisionlog.port import DecisionLog, Filter
from screening.errors import LogUnavailable
from screening.reload import Watched
from screening.transport import convert
from screening.transport.admission import Admission
from screening.transport.call import Call
from screening.transport.health import CONDITIONS, Health

SERVICE = "city.screening.v1.StatusService"

_pb = status_service_pb2


class StatusServicer:
    """The operating surface."""

    def __init__(
        self,
        *,
        version: str,
        started: datetime,
        bundle: Callable[[], Bundle],
        health: Health,
        log: DecisionLog,
        watched: Sequence[Watched[Any]],
        admission: Admission,
        crew: Crew | None,
    ) -> None:
        self._version = version
        self._started = started
        self._bundle = bundle
        self._health = health
        self._log = log
        self._watched = watched
        self._admission = admission
        self._crew = crew

    async def get_status(self, _call: Call, body: bytes) -> bytes:
        """Answer GetStatus."""
        convert.parse(_pb.GetStatusRequest, body)
        bundle = self._bundle()
        reply = _pb.GetStatusResponse(
            version=self._version,
            bundle_revision=bundle.revision,
            bundle_serial=bundle.serial,
            decisions_in_flight=self._admission.decisions,
            streams=self._admission.streams,
        )
        reply.start_time.FromDatetime(self._started)
        for name, holds in self._health.holds.items():
            reply.conditions.add(name=name, holds=holds, meaning=CONDITIONS[name])
        for each in self._watched:
            reply.sources.add(name=each.name, problem=each.problem, taken=each.taken, refused=each.refused)
        for report in self._crew.reports() if self._crew else ():
            reply.workers.append(_worker(report))
        size = await self._log_size()
        if size is not None:
            reply.log_size = size
        return reply.SerializeToString()

    async def _log_size(self) -> int | None:
        try:
            newest = await self._log.list_decisions(Filter(), 1)
        except LogUnavailable:
            return None
        return newest[0].index + 1 if newest else 0


def _worker(report: Report) -> status_service_pb2.WorkerState:
    state = _pb.WorkerState(
        number=report.worker,
        well=report.well,
        bundle_revision=report.said.get("bundle", ""),
        bundle_serial=report.said.get("serial", 0),
        failing=report.said.get("failing", ()),
    )
    for name, problem in report.said.get("problems", {}).items():
        state.sources.add(name=name, problem=problem)
    return state
