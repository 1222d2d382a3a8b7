"""The parts of a request that are answered apart, and what a judge's paper covers of them."""

from collections.abc import Sequence
from typing import TypeAlias

from city.screening.v1 import employment_facts_pb2, information_request_facts_pb2, reading_pb2

from screening.text import tokens

Facts = information_request_facts_pb2.InformationRequestFacts
Category: TypeAlias = information_request_facts_pb2.DataCategory.ValueType
Item = reading_pb2.RequestedItem

_kind = information_request_facts_pb2.RequestKind
_category = information_request_facts_pb2.DataCategory

IMPLIED: dict[int, Category] = {
    _kind.REQUEST_KIND_RELEASE_NOTIFICATION: _category.DATA_CATEGORY_RELEASE_DATE,
    _kind.REQUEST_KIND_PERSONAL_INFO: _category.DATA_CATEGORY_OTHER_PERSONAL_INFORMATION,
    _kind.REQUEST_KIND_IMMIGRATION_STATUS_INFO: _category.DATA_CATEGORY_IMMIGRATION_STATUS,
    _kind.REQUEST_KIND_CRIMINAL_HISTORY: _category.DATA_CATEGORY_CRIMINAL_HISTORY,
    _kind.REQUEST_KIND_ALPR: _category.DATA_CATEGORY_ALPR,
    _kind.REQUEST_KIND_CCTV_VIDEO: _category.DATA_CATEGORY_CCTV,
    _kind.REQUEST_KIND_EMPLOYEE_RECORDS: _category.DATA_CATEGORY_PERSONNEL_FILE,
    _kind.REQUEST_KIND_I9_INSPECTION: _category.DATA_CATEGORY_I9_FORMS,
    _kind.REQUEST_KIND_FINGERPRINT_SUBMISSION: _category.DATA_CATEGORY_FINGERPRINTS,
    _kind.REQUEST_KIND_VISA_CERTIFICATION: _category.DATA_CATEGORY_VICTIM_COOPERATION,
}
"""What a kind of request asks for where no category is given."""

_DATA_KINDS = (
    *IMPLIED,
    _kind.REQUEST_KIND_RECORDS_REQUEST,
    _kind.REQUEST_KIND_RECORDS_SUBPOENA,
    _kind.REQUEST_KIND_SEARCH,
    _kind.REQUEST_KIND_DATABASE_ACCESS,
    _kind.REQUEST_KIND_CONTRACT_DATA_FEED,
    _kind.REQUEST_KIND_TASK_FORCE,
)
"""Kinds whose listed categories are the whole of what is asked; a task force shares information (7284.6(b)(3))."""
_OPERATIONS = (
    _kind.REQUEST_KIND_JOINT_OPERATION,
    _kind.REQUEST_KIND_EMERGENCY_ASSISTANCE,
)
_CUSTODY = (
    _kind.REQUEST_KIND_DETAINER_HOLD,
    _kind.REQUEST_KIND_TRANSFER,
    _kind.REQUEST_KIND_ARREST,
    _kind.REQUEST_KIND_ARREST_ON_NCIC_HIT,
)
_CUSTODY_WORDS = {"arrest", "custody", "detain", "detention", "transfer", "seize", "surrender", "person"}
_EXCLUDING = {"except", "excluding", "excludes", "not", "without", "but", "other"}
_ANY_PLACE = {"premises", "property", "building", "site", "facility", "place", "location", "area"}
_STEM = 4
"""Letters from which the beginning of a word stands for the word: `photo` for `photograph`."""
_NAMES: dict[int, tuple[str, ...]] = {
    number: tuple(name.removeprefix("DATA_CATEGORY_").lower().split("_"))
    for name, number in _category.items()
    if number
}


def items(facts: Facts, reading: reading_pb2.InformationReading) -> list[Item]:
    """Return the parts of a request: its categories, else what its kind implies, else the act as a whole.

    Where data are asked for beside an act, the act is a part of its own.
    """
    if facts.data_categories:
        asked = [_item(facts, category) for category in dict.fromkeys(facts.data_categories)]
        return asked if facts.request_kind in _DATA_KINDS else [_item(facts, 0), *asked]
    if (
        facts.request_kind in _OPERATIONS
        and reading.incident == reading_pb2.INCIDENT_LIFE_SAFETY
        and facts.purpose != information_request_facts_pb2.PURPOSE_LIFE_SAFETY
        and (reading.immigration_mission or facts.purpose in _IMMIGRATION_PURPOSES)
    ):  # the life-safety part of a mixed operation is answered apart (ruling 25)
        parts = (_category.DATA_CATEGORY_LIFE_SAVING, _category.DATA_CATEGORY_DETENTION_SUPPORT)
        return [_item(facts, part) for part in parts]
    return [_item(facts, IMPLIED.get(facts.request_kind, 0))]


_IMMIGRATION_PURPOSES = (
    information_request_facts_pb2.PURPOSE_CIVIL_IMMIGRATION_ENFORCEMENT,
    information_request_facts_pb2.PURPOSE_CRIMINAL_IMMIGRATION_ENFORCEMENT,
)


def _item(facts: Facts, category: int) -> Item:
    item = Item(coverage=_coverage(facts, category))
    if category:
        item.category = category  # type: ignore[assignment]  # the number of an enum value
    if category in facts.public_categories or facts.public_already:
        item.already_public = employment_facts_pb2.ANSWER_YES
    elif facts.public_categories or facts.HasField("public_already"):
        item.already_public = employment_facts_pb2.ANSWER_NO
    return item


def _coverage(facts: Facts, category: int) -> reading_pb2.Coverage.ValueType:
    """Say whether the paper covers a part. An absent scope means what is asked (ruling 52)."""
    if not facts.instrument_scope:
        return reading_pb2.COVERAGE_IN_SCOPE
    scope = [tokens(text) for text in facts.instrument_scope]
    if category:
        return _covers_category(scope, category)
    if facts.request_kind == _kind.REQUEST_KIND_INTERVIEW_ACCESS:
        named = any({"interview", "question", "questioning"} & set(words) for words in scope)
        return reading_pb2.COVERAGE_IN_SCOPE if named else reading_pb2.COVERAGE_UNCLEAR
    if facts.request_kind in _CUSTODY:
        named = any(_CUSTODY_WORDS & set(words) for words in scope)
        return reading_pb2.COVERAGE_IN_SCOPE if named else reading_pb2.COVERAGE_UNCLEAR
    return _covers_place(scope, tokens(facts.site))


def _covers_category(scope: Sequence[Sequence[str]], category: int) -> reading_pb2.Coverage.ValueType:
    if any(_EXCLUDING & set(words) for words in scope):
        return reading_pb2.COVERAGE_UNCLEAR
    if any(_names(words, category) for words in scope):
        return reading_pb2.COVERAGE_IN_SCOPE
    custody = _CUSTODY_WORDS - {"person"}
    understood = all(any(_names(words, other) for other in _NAMES) or custody & set(words) for words in scope)
    return reading_pb2.COVERAGE_OUT_OF_SCOPE if understood else reading_pb2.COVERAGE_UNCLEAR


def _names(words: Sequence[str], category: int) -> bool:
    """Say whether the words of a scope name a category; `photograph` names `photo`, `records` names `record`."""
    name = _NAMES[category]
    if tuple(words) in _NAMES.values():
        return tuple(words) == name
    starts = range(len(words) - len(name) + 1)
    return any(all(_same(words[start + at], name[at]) for at in range(len(name))) for start in starts)


def _same(first: str, second: str) -> bool:
    shorter, longer = sorted((first, second), key=len)
    return first == second or (len(shorter) >= _STEM and longer.startswith(shorter))


def _covers_place(scope: Sequence[Sequence[str]], site: Sequence[str]) -> reading_pb2.Coverage.ValueType:
    """Compare the place asked for with the places that the paper names, word by word."""
    if not site:
        return reading_pb2.COVERAGE_UNCLEAR
    if any(set(site) <= set(words) for words in scope):
        return reading_pb2.COVERAGE_IN_SCOPE
    shared = any((set(site) | _ANY_PLACE) & set(words) for words in scope)
    return reading_pb2.COVERAGE_UNCLEAR if shared else reading_pb2.COVERAGE_OUT_OF_SCOPE
