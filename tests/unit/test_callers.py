from collections.abc import Callable
from pathlib import Path

import pytest
from screening import callers
from screening.callers import RPCS, Caller, Records
from screening.errors import DataFileError, NotAllowed

SAMPLE = Path(__file__).parents[2] / "deploy/callers.yaml"
GOOD = """callers:
  - name: payroll
    identities: ["spiffe://city.example/payroll", "dns:payroll.city.example", "jwt:payroll"]
    rpcs: [ScreenEmployment]
    packs: [la_city]
  - name: clerk
    identities: ["jwt:clerk"]
    rpcs: [ScreenInformationRequest, GetDecision]
    units: [LAPD]
    packs: all
    records: units
    retrospective: true
    quota: {streams: 2}
"""


def found(text: str, *identities: str) -> Caller | None:
    """Return the caller of a file by identities."""
    return callers.load(text, "callers.yaml").find(identities)


def test_a_caller_is_found_by_any_of_its_identities() -> None:
    """Certificate and token lead to the same rights."""
    for identity in ("spiffe://city.example/payroll", "dns:payroll.city.example", "jwt:payroll"):
        caller = found(GOOD, identity)
        assert caller is not None
        assert caller.name == "payroll"


def test_identities_of_two_callers_name_nobody() -> None:
    """A certificate that fits two entries gives the rights of neither."""
    assert found(GOOD, "jwt:payroll", "jwt:clerk") is None
    assert found(GOOD, "jwt:nobody") is None


def test_what_the_file_does_not_name_is_not_allowed() -> None:
    """RPC, unit, pack and past days, each refused by its name."""
    payroll, clerk = found(GOOD, "jwt:payroll"), found(GOOD, "jwt:clerk")
    assert payroll is not None
    assert clerk is not None
    payroll.require_rpc("ScreenEmployment")
    payroll.require_question(unit=0, pack="la_city", retrospective=False)
    clerk.require_question(unit=1, pack="any_pack", retrospective=True)
    refused: dict[str, Callable[[], None]] = {
        "rpc": lambda: payroll.require_rpc("GetDecision"),
        "unit": lambda: clerk.require_question(unit=2, pack="la_city", retrospective=False),
        "pack": lambda: payroll.require_question(unit=0, pack="ca_state_only", retrospective=False),
        "retrospective": lambda: payroll.require_question(unit=0, pack="la_city", retrospective=True),
    }
    for right, attempt in refused.items():
        with pytest.raises(NotAllowed) as raised:
            attempt()
        assert raised.value.metadata == {"right": right}


@pytest.mark.parametrize(
    ("records", "readable"),
    [("none", []), ("own", ["own"]), ("units", ["own", "unit"]), ("all", ["own", "unit", "other"])],
)
def test_records_are_read_by_their_asker_or_unit(records: str, readable: list[str]) -> None:
    """Each right includes the one before."""
    caller = Caller("clerk", RPCS, units=frozenset([1]), records=Records(records))
    kinds = {"own": ("clerk", 9), "unit": ("payroll", 1), "other": ("payroll", 0)}
    assert [kind for kind, (by, unit) in kinds.items() if caller.may_read(asked_by=by, unit=unit)] == readable


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (GOOD.replace("callers:", "caller:", 1), "unknown field 'caller'"),
        ("callers: []", "no caller is named"),
        (GOOD.replace("name: clerk", "name: payroll"), "'payroll' stands twice"),
        (GOOD.replace("name: clerk", "name: local"), "not a caller's name"),
        (GOOD.replace("name: clerk", "name: Clerk"), "not a caller's name"),
        (GOOD.replace('"jwt:clerk"', '"jwt:payroll"'), "claimed by two callers"),
        (GOOD.replace('"jwt:clerk"', '"clerk"'), "is not an identity"),
        (GOOD.replace('"jwt:clerk"', '"dns:*.Example"'), "is not an identity"),
        (GOOD.replace('["jwt:clerk"]', "[]"), "'identities' is empty"),
        (GOOD.replace("[ScreenEmployment]", "[Everything]"), "names no RPC"),
        (GOOD.replace("[ScreenEmployment]", "[]"), "names no RPC"),
        (GOOD.replace("[ScreenEmployment]", "[GetDecision]"), "disagree"),
        (GOOD.replace("records: units", "records: some"), "'records' is not known"),
        (GOOD.replace("records: units", "records: none"), "disagree"),
        (GOOD.replace("units: [LAPD]", "units: [FBI]"), "no city unit 'FBI'"),
        (GOOD.replace("    units: [LAPD]\n", ""), "'units' is missing"),
        (GOOD.replace("    packs: all\n", ""), "'packs' is missing"),
        (GOOD.replace("packs: all", "packs: ['LA city']"), "no name of a pack"),
        (GOOD.replace("retrospective: true", "retrospective: maybe"), "not true or false"),
        (GOOD.replace("{streams: 2}", "7"), "'quota' is not a mapping"),
        (GOOD.replace("{streams: 2}", "{streams: 0}"), "not a whole number"),
        (GOOD.replace("{streams: 2}", "{streams: true}"), "not a whole number"),
        (GOOD.replace("{streams: 2}", "{rate: 2}"), "unknown field 'rate'"),
        (GOOD.replace("packs: all", "pack: all"), "unknown field 'pack'"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(wrong: str, said: str) -> None:
    """Nothing is guessed, and the operator is told where."""
    with pytest.raises(DataFileError, match=r"callers\.yaml:\d+: ") as raised:
        callers.load(wrong, "callers.yaml")
    assert said in str(raised.value)


def test_without_a_file_there_is_one_caller_on_this_machine() -> None:
    """So that a first start needs no configuration; only a loopback listener uses it."""
    local = callers.local_only().find(["local"])
    assert local is not None
    assert local.rpcs == RPCS
    assert callers.local_only().find(["jwt:local", "dns:local"]) is None


def test_the_sample_file_loads() -> None:
    """What the documents show is what the service reads."""
    assert "payroll" in callers.load(SAMPLE.read_text(encoding="utf-8"), SAMPLE.name).names
