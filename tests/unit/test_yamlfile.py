import pytest
from screening.errors import DataFileError
from screening.yamlfile import parse


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: [", r"^f\.yaml:\d: not YAML"),
        ("a: 1\nb: \x00", r"^f\.yaml:2: a character is not allowed"),
        ("a: 1\n? [b]\n: 2", r"^f\.yaml:2: a key is not a text"),
        ("a: 1\nno: 2", r"^f\.yaml:2: a key is not a text"),
        ("a: 1\na: 2", r"^f\.yaml:2: 'a' stands twice"),
        ("a: " + "[" * 2_000 + "]" * 2_000, r"^f\.yaml:1: the file is nested too deeply"),
        ("a: 1\nb: [2018-02-30]", r"^f\.yaml:2: a value cannot be read"),
        ("a: !!python/object:os.system {}", r"^f\.yaml:1: not YAML"),
        ("- a", r"^f\.yaml:1: the file is empty or is not a mapping"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(text: str, said: str) -> None:
    """Whatever a hand or a broken disk makes of a file."""
    with pytest.raises(DataFileError, match=said):
        parse(text, "f.yaml")
