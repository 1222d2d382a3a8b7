import pytest
from screening.bundle import Bundle
from screening.errors import DataFileError
from screening.facts import vocabulary
from screening.reading.lexicon import SUBJECTS, Lexicon

EVERY = {subject: f"{subject}:\n  - {{reading: r, facts: [f], phrases: [x: [y]]}}\n" for subject in SUBJECTS}
TEXT = """
information_request:
  - reading: incident
    facts: [incident]
    phrases:
      - LIFE_SAFETY: ["shots fired"]
      - PUBLIC_ORDER: [crowd, shots]
    otherwise: OTHER
"""


def lexicon(text: str) -> Lexicon:
    """Return a lexicon that has one subject as given and others that read nothing."""
    return Lexicon(
        {f"{subject}.yaml": written for subject, written in EVERY.items()} | {"information_request.yaml": text}
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("SHOTS FIRED at a raid", "LIFE_SAFETY"),
        ("shots, later fired", "PUBLIC_ORDER"),
        ("a crowd", "PUBLIC_ORDER"),
        ("paperwork", "OTHER"),
    ],
)
def test_the_first_phrase_that_stands_in_the_text_decides(text: str, value: str) -> None:
    """Phrases are whole words in a row; their order in the file is their rank."""
    found = lexicon(TEXT).read("information_request", {"incident": [text]})
    assert found["incident"].value == value


def test_no_text_is_no_reading() -> None:
    """An absent fact is not read as anything."""
    assert lexicon(TEXT).read("information_request", {}) == {}


@pytest.mark.parametrize(
    ("phrase", "text", "found"),
    [
        ("traffick*", "drug trafficking", True),
        ("traffick*", "heavy traffic", False),
        ("superior court + orange", "Orange County, Superior Court", True),
        ("superior court + orange", "Superior Court", False),
        ("=none", "None.", True),
        ("=none", "none of the pages is signed", False),
        ("=no defect*", "No defects", True),
    ],
)
def test_a_phrase_may_use_stems_parts_and_the_whole_text(phrase: str, text: str, *, found: bool) -> None:
    """As the lexicon's README says."""
    written = f'information_request:\n  - {{reading: r, facts: [offense], phrases: ["true": ["{phrase}"]]}}\n'
    assert ("r" in lexicon(written).read("information_request", {"offense": [text]})) is found


def test_one_text_that_is_not_understood_outweighs_the_others() -> None:
    """A defect is a defect, whatever stands beside it."""
    found = lexicon(TEXT).read("information_request", {"incident": ["a crowd", "paperwork"]})
    assert found["incident"].value == "OTHER"


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("phrases:", "words:"),
        TEXT.replace('["shots fired"]', '["!"]'),
        TEXT.replace('["shots fired"]', '["sh*"]'),
        TEXT.replace("otherwise: OTHER", "denied: sometimes"),
        "information_request: 3\n",
        "information_request: []\n",
    ],
)
def test_a_wrong_lexicon_does_not_load(text: str) -> None:
    """Its mistakes are start-up errors too."""
    with pytest.raises(DataFileError):
        lexicon(text)


def test_every_fact_that_the_lexicon_reads_exists(bundle: Bundle) -> None:
    """A reader of a fact that is no fact would never read anything."""
    for subject in ("employment", "information_request"):
        facts = vocabulary(subject)
        for reader in bundle.lexicon.readers[subject]:
            assert [fact for fact in reader.facts if f"facts.{fact}" not in facts] == []
