"""Free text to tokens, the same for names and for the lexicon.

NFKC, look-alike letters to Latin (Unicode TR 39 confusables), zero-width and combining marks removed, case folded, `&`
read as "and", dotted abbreviations joined (`U.S.` is `us`), everything else that is no letter or digit read as a space.
"""

import re
import unicodedata
from functools import cache, lru_cache

from confusable_homoglyphs import confusables

_DOTTED = re.compile(r"\b((?:\w\.)+\w?)(?!\w)")
_CLAUSE = re.compile(r"[;,:!?\n]|\.\s|\s[-\u2013\u2014]+\s|\u2014")
_WORD = re.compile(r"[^\W_]+")
_MARKS = frozenset(("Mn", "Me"))
_NAMED_LETTER = re.compile(
    r"(?:LATIN LETTER SMALL CAPITAL|REGIONAL INDICATOR SYMBOL LETTER|.*LATIN CAPITAL LETTER) ([A-Z])"
)
"""Letters in boxes, flags and small capitals, which Unicode does not list as look-alikes."""


@lru_cache(maxsize=50_000)
def tokens(text: str) -> tuple[str, ...]:
    """Return the tokens of a text in order; empty if it has no letter or digit."""
    return words(letters(text))


def letters(text: str) -> str:
    """Return the text in plain small letters: look-alikes and accents gone, punctuation kept."""
    if text.isascii():
        return text.casefold()
    # look-alikes are replaced first, because NFKC turns some of them into other letters, and again for what it unfolds
    plain = unicodedata.normalize("NFKC", text.translate(_look_alikes())).translate(_look_alikes())
    decomposed = unicodedata.normalize("NFKD", plain)
    return "".join(char for char in decomposed if unicodedata.category(char) not in _MARKS).casefold()


def words(plain: str) -> tuple[str, ...]:
    """Return the tokens of a text that is in plain letters already."""
    joined = _DOTTED.sub(lambda match: match[1].replace(".", ""), plain.replace("&", " and "))
    return tuple(_WORD.findall(joined.replace("'", "").replace("\u2019", "")))


def clauses(text: str) -> tuple[tuple[str, ...], ...]:
    """Return the tokens of each clause of a text: what stands between commas, semicolons, colons, stops and dashes."""
    return tuple(found for part in _CLAUSE.split(text) if (found := tokens(part)))


@cache
def _look_alikes() -> dict[int, str]:
    """Map each look-alike of a Latin letter to that letter, and each invisible character to nothing."""
    table: dict[int, str] = {}
    for char, prototypes in confusables.confusables_data.items():
        if len(char) != 1 or char.isascii():
            continue
        for prototype in prototypes:
            letter = prototype["c"]
            if len(letter) == 1 and letter.isascii() and letter.isalpha():
                # TR 39 takes every upright stroke for a small L; a capital one is read as I
                table[ord(char)] = "I" if letter == "l" and unicodedata.category(char) == "Lu" else letter
                break
    for code in (*range(0x1D00, 0x1D30), *range(0x0260, 0x02AF), *range(0xA730, 0xA732), *range(0x1F130, 0x1F200)):
        if code not in table and (named := _NAMED_LETTER.fullmatch(unicodedata.name(chr(code), ""))):
            table[code] = named[1]
    planes = (*range(0x10000), *range(0xE0000, 0xE0100))  # the basic plane, and the tags
    invisible = (code for code in planes if unicodedata.category(chr(code)) == "Cf")
    return table | dict.fromkeys(invisible, "")
