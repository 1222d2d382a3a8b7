"""Questions made at random from what the facts messages declare."""

from datetime import date
from typing import Any

from city.screening.v1 import screening_service_pb2
from google.type import date_pb2
from hypothesis import strategies as st
from screening.facts import Fact, declared

WORDS = st.sampled_from(
    [
        "ICE",
        "immigration enforcement",
        "8 USC 1326",
        "8 USC 1326(b)(2)",
        "8 USC 1324",
        "robbery",
        "homicide",
        "C.D. Cal.",
        "Texas district court",
        "L.A. Juvenile Court",
        "raid support",
        "narcotics",
        "vessel sinking",
        "crowd at the gate",
        "CLETS",
        "unknown",
        "fraud unit",
        "home address",
        "booking photo",
        "server room",
        "Immigration Violator File",
        "Wanted Person",
        "exigent",
        "none",
        "detention officer",
        "expert witness",
        "subpoena",
        "headquarters",
        "Adelanto facility",
        "anything else",
    ]
)
DATES = st.dates(date(1979, 1, 1), date(2030, 12, 31))


def value(fact: Fact, field: Any) -> st.SearchStrategy[Any]:
    """Return valid values of one fact."""
    match fact.type:
        case "enum":
            assert fact.values is not None
            return st.sampled_from(sorted(fact.values.name))
        case "bool":
            return st.booleans()
        case "text":
            return WORDS
        case "int":
            return st.integers(0, 3650)
        case "date":
            return DATES.map(lambda day: date_pb2.Date(year=day.year, month=day.month, day=day.day))
        case _:
            return messages(field.message_type)


def messages(descriptor: Any, always: tuple[str, ...] = ()) -> st.SearchStrategy[Any]:
    """Return valid messages: what is required or in `always` is set, the rest may be."""
    facts = {fact.path[1:]: fact for fact in declared(descriptor, "") if fact.path.count(".") == 1}
    fields = descriptor.fields_by_name

    @st.composite
    def build(draw: st.DrawFn) -> Any:
        message = descriptor._concrete_class()
        for name, fact in facts.items():
            needed = fact.kind == 1 or name in always
            if not needed and not draw(st.integers(0, 9)) < 2:
                continue
            one = value(fact, fields[name])
            given = draw(st.lists(one, min_size=1, max_size=3)) if fact.repeated else draw(one)
            if fact.repeated:
                getattr(message, name).extend(given)
            elif fact.type in ("date", "message"):
                getattr(message, name).CopyFrom(given)
            else:
                setattr(message, name, given)
        return message

    return build()


def information_requests(pack: str = "la_city") -> st.SearchStrategy[Any]:
    """Return valid information requests."""
    kind = screening_service_pb2.ScreenInformationRequestRequest
    facts = messages(kind.DESCRIPTOR.fields_by_name["facts"].message_type)
    return facts.map(lambda made: kind(facts=made, policy_pack=pack))


def employment_requests() -> st.SearchStrategy[Any]:
    """Return valid employment questions."""
    kind = screening_service_pb2.ScreenEmploymentRequest
    always = ("employer_kind", "duties_immigration_enforcement", "paid")
    facts = messages(kind.DESCRIPTOR.fields_by_name["facts"].message_type, always)
    return facts.map(lambda made: kind(facts=made, policy_pack="la_city"))
