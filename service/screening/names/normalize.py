"""A written name to the keys under which the registry is searched.

A key is the name's tokens with legal forms, a leading article and the country dropped. Two more keys make the search
indifferent to word order and to spacing.
"""

from collections.abc import Sequence

from screening.text import tokens

LEGAL_FORMS = frozenset(
    [
        "inc",
        "incorporated",
        "corp",
        "corporation",
        "co",
        "company",
        "llc",
        "lllp",
        "llp",
        "lp",
        "ltd",
        "limited",
        "plc",
        "pc",
        "pllc",
        "na",
        "nv",
        "sa",
        "gmbh",
        "ag",
    ]
)
_OCR = str.maketrans({"0": "o", "1": "l", "i": "l", "5": "s", "8": "b"})
SHORT = 4
"""Letters up to which a name is an abbreviation rather than a word."""
ARTICLES = frozenset(("the", "la", "el", "los", "las"))
_SPELLED = {"dept": "department", "dept.": "department", "svc": "service", "svcs": "services", "immig": "immigration"}


def name_tokens(name: str) -> tuple[str, ...]:
    """Return the tokens of a name, with usual shortenings spelled out."""
    return tuple(_SPELLED.get(token, token) for token in tokens(name))


def key(words: Sequence[str], *, legal_forms: bool) -> str:
    """Return the search key of a name's tokens; `legal_forms` says whether they stay.

    A name that would lose all its words keeps them.
    """
    kept = list(words)
    while len(kept) > 1 and kept[0] in ARTICLES and (len(kept) > 2 or len(kept[1]) > SHORT):  # noqa: PLR2004
        kept.pop(0)
    while not legal_forms and has_legal_form(kept):
        kept.pop()
    return " ".join(_without_country(kept))


def _without_country(words: list[str]) -> list[str]:
    """Drop "U.S." or "United States" at the front: `us border patrol` and `border patrol` are one body."""
    for country in (["united", "states"], ["us"], ["u", "s"]):
        if words[: len(country)] == country and len(words) > len(country):
            return words[len(country) :]
    return words


def has_legal_form(words: Sequence[str]) -> bool:
    """Say whether a name ends with a legal form, as scanned ones may."""
    return len(words) > 1 and (words[-1] in LEGAL_FORMS or scanned(words[-1]) in _SCANNED_FORMS)


def sorted_key(name_key: str) -> str:
    """Return the key with its words in alphabetical order."""
    return " ".join(sorted(name_key.split()))


def squashed_key(name_key: str) -> str:
    """Return the key without spaces."""
    return name_key.replace(" ", "")


def scanned(text: str) -> str:
    """Return the text as a scanner may have confused it: digits that look like letters, `rn` for `m`, `l` for `i`."""
    return text.translate(_OCR).replace("rn", "m").replace("vv", "w")


_SCANNED_FORMS = frozenset(map(scanned, LEGAL_FORMS))
