import pytest
from screening.text import tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("U.S. Immigration & Customs", ("us", "immigration", "and", "customs")),
        ("I.C.E.", ("ice",)),
        ("ІСЕ", ("ice",)),  # Cyrillic letters
        ("Inmigración", ("inmigracion",)),
        ("ICE/DHS — (ERO)", ("ice", "dhs", "ero")),
        ("8_usc_1326_b2", ("8", "usc", "1326", "b2")),
        ("zero\u200bwidth", ("zerowidth",)),
        ("Mayor's Office", ("mayors", "office")),
        (" \t\n", ()),
    ],
)
def test_text_becomes_plain_tokens(text: str, expected: tuple[str, ...]) -> None:
    """Look-alike letters, accents, dots and punctuation make no difference."""
    assert tokens(text) == expected
