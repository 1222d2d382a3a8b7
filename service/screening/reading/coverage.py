"""Whether a judge's paper covers a part of what is asked.

What the words of the scope do not say plainly is unknown: then the answers with and without the paper are both worked
out, and only what they have in common is answered without a person.
"""

from collections.abc import Sequence

from city.screening.v1 import information_request_facts_pb2, reading_pb2

from screening.reading.lexicon import Lexicon
from screening.text import tokens

_kind = information_request_facts_pb2.RequestKind
IN_SCOPE = reading_pb2.COVERAGE_IN_SCOPE
OUT_OF_SCOPE = reading_pb2.COVERAGE_OUT_OF_SCOPE
UNKNOWN = reading_pb2.COVERAGE_UNKNOWN

_ACTS = {
    _kind.REQUEST_KIND_INTERVIEW_ACCESS: "interview",
    _kind.REQUEST_KIND_DETAINER_HOLD: "custody",
    _kind.REQUEST_KIND_TRANSFER: "custody",
    _kind.REQUEST_KIND_ARREST: "custody",
    _kind.REQUEST_KIND_ARREST_ON_NCIC_HIT: "custody",
}
"""What the scope of a paper must name for an act on a person."""
_EXCLUDING = {"except", "excluding", "excludes", "not", "without", "but", "other"}
_ANY_PLACE = {"premises", "property", "building", "site", "facility", "place", "location", "area", "address"}
_NAMES: dict[tuple[str, ...], str] = {
    tuple(name.removeprefix("DATA_CATEGORY_").lower().split("_")): name.removeprefix("DATA_CATEGORY_").lower()
    for name in information_request_facts_pb2.DataCategory.keys()  # noqa: SIM118  # the wrapper is no mapping
}

_PARTS = {
    "release_date": ("future_release_date", "release_date_past"),
    "future_release_date": ("release_date",),
    "home_addresses": ("home_address",),
    "full_case_file": ("case_file",),
}
"""Categories that another one contains, so that a paper for the whole reaches the part."""


def coverage(
    facts: information_request_facts_pb2.InformationRequestFacts, category: int, lexicon: Lexicon
) -> reading_pb2.Coverage.ValueType:
    """Say whether the paper covers a category (0: the act as a whole). No scope means what is asked (ruling 52)."""
    if not facts.instrument_scope:
        return IN_SCOPE
    named = [_named(text, lexicon) for text in facts.instrument_scope]
    if category:
        wanted = information_request_facts_pb2.DataCategory.Name(category).removeprefix("DATA_CATEGORY_").lower()  # type: ignore[arg-type]
        return _of_data(facts.instrument_scope, named, wanted)
    if facts.request_kind in _ACTS:
        return IN_SCOPE if any(_ACTS[facts.request_kind] in names for names in named) else UNKNOWN
    return _of_place(facts.instrument_scope, named, tokens(facts.site))


def _named(text: str, lexicon: Lexicon) -> set[str]:
    """Return what one item of a scope names; a category in the API's own words names that category and its parts."""
    exact = _NAMES.get(tokens(text))
    return {exact, *_PARTS.get(exact, ())} if exact else set(lexicon.read("scope", {"scope": [text]}))


def _of_data(scope: Sequence[str], named: Sequence[set[str]], wanted: str) -> reading_pb2.Coverage.ValueType:
    if any(_EXCLUDING & set(tokens(text)) for text in scope):
        return UNKNOWN
    if any(wanted in names for names in named):
        return IN_SCOPE
    understood = all(names - {"place", "interview"} for names in named)
    return OUT_OF_SCOPE if understood else UNKNOWN


def _of_place(scope: Sequence[str], named: Sequence[set[str]], site: Sequence[str]) -> reading_pb2.Coverage.ValueType:
    """Compare the place asked for with the places that the paper names, word by word."""
    if not site:  # whoever enters under the paper enters what it names
        return IN_SCOPE if any("place" in names for names in named) else UNKNOWN
    if any(set(site) <= set(tokens(text)) for text in scope):
        return IN_SCOPE
    unclear = any(_may_be(site, tokens(text)) for text in scope)
    return UNKNOWN if unclear else OUT_OF_SCOPE


def _may_be(site: Sequence[str], words: Sequence[str]) -> bool:
    """Say whether a place in a scope may be the site: a shared word, a word for any place, or a street number."""
    return bool((set(site) | _ANY_PLACE) & set(words)) or any(word[0].isdigit() for word in words)
