"""Who may ask what: callers with their rights and quotas, read from one strict YAML file.

Nothing is implied: a right that the file does not name is not given, and `all` must be written out. The file's form
stands in deploy/README.md.
"""

import enum
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from city.screening.v1 import (
    decision_log_service_pb2,
    information_request_facts_pb2,
    screening_service_pb2,
    status_service_pb2,
)

from screening import yamlfile
from screening.errors import NotAllowed
from screening.yamlfile import Entry

LOCAL = "local"
"""The identity of any program on this machine, where the service speaks plaintext on loopback."""
SERVICES: Mapping[str, tuple[str, ...]] = {
    service.full_name: tuple(method.name for method in service.methods)
    for module in (screening_service_pb2, decision_log_service_pb2, status_service_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
}
"""The RPCs of each service; their short names are unique over all of them."""
RPCS = frozenset(name for methods in SERVICES.values() for name in methods)
REQUEST_RPCS = frozenset(name for name in RPCS if name.endswith("ScreenInformationRequest"))
DECIDING_RPCS = frozenset(SERVICES["city.screening.v1.ScreeningService"])
READING_RPCS = frozenset(SERVICES["city.screening.v1.DecisionLogService"])
UNITS: Mapping[str, int] = {
    name.removeprefix("CITY_UNIT_"): number for name, number in information_request_facts_pb2.CityUnit.items() if number
}

_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_PACK = re.compile(r"[a-z][a-z0-9_]{0,31}")
_IDENTITY = re.compile(r"spiffe://[a-z0-9._-]+/[A-Za-z0-9._/-]+|dns:[a-z0-9.-]+|jwt:[\x21-\x7e]+|local")
_RESERVED = ("local", "others", "unknown")
_LARGEST_QUOTA = 1_000_000


class Records(enum.Enum):
    """Which recorded decisions a caller may read; each includes the one before."""

    NONE = "none"
    OWN = "own"
    """Those that it asked for itself."""
    UNITS = "units"
    """Those on requests to its units."""
    ALL = "all"


@dataclass(frozen=True)
class Quota:
    """How much one caller may ask of one instance of the service, all its workers together."""

    decisions_per_second: int = 1_000
    """Average rate of decisions, items of batches and streams counted one by one."""
    burst: int = 2_000
    """Decisions that may come at once after a rest."""
    streams: int = 8
    """Streams open at the same time."""


@dataclass(frozen=True)
class Caller:
    """One known caller and its rights."""

    name: str
    """Stands in records, metrics and log lines."""
    rpcs: frozenset[str]
    """Short names of RPCs, such as `ScreenEmployment`."""
    units: frozenset[int] = frozenset()
    """Numbers of the city units whose requests it may ask about, and with `Records.UNITS` read."""
    packs: frozenset[str] | None = frozenset()
    """Names of packs; None: every pack."""
    records: Records = Records.NONE
    retrospective: bool = False
    """It may ask what the law of a past day would have said."""
    quota: Quota = field(default_factory=Quota)

    def require_rpc(self, rpc: str) -> None:
        """Raise NotAllowed unless it may call the RPC."""
        if rpc not in self.rpcs:
            raise NotAllowed("rpc")

    def require_question(self, *, unit: int, pack: str, retrospective: bool) -> None:
        """Raise NotAllowed unless it may ask under a pack, for a unit (0: the question has none), of such a day."""
        if self.packs is not None and pack not in self.packs:
            raise NotAllowed("pack")
        if unit and unit not in self.units:
            raise NotAllowed("unit")
        if retrospective and not self.retrospective:
            raise NotAllowed("retrospective")

    def may_read(self, *, asked_by: str, unit: int) -> bool:
        """Say whether it may read a record by who asked, and for which unit (0: an employment question)."""
        match self.records:
            case Records.ALL:
                return True
            case Records.UNITS:
                return asked_by == self.name or unit in self.units
            case Records.OWN:
                return asked_by == self.name
            case Records.NONE:
                return False


class Callers:
    """Every known caller, by identity: `spiffe://…`, `dns:…`, `jwt:…` or `local`."""

    def __init__(self, by_identity: Mapping[str, Caller]) -> None:
        self._by_identity = by_identity

    def find(self, identities: Iterable[str]) -> Caller | None:
        """Return the one caller whom the identities name; None if they name none, or more than one."""
        found = {caller.name: caller for name in identities if (caller := self._by_identity.get(name))}
        return next(iter(found.values())) if len(found) == 1 else None

    @property
    def names(self) -> frozenset[str]:
        """Return the names of all callers."""
        return frozenset(caller.name for caller in self._by_identity.values())


def local_only() -> Callers:
    """Return the callers of a service that has no callers file: one, on this machine, with every right."""
    quota = Quota(_LARGEST_QUOTA, _LARGEST_QUOTA, streams=64)
    everything = Caller(
        name=LOCAL,
        rpcs=RPCS,
        units=frozenset(UNITS.values()),
        packs=None,
        records=Records.ALL,
        retrospective=True,
        quota=quota,
    )
    return Callers({LOCAL: everything})


def load(text: str, file: str) -> Callers:
    """Read a callers file. Raises DataFileError with file, line and remedy."""
    document = yamlfile.parse(text, file).only(["callers"])
    by_identity: dict[str, Caller] = {}
    names: set[str] = set()
    for entry in document.entries("callers"):
        caller = _caller(entry)
        if caller.name in names:
            raise entry.fail(f"the caller '{caller.name}' stands twice", "Give each caller a name of its own")
        names.add(caller.name)
        for identity in _identities(entry):
            if identity in by_identity:
                raise entry.fail(f"'{identity}' is claimed by two callers", "Leave it with one of them")
            by_identity[identity] = caller
    if not names:
        raise document.fail("no caller is named", "Write at least one, or nobody can ask")
    return Callers(by_identity)


def _caller(entry: Entry) -> Caller:
    entry.only(["name", "identities", "rpcs", "units", "packs", "records", "retrospective", "quota"])
    name = entry.text("name")
    if not _NAME.fullmatch(name) or name in _RESERVED:
        raise entry.fail(f"'{name}' is not a caller's name", "Use a-z 0-9 . _ -, a letter first, not a reserved word")
    rpcs = frozenset(entry.texts("rpcs"))
    if not rpcs or rpcs - RPCS:
        raise entry.fail("'rpcs' is empty or names no RPC of the service", f"Choose from: {', '.join(sorted(RPCS))}")
    retrospective = entry.get("retrospective", False)
    if not isinstance(retrospective, bool):
        raise entry.fail("'retrospective' is not true or false", "Write retrospective: true, or leave it out")
    records = _records(entry, rpcs)
    return Caller(
        name=name,
        rpcs=rpcs,
        units=_units(entry, needed=bool(rpcs & REQUEST_RPCS) or records is Records.UNITS),
        packs=_packs(entry, needed=bool(rpcs & DECIDING_RPCS)),
        records=records,
        retrospective=retrospective,
        quota=_quota(entry),
    )


def _identities(entry: Entry) -> tuple[str, ...]:
    identities = entry.texts("identities")
    remedy = "Write spiffe://DOMAIN/PATH, dns:NAME (lower case), jwt:SUBJECT or local"
    if not identities:
        raise entry.fail("'identities' is empty", remedy)
    for identity in identities:
        if not _IDENTITY.fullmatch(identity):
            raise entry.fail(f"'{identity}' is not an identity", remedy)
    return identities


def _records(entry: Entry, rpcs: frozenset[str]) -> Records:
    given = entry.get("records", "none")
    try:
        records = Records(given)
    except ValueError:
        raise entry.fail("'records' is not known", "Write records: none, own, units or all") from None
    if (records is Records.NONE) == bool(rpcs & READING_RPCS):
        raise entry.fail(
            "'records' and 'rpcs' disagree about reading the log",
            "Give both a reading RPC and records: own, units or all, or neither",
        )
    return records


def _units(entry: Entry, *, needed: bool) -> frozenset[int]:
    if entry.get("units") == "all":
        return frozenset(UNITS.values())
    names = entry.texts("units")
    unknown = sorted(set(names) - set(UNITS))
    if unknown:
        raise entry.fail(f"there is no city unit '{unknown[0]}'", f"Choose from: {', '.join(sorted(UNITS))}")
    if needed and not names:
        raise entry.fail("'units' is missing", "Write units: all, or units: [LAPD, LIBRARY]")
    return frozenset(UNITS[name] for name in names)


def _packs(entry: Entry, *, needed: bool) -> frozenset[str] | None:
    if entry.get("packs") == "all":
        return None
    names = frozenset(entry.texts("packs"))
    if not all(_PACK.fullmatch(name) for name in names):
        raise entry.fail("'packs' holds what is no name of a pack", "Write packs: all, or packs: [la_city]")
    if needed and not names:
        raise entry.fail("'packs' is missing", "Write packs: all, or packs: [la_city]")
    return names


def _quota(entry: Entry) -> Quota:
    given = entry.get("quota", Entry())
    if not isinstance(given, Entry):
        raise entry.fail("'quota' is not a mapping", "Write decisions_per_second, burst and streams below it")
    given.only(["decisions_per_second", "burst", "streams"])
    for key, value in given.items():
        if type(value) is not int or not 1 <= value <= _LARGEST_QUOTA:
            raise given.fail(f"'{key}' is not a whole number from 1 to {_LARGEST_QUOTA}", "Mend the number")
    return Quota(**given)
