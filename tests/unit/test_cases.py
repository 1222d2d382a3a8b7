import pytest
from screening import cases
from screening.bundle import Bundle
from screening.errors import DataFileError

FORM = """
given: {rpc: ScreenInformationRequest, as_of: 2018-01-01}
cases:
  - id: hold
    facts: {policy_pack: ca_state_only, city_unit: municipal_police, requester_agency: ice_ero, instrument: i247a,
      purpose: civil_immigration_enforcement, request_kind: detainer_hold}
    expected: DENY
    obligations: [log_request]
    decided_by: [gov_7284_6.hold]
    near:
      - {as_of: 2017-12-31, expected: DENY}
      - {facts: {request_kind: transfer}, expected: DENY}
"""


def test_a_near_case_is_the_same_question_with_one_thing_different_and_a_label_of_its_own() -> None:
    """It takes over the facts and nothing of the label, and the rules that decide the first must not decide it."""
    first, day, kind = cases.read(FORM, "x.test.yaml")
    assert (first.id, day.id, kind.id) == ("hold", "hold/1", "hold/2")
    assert (day.as_of.isoformat(), day.facts) == ("2017-12-31", first.facts)
    assert kind.facts == {**first.facts, "request_kind": "transfer"}
    assert (day.obligations, day.decided_by, day.not_decided_by) == ((), (), ("gov_7284_6.hold",))
    assert (day.file, day.line) == ("x.test.yaml", 11)


@pytest.mark.parametrize(
    "wrong",
    [
        "{expected: DENY}",
        "{as_of: 2017-01-01, facts: {instrument: none}, expected: REVIEW}",
        "{facts: {}, expected: DENY}",
    ],
)
def test_a_near_case_with_more_or_less_than_one_thing_different_is_refused(wrong: str) -> None:
    """It would not show what the rule turns on."""
    with pytest.raises(DataFileError, match="exactly one fact"):
        cases.read(FORM.replace("{facts: {request_kind: transfer}, expected: DENY}", wrong), "x.test.yaml")


@pytest.mark.parametrize(("named", "ok"), [("gov_7284_6.hold", True), ("gov_7284_6.transfer", False)])
def test_a_case_that_another_rule_decides_than_its_label_names_falls_short(
    bundle: Bundle,
    named: str,
    ok: bool,  # noqa: FBT001  # drawn
) -> None:
    """The right answer for a wrong reason is not right."""
    result = cases.run(cases.read(FORM.replace("gov_7284_6.hold", named), "x.test.yaml"), bundle)[0]
    assert (result.got, result.ok) == ("DENY", ok)


def test_a_near_case_that_the_same_rule_decides_falls_short(bundle: Bundle) -> None:
    """It is not near, but another instance."""
    text = FORM.replace(
        "{facts: {request_kind: transfer}, expected: DENY}", "{facts: {instrument: i247d}, expected: DENY}"
    )
    assert [result.ok for result in cases.run(cases.read(text, "x.test.yaml"), bundle)] == [True, True, False]
