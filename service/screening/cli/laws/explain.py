"""`screening laws explain`: why a question is answered as it is, rule by rule."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from city.screening.v1 import decision_pb2
from screening_client import FormError, employment_request, information_request

from screening import clock, config, screen
from screening.bundle import Bundle
from screening.cli.laws.words import Words, place_of
from screening.cli.render import WORDS, category_name
from screening.errors import CallError, InvalidField
from screening.policy.condition import Condition
from screening.policy.evaluate import Finding, strictest
from screening.policy.explanation import Account, Standing, accounts
from screening.policy.rule import OUTCOMES
from screening.screen import Question
from screening.transport import convert
from screening.wiring import read_bundle

_OUTCOME = {number: name for name, number in OUTCOMES.items()}
_ABOUT = frozenset({"facts.request_kind", "item.category"})
"""Facts that make a question another question."""
_NEAR = 1
"""A rule is near where so many facts would have to be different."""


class Audience(StrEnum):
    """For whom the answer is explained."""

    CLERK = "clerk"
    COUNSEL = "counsel"
    PUBLIC = "public"


class Part(NamedTuple):
    """One part of a question, with the account of every rule of its pack."""

    name: str
    finding: Finding
    accounts: Sequence[Account]
    words: Words

    def of(self, *standings: Standing) -> list[Account]:
        """Return the accounts of rules that stand so."""
        return [each for each in self.accounts if each.standing in standings]

    def near(self) -> list[Account]:
        """Return the accounts of rules that lack one fact and with which the answer would be another."""
        lacking = self.of(Standing.DIFFERS)
        return [
            each for each in lacking if each.counts and len(each.differing) <= _NEAR and not each.differing & _ABOUT
        ]


def explain(
    file: Annotated[Path, typer.Argument(help="JSON with one form or case, or a list of them", metavar="REQUEST")],
    audience: Annotated[Audience, typer.Option("--for", help="For whom: how much is said, and how")] = Audience.CLERK,
) -> None:
    """Say which rules applied, and which did not for which missing or differing fact; exit 1 if one is not decided."""
    bundle = read_bundle(config.from_environ(os.environ))
    failed = False
    for form in _forms(file):
        try:
            lines = list(_explained(form, bundle, audience))
        except FormError as error:
            lines, failed = [f"NOT DECIDED: {error}"], True
        except InvalidField as error:
            wrong = "; ".join(f"{each.field} {each.expected}" for each in error.violations)
            lines, failed = [f"NOT DECIDED: {wrong}"], True
        except CallError:
            lines, failed = ["NOT DECIDED: the form cannot be decided"], True
        typer.echo("\n".join([*lines, ""]))
    raise typer.Exit(1 if failed else 0)


def _forms(file: Path) -> list[Mapping[str, Any]]:
    try:
        given = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        raise typer.BadParameter(f"{file} cannot be read as JSON") from None
    forms = given if isinstance(given, list) else [given]
    if not forms or not all(isinstance(form, dict) for form in forms):
        raise typer.BadParameter(f"{file} must hold one JSON object, or a list of them")
    return forms


def _request(form: Mapping[str, Any]) -> screen.Request:
    """Make a request of a form, or of a case with its facts and its day. Raises FormError."""
    facts = form.get("facts")
    given = {"as_of": form.get("as_of"), **facts} if isinstance(facts, dict) else form
    given = {name: value for name, value in given.items() if name != "title"}
    return employment_request(given) if "employee_class" in given else information_request(given)


def _explained(form: Mapping[str, Any], bundle: Bundle, audience: Audience) -> Iterator[str]:
    asked = convert.ask(_request(form), today=clock.today(), rpc="local", caller="local", trace_id="")
    decision = screen.decide(asked.request, bundle, asked.as_of, lambda _: None)
    name, meaning, _ = WORDS[decision.outcome]
    yield f"{form.get('title') or form.get('name') or form.get('id') or 'The question'}: {name}. {meaning}"
    yield f"Law of {asked.as_of}, pack {decision.policy_pack}."
    for missing in decision.missing_facts:
        yield f"To decide, find out: {missing.question or missing.field}"
    parts = list(_parts(screen.question(asked.request, bundle, asked.as_of), bundle))
    for part in parts:
        yield ""
        if len(parts) > 1 or part.name != "the act itself":
            yield f"{part.name}: {_OUTCOME[part.finding.ruling.outcome]}"
        yield from _TELL[audience](part)
    yield from _closing(decision, audience)


def _parts(question: Question, bundle: Bundle) -> Iterator[Part]:
    pack = screen.pack_of(bundle, question.pack)
    docket = pack.in_force(question.subject, question.as_of).docket(question.facts)
    every = pack.on_every_day(question.subject)
    every_docket = every.docket(type(question.facts)())
    codes, parts = question.heard(docket)
    every_codes, every_parts = question.heard(every_docket)
    meanings: Mapping[Condition, str] = pack.terms[question.subject].meanings()
    for place, part in enumerate(parts):
        findings = [docket.finding(code, part) for code in codes]
        finding = strictest(findings)
        reading = findings.index(finding)
        by_atom = every_docket.by_atom(every_codes[reading], every_parts[place])
        yield Part(
            category_name(part[0]),  # type: ignore[arg-type]  # the number of an enum value
            finding,
            accounts(finding, every.rules, by_atom, question.as_of, meanings),
            Words(question, reading, place, meanings),
        )


def _for_clerk(part: Part) -> Iterator[str]:
    yield from _deciding(part)
    yield from _listed("May hold, too, once more is known:", part, Standing.UNSETTLED, part.words.unmet)
    if near := part.near():
        yield "Does not hold, and would change the answer; one fact is different:"
        for each in near:
            yield f"  - {_said(each)}"
            yield from (f"      {sentence}" for sentence in part.words.unmet(each))


def _for_public(part: Part) -> Iterator[str]:
    yield from _deciding(part)
    for each in part.of(Standing.UNSETTLED):
        yield f"  - Not known to hold: {_said(each)} ({'; '.join(part.words.unmet(each))})"
    for each in part.near():
        yield f"  - Does not hold here: {_said(each)} ({'; '.join(part.words.unmet(each))})"


def _for_counsel(part: Part) -> Iterator[str]:
    def place(each: Account) -> list[str]:
        rule = each.rule
        answer = "displaces" if rule.outcome is None else _OUTCOME[rule.outcome]
        provenance = decision_pb2.Provenance.Name(rule.provenance).removeprefix("PROVENANCE_").lower()
        return [
            f"{rule.id} ({place_of(rule)}), {answer}, rank {rule.rank.name}, provenance {provenance}",
            *(f"set aside by {other.id}: {other.sentence}" for other in each.exceptions),
            *(f"does not hold: {meaning}" for meaning in part.words.terms(each)),
            *part.words.unmet(each),
        ]

    if not part.of(Standing.DECIDES):
        yield from _deciding(part)
    for standing, words in _HEADINGS.items():
        yield from _listed(words, part, standing, place)


_HEADINGS = {
    Standing.DECIDES: "Gave the answer:",
    Standing.AGREES: "Hold too, and were not decisive:",
    Standing.DISPLACED: "Would hold, but are set aside by an exception:",
    Standing.UNSETTLED: "May hold; a fact is missing:",
    Standing.NOT_IN_FORCE: "Would hold, but do not bind on that day:",
    Standing.DIFFERS: "Do not hold; those that lack least come first:",
}
_TELL = {Audience.CLERK: _for_clerk, Audience.COUNSEL: _for_counsel, Audience.PUBLIC: _for_public}


def _deciding(part: Part) -> Iterator[str]:
    deciding = part.of(Standing.DECIDES)
    yield "Because:"
    yield from (f"  - {_said(each)}" for each in deciding)
    if not deciding:
        yield (
            "  - What is known could lead to different answers."
            if part.finding.ruling.unsettled
            else "  - No rule in force says what holds for this unit, request and day, so a person decides."
        )


def _said(account: Account) -> str:
    return f"{account.rule.sentence} [{account.rule.citation}]"


def _listed(heading: str, part: Part, standing: Standing, notes: Callable[[Account], list[str]]) -> Iterator[str]:
    found = part.of(standing)
    if found:
        yield heading
    for each in found:
        yield f"  - {_said(each)}"
        yield from (f"      {note}" for note in notes(each))


def _closing(decision: decision_pb2.Decision, audience: Audience) -> Iterator[str]:
    yield ""
    if decision.obligations and audience is not Audience.PUBLIC:
        yield "Do:"
        yield from (f"  - {each.text} [{each.citation}]" for each in decision.obligations)
    if decision.needs_verification:
        yield "It rests on text that counsel has not checked against the official source yet."
    yield "An explanation, not a decision: nothing was recorded, and nothing may be acted on."
