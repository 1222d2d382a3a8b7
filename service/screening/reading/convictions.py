"""Whether state law permits notification or transfer, by the person's convictions (Cal. Gov. Code 7282.5).

| clause | trigger | look-back | notification | transfer |
| --- | --- | --- | --- | --- |
| (a)(1) | serious or violent felony | none | yes | yes |
| (a)(2) | felony punishable by state prison | none | yes | yes |
| (a)(3) | listed offence, misdemeanour | 5 years | yes | yes |
| (a)(3) | listed offence, felony | 15 years | yes | yes |
| (a)(4) | current registrant | current | yes | yes |
| (a)(5) | federal aggravated felony, or outstanding federal felony warrant | none | yes | yes |
| (a)(6) | reduced by Proposition 47 | - | no | no |
| (b) | magistrate's finding of probable cause on a serious or violent charge | current | yes | no |
"""

from datetime import date
from typing import TypeAlias

from city.screening.v1 import employment_facts_pb2, information_request_facts_pb2

from screening.reading.lexicon import Lexicon

Answer: TypeAlias = employment_facts_pb2.Answer.ValueType
YES = employment_facts_pb2.ANSWER_YES
NO = employment_facts_pb2.ANSWER_NO
UNKNOWN = employment_facts_pb2.ANSWER_UNKNOWN

FELONY = information_request_facts_pb2.OFFENSE_LEVEL_FELONY
MISDEMEANOR = information_request_facts_pb2.OFFENSE_LEVEL_MISDEMEANOR
INFRACTION = information_request_facts_pb2.OFFENSE_LEVEL_INFRACTION

RECENT_YEARS = 5
"""Years for which New York City and New Jersey take a conviction for recent."""
_YEARS = {FELONY: 15, MISDEMEANOR: 5}
_VIOLENT = ("SERIOUS", "VIOLENT")
"""The clauses whose offences New York City, New Jersey and San Francisco take for violent or serious."""


def permits(
    facts: information_request_facts_pb2.InformationRequestFacts, lexicon: Lexicon, as_of: date
) -> tuple[Answer, Answer]:
    """Return whether state law permits notification and transfer, as YES, NO or UNKNOWN."""
    answers = [_qualifies(conviction, lexicon, as_of) for conviction in facts.convictions]
    convicted = YES if YES in answers else UNKNOWN if UNKNOWN in answers else NO
    charged = _charge(facts, lexicon)
    return (YES if YES in (convicted, charged) else UNKNOWN if UNKNOWN in (convicted, charged) else NO), convicted


def serious(
    facts: information_request_facts_pb2.InformationRequestFacts, lexicon: Lexicon, since: date = date.min
) -> Answer:
    """Return whether a serious or violent felony was convicted after a day, as YES, NO or UNKNOWN."""
    if not facts.convictions:
        return NO
    answers = [_serious(conviction, lexicon, since) for conviction in facts.convictions]
    return YES if YES in answers else UNKNOWN if UNKNOWN in answers else NO


def _serious(conviction: information_request_facts_pb2.Conviction, lexicon: Lexicon, since: date) -> Answer:
    if conviction.prop47_reduced or conviction.level in (MISDEMEANOR, INFRACTION):
        return NO
    named = conviction.serious_or_violent or _clause(conviction.offense, lexicon) in _VIOLENT
    if not named:
        return UNKNOWN if conviction.level == FELONY else NO
    if since == date.min:
        return YES
    if not conviction.HasField("date"):
        return UNKNOWN
    return YES if _day(conviction) > since else NO


def serious_charge(facts: information_request_facts_pb2.InformationRequestFacts, lexicon: Lexicon) -> Answer:
    """Return whether the current charge is of a serious or violent felony, as YES, NO or UNKNOWN."""
    if not facts.charge or _lesser(facts.charge, lexicon):
        return NO
    return {"SERIOUS": YES, "VIOLENT": YES, "LISTED": NO, "LISTED_FELONY": NO}.get(
        _clause(facts.charge, lexicon), UNKNOWN
    )


def _charge(facts: information_request_facts_pb2.InformationRequestFacts, lexicon: Lexicon) -> Answer:
    if not facts.magistrate_probable_cause or _lesser(facts.charge, lexicon):
        return NO
    return {"SERIOUS": YES, "NOT_LISTED": UNKNOWN}.get(_clause(facts.charge, lexicon), UNKNOWN)


def _lesser(charge: str, lexicon: Lexicon) -> bool:
    """Say whether the words name a misdemeanour or an infraction, which subdivision (b) does not reach."""
    return "lesser" in lexicon.read("conviction", {"charge": [charge]})


def _clause(offense: str, lexicon: Lexicon) -> str:
    found = lexicon.read("conviction", {"offense": [offense]})
    return found["clause"].value if "clause" in found else ""


def _qualifies(conviction: information_request_facts_pb2.Conviction, lexicon: Lexicon, as_of: date) -> Answer:
    if conviction.prop47_reduced or conviction.level == INFRACTION:
        return NO
    if conviction.serious_or_violent or conviction.state_prison:
        return YES
    if conviction.HasField("look_back"):
        return YES if conviction.look_back else NO
    return _by_clause(_clause(conviction.offense, lexicon), conviction, as_of)


def _by_clause(clause: str, conviction: information_request_facts_pb2.Conviction, as_of: date) -> Answer:
    """Apply the clause that the words of the offence name. A felony outside the list may be one of (a)(2)."""
    misdemeanor = conviction.level == MISDEMEANOR
    match clause:
        case "EXCLUDED":
            return NO
        case "WARRANT" | "REGISTRANT" | "AGGRAVATED":
            return YES
        case "SERIOUS" if conviction.level == FELONY:
            return YES
        case "SERIOUS" | "VIOLENT" | "LISTED":
            return _looks_back(conviction, as_of)
        case "LISTED_FELONY" if not misdemeanor:
            return _looks_back(conviction, as_of)
        case _:
            return NO if misdemeanor else UNKNOWN


def _looks_back(conviction: information_request_facts_pb2.Conviction, as_of: date) -> Answer:
    if conviction.level not in _YEARS or not conviction.HasField("date"):
        return UNKNOWN
    if _day(conviction) > years_before(as_of, _YEARS[conviction.level]):
        return YES
    if conviction.HasField("state_prison"):  # said not to be punishable so, or it would have qualified before
        return NO
    return NO if conviction.level == MISDEMEANOR else UNKNOWN  # an old felony may be one of state prison, (a)(2)


def _day(conviction: information_request_facts_pb2.Conviction) -> date:
    return date(conviction.date.year, conviction.date.month, conviction.date.day)


def years_before(day: date, years: int) -> date:
    """Return the civil day `years` earlier; 29 February becomes 28 February in a common year."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return date(day.year - years, 2, 28)
