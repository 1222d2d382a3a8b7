"""The questions that both sides are asked: four outside-employment forms and four information requests.

Each is a request as bytes for the service and, for the peer, the same facts as attributes, with as many conditions as
the service's pack evaluates for that question (`Question.conditions`): one for each condition on a fact, on the words
that were read, and on each part of a request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from screening import clock, config
from screening.bundle import Bundle
from screening.facts import vocabulary
from screening.policy.condition import Atom
from screening.wiring import read_bundle
from screening_client import employment_request, information_request

PACK = "la_city"

FORMS: tuple[Mapping[str, Any], ...] = (
    {
        "employee_class": "civilian_non_filer",
        "employer_name": "Harbor Freight Tools",
        "employer_kind": "private_unrelated",
        "role": "cashier",
        "duties": ["sales"],
        "duties_immigration_enforcement": False,
        "paid": True,
    },
    {
        "employee_class": "lapd_sworn",
        "employer_name": "Dodger Stadium Security",
        "employer_kind": "private_unrelated",
        "role": "event guard",
        "duties": ["security"],
        "duties_immigration_enforcement": False,
        "paid": True,
    },
    {
        "employee_class": "form700_filer",
        "employer_name": "U.S. Immigration & Customs Enforcement",
        "employer_kind": "ice",
        "role": "analyst",
        "duties": ["data analysis"],
        "duties_immigration_enforcement": True,
        "paid": True,
    },
    {
        "employee_class": "lafd_sworn",
        "employer_name": "California Community College",
        "employer_kind": "private_unrelated",
        "role": "instructor",
        "duties": ["teaching"],
        "duties_immigration_enforcement": False,
        "paid": True,
    },
)
REQUESTS: tuple[Mapping[str, Any], ...] = (
    {
        "city_unit": "lapd",
        "requester_agency": "ice_ero",
        "request_kind": "detainer_hold",
        "instrument": "i247a",
        "purpose": "civil_immigration_enforcement",
        "in_custody": True,
    },
    {
        "city_unit": "lapd",
        "requester_agency": "fbi",
        "request_kind": "records_request",
        "instrument": "none",
        "purpose": "criminal_unrelated",
        "offense": "homicide",
        "purpose_evidence": "case agent letter",
        "data_categories": ["booking_records", "home_address"],
    },
    {
        "city_unit": "airport_police",
        "requester_agency": "ice_ero",
        "request_kind": "facility_access",
        "instrument": "i205",
        "purpose": "civil_immigration_enforcement",
        "facility_area": "nonpublic",
    },
    {
        "city_unit": "lapd",
        "requester_agency": "ice_hsi",
        "request_kind": "alpr",
        "instrument": "none",
        "purpose": "civil_immigration_enforcement",
    },
)


@dataclass(frozen=True)
class Question:
    """One question: the service's request as bytes, and what the peer is given for it."""

    name: str
    body: bytes
    attributes: Mapping[str, Any]
    """Facts for the peer: by path with underscores for dots; enum values by short name."""
    conditions: tuple[str, ...]
    """CEL over the peer's attributes. All are false for this question, so that none cuts the evaluation short."""


def employment_questions() -> list[Question]:
    """Return the outside-employment forms."""
    return [_question(f"form{number}", "employment", form) for number, form in enumerate(FORMS)]


def information_questions() -> list[Question]:
    """Return the information requests."""
    return [_question(f"request{number}", "information_request", form) for number, form in enumerate(REQUESTS)]


@cache
def _bundle() -> Bundle:
    return read_bundle(config.from_environ({}))


def _question(label: str, subject: str, form: Mapping[str, Any]) -> Question:
    request: Any = employment_request(form) if subject == "employment" else information_request(form)
    docket = _bundle().law.packs[PACK].in_force(subject, clock.today()).docket(request.facts)
    parts: Sequence[str] = form.get("data_categories") or [""]
    attributes: dict[str, Any] = {}
    conditions: list[str] = []
    for atom in docket.atoms:
        for part in parts if atom.variable == "item" else [""]:
            name = atom.path.replace(".", "_") + (f"_{part}" if part else "")
            given = _given(subject, atom, {"facts": form, "item": {"category": part}}.get(atom.variable, {}))
            if given is not None:
                attributes[name] = given
            conditions.append(_false(atom, f"R.attr.{name}", given))
    return Question(name=label, body=request.SerializeToString(), attributes=attributes, conditions=tuple(conditions))


def _given(subject: str, atom: Atom, source: Mapping[str, Any]) -> Any:
    """Return what the form gives for the atom's fact; None where it gives nothing."""
    found: Any = source
    for name in atom.path.split(".")[1:]:
        found = found.get(name) if isinstance(found, Mapping) else None
    fact = vocabulary(subject)[atom.path]
    if not found and not isinstance(found, bool):
        return None
    if fact.repeated:
        return [str(element).upper() for element in found]
    if fact.type == "bool":
        return bool(found)
    return ("YES" if found else "NO") if isinstance(found, bool) else str(found).upper()


def _false(atom: Atom, path: str, given: Any) -> str:
    """Return the atom as a condition that is false for what is given, with the guard that the service has too."""
    names = ", ".join(f'"{name}"' for name in atom.values)
    if isinstance(given, list):
        test, holds = (f"{names} in {path}", atom.values[0] in given) if atom.values else (f"size({path}) > 0", True)
    elif isinstance(given, bool):
        test, holds = path, given
    else:
        test, holds = (f"{path} in [{names}]", given in atom.values) if atom.values else (f'{path} != ""', True)
    if given is None:
        return f"has({path}) && {test}"
    return f"has({path}) && !({test})" if holds else f"has({path}) && {test}"
