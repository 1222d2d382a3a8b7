from datetime import date
from pathlib import Path

import pytest
import screening
from screening.bundle import Bundle
from screening.errors import DataFileError
from screening.facts import stating
from screening.policy import invariant
from screening.policy.law import Pack
from screening.policy.proof import prove
from screening.policy.share import Share, shares

LAWS = Path(screening.__file__).parent / "laws"
SHIPPED = {path.relative_to(LAWS).as_posix(): path.read_text() for path in LAWS.rglob(invariant.FILE)}
SINCE = date(2024, 12, 9)
CONSULATE = "CONSULAR_NOTIFICATION"

WRONG = {
    "an answer that is given": """
information_request:
  - id: wrong
    sentence: Nobody is ever allowed anything.
    citation: none
    when:
      - facts.request_kind == CONSULAR_NOTIFICATION
    never: [ALLOW]
""",
    "a change that makes an answer stricter": """
information_request:
  - id: wrong
    sentence: A task for a court's warrant is answered the same without it.
    citation: none
    when:
      - is: judicial_instrument
    with:
      - {facts.instrument: NONE, facts.signed_by: null, reading.issuing_court: null}
    never: [STRICTER]
""",
}


@pytest.fixture
def pack(bundle: Bundle) -> Pack:
    """The law of the City."""
    return bundle.law.packs["la_city"]


def share_of(pack: Pack, name: str) -> Share:
    """Return the share with a name."""
    return next(each for each in shares(pack, []) if each.name == name)


@pytest.mark.parametrize("name", ["employment", "TRANSFER", CONSULATE])
def test_the_shipped_invariants_hold_for_every_combination_of_some_shares(pack: Pack, name: str) -> None:
    """The whole is proved by make laws."""
    proof = prove(pack, share_of(pack, name), invariant.read(SHIPPED, pack), SINCE)
    assert proof.violations == ()
    assert proof.sampled > 0
    assert sum(proof.reach.outcomes.values()) == proof.combinations


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_what_does_not_hold_is_shown_by_a_combination_that_the_engine_answers_so(pack: Pack, text: str) -> None:
    """A proof that finds no fault in a false sentence would prove nothing."""
    wrong = invariant.read({f"us_ca_los_angeles/{invariant.FILE}": text}, pack)
    [violation] = prove(pack, share_of(pack, "TRANSFER" if "with:" in text else CONSULATE), wrong, SINCE).violations
    questions = [violation.combination, {**violation.combination, **violation.changed}]
    for stated, answer in zip(questions, violation.answers, strict=False):
        messages = stating("information_request", {path: value for path, value in stated.items() if value})
        docket = pack.in_force("information_request", violation.day).docket(messages["facts"])
        codes = docket.codes(messages["facts"], messages["reading"])
        assert docket.finding(codes, docket.part(messages["item"])).ruling.outcome == answer


def test_shares_are_all_kinds_of_acts_and_all_categories(pack: Pack) -> None:
    """A question that is in no share would not be proved."""
    found = shares(pack, [])
    assert (
        sum(share.many for share in found if share.known.get("item.category"))
        == len(stating("information_request", {})["item"].DESCRIPTOR.fields_by_name["category"].enum_type.values) - 1
    )  # the unspecified one
    assert "employment" in {share.name for share in found}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("{facts.colour: RED}", "there is no fact"),
        ("{facts.instrument: CROWN}", "has no value"),
        ("{facts.request_kind: TRANSFER}", "cannot be changed"),
    ],
)
def test_a_change_that_cannot_be_is_refused_with_its_line(pack: Pack, change: str, problem: str) -> None:
    """A misspelt change would prove nothing and say that it holds."""
    text = WRONG["a change that makes an answer stricter"]
    first = text.index("      - {")
    wrong = text[:first] + f"      - {change}\n    never: [STRICTER]\n"
    with pytest.raises(DataFileError, match=problem):
        invariant.read({f"us_ca_los_angeles/{invariant.FILE}": wrong}, pack)
