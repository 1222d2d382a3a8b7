from datetime import date

import pytest
from screening.answer import ASKS
from screening.bundle import Bundle
from screening.facts import DECISIVE, REQUIRED, vocabulary
from screening.policy.condition import atoms


def test_every_rule_of_the_shipped_law_has_a_sentence_and_a_citation(bundle: Bundle) -> None:
    """A clerk is owed a reason that can be looked up."""
    for pack in bundle.law.packs.values():
        for rule in pack.rules:
            assert rule.sentence.endswith(".")
            assert rule.citation.strip()


def test_every_duty_token_has_words(bundle: Bundle) -> None:
    """An obligation without a sentence could not be met."""
    for pack in bundle.law.packs.values():
        tokens = {token for rule in pack.rules for token in rule.obligations}
        tokens |= {token for duty in pack.duties for token in duty.obligations}
        assert tokens <= set(bundle.law.obligations)


def test_every_fact_that_can_be_missing_has_a_question(bundle: Bundle) -> None:
    """Whoever must find out a fact is told what to ask."""
    for pack in bundle.law.packs.values():
        for rule in pack.rules:
            facts = vocabulary(rule.subject)
            for atom in atoms(rule.when):
                fact = facts[atom.path]
                unknown = fact.kind in (DECISIVE, REQUIRED) or (
                    fact.values is not None and fact.values.unknown is not None and not fact.repeated
                )  # what a list contains is never unknown
                path = ASKS.get(atom.path, atom.path)
                if (
                    unknown
                    and path.startswith("facts.")
                    and path not in ("facts.city_unit", "facts.request_kind", "facts.employee_class")
                ):
                    assert path in bundle.law.questions, path


@pytest.mark.parametrize(
    "day", [date(1979, 1, 1), date(2015, 6, 1), date(2024, 12, 8), date(2024, 12, 9), date(2100, 1, 1)]
)
def test_the_law_of_any_day_compiles(bundle: Bundle, day: date) -> None:
    """As-of dates from 1979 on can be asked for."""
    for subject in ("employment", "information_request"):
        assert bundle.law.packs["la_city"].in_force(subject, day) is not None


def test_the_law_changes_on_the_day_and_not_before(bundle: Bundle) -> None:
    """The ordinance binds from 2024-12-09, the first day included."""
    pack = bundle.law.packs["la_city"]

    def ids(day: date) -> set[str]:
        return {rule.id for rule in pack.in_force("information_request", day).rules}

    assert "ord_188441.custody" not in ids(date(2024, 12, 8))
    assert "ord_188441.custody" in ids(date(2024, 12, 9))
    assert ids(date(2025, 1, 1)) == ids(date(2025, 1, 2))


def test_the_state_pack_has_no_city_rule(bundle: Bundle) -> None:
    """Packs choose layers."""
    layers = {rule.source.layer for rule in bundle.law.packs["ca_state_only"].rules}
    assert layers == {"federal", "state"}


def test_a_rule_is_announced_from_ninety_days_before_it_binds_until_it_does(bundle: Bundle) -> None:
    """SB 580 binds from 2027-01-01: 2026-10-03 is the first day of notice, 2026-12-31 the last."""
    pack = bundle.law.packs["la_city"]
    [rule] = [rule for rule in pack.rules if rule.id == "sb_580.model_policies"]
    announced = {
        day: rule in pack.in_force("information_request", day).coming
        for day in (date(2026, 10, 2), date(2026, 10, 3), date(2026, 12, 31), date(2027, 1, 1))
    }
    assert list(announced.values()) == [False, True, True, False]
    assert rule.comes(date(2026, 10, 3)) == date(2027, 1, 1)
