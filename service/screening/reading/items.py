"""The parts of a request that are answered apart."""

from typing import TypeAlias

from city.screening.v1 import employment_facts_pb2, information_request_facts_pb2, reading_pb2

from screening.reading.coverage import coverage
from screening.reading.lexicon import Lexicon

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


def items(facts: Facts, reading: reading_pb2.InformationReading, lexicon: Lexicon) -> list[Item]:
    """Return the parts of a request: its categories, else what its kind implies, else the act as a whole.

    Where data are asked for beside an act, the act is a part of its own.
    """
    if facts.data_categories:
        asked = [_item(facts, category, lexicon) for category in dict.fromkeys(facts.data_categories)]
        return asked if facts.request_kind in _DATA_KINDS else [_item(facts, 0, lexicon), *asked]
    if (
        facts.request_kind in _OPERATIONS
        and reading.incident == reading_pb2.INCIDENT_LIFE_SAFETY
        and facts.purpose != information_request_facts_pb2.PURPOSE_LIFE_SAFETY
        and (reading.immigration_mission or facts.purpose in _IMMIGRATION_PURPOSES)
    ):  # the life-safety part of a mixed operation is answered apart (ruling 25)
        parts = (_category.DATA_CATEGORY_LIFE_SAVING, _category.DATA_CATEGORY_DETENTION_SUPPORT)
        return [_item(facts, part, lexicon) for part in parts]
    return [_item(facts, IMPLIED.get(facts.request_kind, 0), lexicon)]


_IMMIGRATION_PURPOSES = (
    information_request_facts_pb2.PURPOSE_CIVIL_IMMIGRATION_ENFORCEMENT,
    information_request_facts_pb2.PURPOSE_CRIMINAL_IMMIGRATION_ENFORCEMENT,
)


def _item(facts: Facts, category: int, lexicon: Lexicon) -> Item:
    item = Item(coverage=coverage(facts, category, lexicon))
    if category:
        item.category = category  # type: ignore[assignment]  # the number of an enum value
    public = facts.public_categories
    if facts.public_already or category in public:
        item.already_public = employment_facts_pb2.ANSWER_YES
    elif facts.HasField("public_already") or public:
        item.already_public = employment_facts_pb2.ANSWER_NO
    return item
