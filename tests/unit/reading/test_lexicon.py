import pytest
from screening.bundle import Bundle
from screening.errors import DataFileError
from screening.facts import vocabulary
from screening.reading.lexicon import Lexicon

TEXT = """
information_request:
  - reading: incident
    facts: [incident]
    phrases:
      - LIFE_SAFETY: ["shots fired"]
      - PUBLIC_ORDER: [crowd, shots]
    otherwise: OTHER
"""


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
    found = Lexicon(TEXT, "l.yaml").read("information_request", {"incident": [text]})
    assert found["incident"].value == value


def test_no_text_is_no_reading() -> None:
    """An absent fact is not read as anything."""
    assert Lexicon(TEXT, "l.yaml").read("information_request", {}) == {}


@pytest.mark.parametrize(
    "text", [TEXT.replace("phrases:", "words:"), TEXT.replace('["shots fired"]', '["!"]'), "information_request: 3\n"]
)
def test_a_wrong_lexicon_does_not_load(text: str) -> None:
    """Its mistakes are start-up errors too."""
    with pytest.raises(DataFileError):
        Lexicon(text, "l.yaml")


def test_every_fact_that_the_lexicon_reads_exists(bundle: Bundle) -> None:
    """A reader of a fact that is no fact would never read anything."""
    for subject in ("employment", "information_request"):
        facts = vocabulary(subject)
        for reader in bundle.lexicon.readers[subject]:
            assert [fact for fact in reader.facts if f"facts.{fact}" not in facts] == []
