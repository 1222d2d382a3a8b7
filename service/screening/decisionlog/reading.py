"""The record that somebody read decisions; it is durable before they are shown."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from screening.decisionlog.record import READING, Json, Record, make


def reading(
    identity: str,
    time: datetime,
    *,
    caller: str,
    rpc: str,
    trace: str = "",
    decisions: Sequence[str] = (),
    asked: Mapping[str, Json] | None = None,
) -> Record:
    """Return the record of one reading.

    `rpc` is the RPC or the command that was used. `decisions` are the ids that were shown; where a command reads the
    whole log, they are left out. `asked` is what narrowed the reading.
    """
    fields: dict[str, Json] = {
        "caller": caller,
        "rpc": rpc,
        "trace": trace,
        "decisions": list(decisions),
        "asked": dict(asked or {}),
    }
    return make(READING, identity, time, fields)
