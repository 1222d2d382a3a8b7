"""One piece of a written name to tokens: what stands between two signs."""

from collections.abc import Collection, Iterator

from screening.names.vocabulary import Kind, Vocabulary
from screening.text import words

_CITY_AFTER_LA = frozenset(
    ("county", "city", "metro", "field", "office", "hold", "unified", "district", "region", "area", "basin")
)
_OFFICE = Kind.GENERIC | Kind.FUNCTION | Kind.UNIT
_SCANNED = {"al": "ai"}
"""What a joining word is that joins nothing."""
_SPANISH_BEFORE_LA = frozenset(("de", "en", "por", "a", "con", "para", "y", "la"))


def tokens(
    part: str, vocabulary: Vocabulary, kept: Collection[str], *, alone: bool, parish: bool
) -> tuple[list[str], list[str]]:
    """Return the tokens of one piece before the legal forms at its end, and those forms.

    Slips are mended but in tokens that are `kept`, initials and halves joined, phrases one word, shortenings spelled out.
    `alone`: the name has other pieces; `parish`: it has a parish in it.
    """
    found = [
        word
        for token in vocabulary.slips.joined(_initials_joined(words(part)))
        for word in ((token,) if token in kept else vocabulary.slips.mended(token))
    ]
    if found and len(found[-1]) == 2 and (len(found) > 1 or alone):  # noqa: PLR2004  # a postal code
        found[-1] = _state(found, vocabulary, alone=alone and len(found) == 1, parish=parish)
    joined = vocabulary.joined(list(_with_los_angeles(found)))
    return _without_legal_form(
        [word for token in joined for word in vocabulary.spelled.get(token, (token,))], vocabulary
    )


def _initials_joined(tokens: tuple[str, ...]) -> Iterator[str]:
    """Yield the tokens with runs of single letters as one: `u s c i s`."""
    run = ""
    for token in tokens:
        if len(token) == 1:
            run += token
            continue
        if run:
            yield run
            run = ""
        yield token
    if run:
        yield run


def _state(tokens: list[str], vocabulary: Vocabulary, *, alone: bool, parish: bool) -> str:
    """Return the state for a postal code at the end; codes that are words are read so only alone or after an office.

    `LA` is a state beside a parish only. `Al` at the end of another name is a scanned `AI`.
    """
    code = tokens[-1]
    if code == "la" and not parish:
        return code
    if not alone and code in vocabulary.legal_forms:
        return code
    if not alone and code != "la" and Kind.STOP in vocabulary.word(code).kind:
        office = vocabulary.word(tokens[-2]).kind & _OFFICE
        return vocabulary.states.get(code, code) if office else _SCANNED.get(code, code)
    return vocabulary.states.get(code, code)


def _with_los_angeles(tokens: list[str]) -> Iterator[str]:
    """Yield the tokens with `LA` as the city where it is not an article."""
    for position, token in enumerate(tokens):
        before = tokens[position - 1] if position else ""
        after = tokens[position + 1] if position + 1 < len(tokens) else ""
        first = not before and (after in _CITY_AFTER_LA or not after)
        later = before and before not in _SPANISH_BEFORE_LA
        if (first or later) and token == "la":  # noqa: S105  # a word, no secret
            yield "losangeles"
        else:
            yield token


def _without_legal_form(tokens: list[str], vocabulary: Vocabulary) -> tuple[list[str], list[str]]:
    """Return the tokens before the legal forms at the end, and those forms."""
    end = len(tokens)
    while end and vocabulary.legal_form(tokens[end - 1]):
        end -= 1
    kept = [vocabulary.legal_forms.get(token, token) for token in tokens[:end]]
    return kept, tokens[end:]
