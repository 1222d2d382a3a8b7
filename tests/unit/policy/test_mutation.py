from datetime import date

import pytest
from screening.bundle import Bundle
from screening.policy.mutation import KINDS, Mutant, mutants
from screening.policy.rule import ALLOW, REVIEW, Rank, Rule


@pytest.fixture
def rule(bundle: Bundle) -> Rule:
    """The Values Act's rule on holds: bound, dated, three entries."""
    return next(rule for rule in bundle.law.packs["la_city"].rules if rule.id == "gov_7284_6.hold")


def made(rule: Rule, bundle: Bundle) -> list[Mutant]:
    """Return the mutants of a rule."""
    return list(mutants(rule, bundle.law.packs["la_city"].terms[rule.subject].meanings()))


def test_a_rule_is_dropped_and_given_every_other_outcome(rule: Rule, bundle: Bundle) -> None:
    """Of its own subject."""
    found = made(rule, bundle)
    assert [each.mutated for each in found if each.kind == "drop"] == [None]
    assert {each.mutated.outcome for each in found if each.kind == "outcome" and each.mutated} == {ALLOW, REVIEW}


def test_a_rule_begins_and_ends_a_day_sooner_and_later(rule: Rule, bundle: Bundle) -> None:
    """Where it has a first or a last day."""
    starts = [each.mutated.in_force.start for each in made(rule, bundle) if each.kind == "date" and each.mutated]
    assert starts == [date(2017, 12, 31), date(2018, 1, 2)]


def test_a_term_is_one_entry_and_what_the_file_binds_is_left_alone(rule: Rule, bundle: Bundle) -> None:
    """So that a wrong is one that somebody could write in the rule."""
    loosened = [each for each in made(rule, bundle) if each.kind == "loosen"]
    assert len(loosened) == 3
    for each in loosened:
        assert each.mutated is not None
        assert each.mutated.when.parts[0] == rule.when.parts[0]  # type: ignore[union-attr]  # both are bound


def test_no_mutant_is_one_that_would_not_load(bundle: Bundle) -> None:
    """A rule that opens leads to a person, and a rule without an outcome is an exception."""
    for rule in bundle.law.packs["la_city"].rules:
        for each in made(rule, bundle):
            assert each.kind in KINDS
            if each.mutated:
                assert each.mutated.rank is not Rank.OPENING or each.mutated.outcome in (REVIEW, None)
                assert each.mutated.outcome is not None or each.mutated.exception_to
