import pytest
from screening.reading.negation import Words, governs, near
from screening.text import clauses

MATTER = frozenset(["immigration", "enforcement", "arrests", "removal", "operations", "ice"])


def denied(text: str, phrase: str, *, anywhere: bool = False) -> bool:
    """Say whether the phrase, which stands in the text, is denied."""
    words = Words.of(clauses(text))
    part = tuple(phrase.split())
    start = next(at for at in range(len(words.words)) if words.words[at : at + len(part)] == part)
    return (near if anywhere else governs)(words, start, start + len(part), MATTER)


@pytest.mark.parametrize(
    "text",
    [
        "no ICE involvement",
        "not related to ICE",
        "unrelated to ICE enforcement",
        "does not involve ICE arrests",
        "no immigration enforcement or ICE operations",
        "non ICE",
        "ICE will not participate",
        "ICE arrests are excluded",
        "nothing to do with ICE",
        "narcotics only, no ICE",
    ],
)
def test_a_denial_that_governs_a_phrase_is_heard(text: str) -> None:
    """Only filling words and words of the same matter stand between."""
    assert denied(text, "ice")


@pytest.mark.parametrize(
    "text",
    [
        "ICE",
        "no warrant for ICE",
        "no objection to helping ICE",
        "no letter, ICE operations",
        "not only ICE",
        "not drugs but ICE",
        "ICE is not the only agency",
        "no narcotics; ICE arrests",
        "unless ICE objects",
    ],
)
def test_a_denial_of_something_else_is_not(text: str) -> None:
    """What makes an answer stricter is not talked away by a stray word."""
    assert not denied(text, "ice")


@pytest.mark.parametrize(
    "text", ["no letter", "letter to follow", "letter not yet signed", "a verbal promise of a letter"]
)
def test_any_doubt_in_its_clause_silences_what_would_make_an_answer_milder(text: str) -> None:
    """Evidence that is promised is no evidence."""
    assert denied(text, "letter", anywhere=True)


def test_doubt_in_another_clause_does_not() -> None:
    """Each clause speaks for itself."""
    assert not denied("letter of the prosecutor; no immigration purpose", "letter", anywhere=True)
