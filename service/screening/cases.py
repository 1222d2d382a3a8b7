"""Labelled cases: what a question should be answered, and whether it is.

A case has `id`, `rpc`, `as_of`, `facts` in the words of the forms, `expected`, and optionally `name` (a sentence),
`per_category` and `obligations`. The listed obligations must be among those produced (ruling 22). Cases stand one JSON
object a line, or under `cases:` in a YAML file beside the law that they hold to (`x.test.yaml`), where `given:` holds what
the cases of the file share.

A case in YAML may name the rules that must be among those that decide (`decided_by`), and near cases (`near`): the same
question with one fact or the day different, with a label of its own, which those rules must not decide.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from city.screening.v1 import decision_pb2, information_request_facts_pb2
from screening_client.forms import FormError, employment_request, information_request

from screening import screen
from screening.bundle import Bundle
from screening.errors import CallError, DataFileError
from screening.transport import convert
from screening.yamlfile import Entry, parse

_MAKE: dict[str, Callable[[Mapping[str, Any]], screen.Request]] = {
    "ScreenEmployment": employment_request,
    "ScreenInformationRequest": information_request,
}
_NEEDED = {"id", "rpc", "as_of", "facts", "expected"}
_LABELS = {"expected", "per_category", "obligations", "decided_by"}
_NOTES = {"name", "per_category", "obligations", "citations", "why", "source", "confidence"}
OUTCOME: dict[int, str] = {number: name.removeprefix("OUTCOME_") for name, number in decision_pb2.Outcome.items()}
CATEGORY: dict[int, str] = {
    number: name.removeprefix("DATA_CATEGORY_").lower()
    for name, number in information_request_facts_pb2.DataCategory.items()
}


@dataclass(frozen=True)
class Case:
    """One labelled question."""

    id: str
    name: str
    rpc: str
    as_of: date
    facts: Mapping[str, Any]
    expected: str
    per_category: Mapping[str, str]
    obligations: tuple[str, ...]
    decided_by: tuple[str, ...]
    """Ids of rules that must be among those that decide."""
    not_decided_by: tuple[str, ...]
    """Ids of rules that must not be."""
    file: str
    line: int

    def accepts(self, rules: Collection[str]) -> bool:
        """Say whether the deciding rules are as the label says, as far as it speaks of them."""
        return set(self.decided_by) <= set(rules) and not set(self.not_decided_by) & set(rules)

    def asked(self) -> screen.Asked:
        """Return the question as a service would take it. Raises FormError, CallError."""
        request = _MAKE[self.rpc](self.facts)
        return convert.ask(request, today=self.as_of, rpc=self.rpc, caller="case", trace_id="")


@dataclass(frozen=True)
class Result:
    """How one case came out. `got` is ERROR where the question was not accepted."""

    case: Case
    got: str
    per_category_ok: bool
    obligations_missing: tuple[str, ...]
    rules: tuple[str, ...]
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Say whether outcome, categories, listed obligations and named rules all hold."""
        right = self.got == self.case.expected and self.case.accepts(self.rules)
        return right and self.per_category_ok and not self.obligations_missing


def read(text: str, file: str) -> list[Case]:
    """Read the cases of one file: JSON lines if its name ends so, else YAML. Raises DataFileError."""
    if file.endswith(".jsonl"):
        return [_case(_object(line, file, number)) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    document = parse(text, file).only({"given", "cases"})
    given = document.get("given", Entry())
    if not isinstance(given, Entry) or not isinstance(given.get("facts", {}), dict):
        raise document.fail("'given' is not a mapping", "Write given: with rpc, as_of or facts below it")
    given.only({"rpc", "as_of", "facts"})
    found: list[Case] = []
    for entry in document.entries("cases"):
        whole = _with(given, entry.only(_NEEDED | _NOTES | {"decided_by", "near"}))
        found += [_case(whole), *(_near(whole, near, number) for number, near in enumerate(entry.entries("near"), 1))]
    return found


def _near(whole: Entry, near: Entry, number: int) -> Case:
    """Return a near case: the same question with one fact or the day different, not decided by the same rules."""
    near.only({"as_of", "facts", "name", *_LABELS})
    facts = near.get("facts", {})
    if not isinstance(facts, dict) or len(facts) + ("as_of" in near) != 1:
        raise near.fail(
            "a near case has not exactly one fact, or the day, different", "Write facts: with one, or as_of:"
        )
    rest = {key: value for key, value in whole.items() if key not in _LABELS | {"name"}}
    made = _with(Entry(rest), Entry({**near, "id": f"{whole['id']}/{number}"}))
    made.file, made.line = near.file, near.line
    return replace(_case(made), not_decided_by=whole.texts("decided_by"))


def _with(given: Entry, entry: Entry) -> Entry:
    """Return a case with what is given for the whole file; a fact that the case sets to null is not given."""
    whole = Entry({**given, **entry})
    whole.file, whole.line = entry.file, entry.line
    if isinstance(own := entry.get("facts", {}), dict):
        facts = {**given.get("facts", {}), **own}
        whole["facts"] = {name: value for name, value in facts.items() if value is not None}
    return whole


def _object(line: str, file: str, number: int) -> Entry:
    try:
        given = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataFileError(
            file, number, f"the line is not JSON: {error.msg}", "Write one JSON object a line"
        ) from None
    entry = Entry(given if isinstance(given, dict) else {})
    entry.file, entry.line = file, number
    return entry


def _case(entry: Entry) -> Case:
    if not entry.keys() >= _NEEDED:
        raise entry.fail("a case needs id, rpc, as_of, facts and expected", "Add what is missing")
    if entry["rpc"] not in _MAKE:
        raise entry.fail("the rpc is unknown", f"Use one of: {', '.join(_MAKE)}")
    for key in ("facts", "per_category"):
        if not isinstance(entry.get(key) or {}, dict):
            raise entry.fail(f"'{key}' is not a mapping", f"Write {key}: and one line for each below it")
    return Case(
        id=str(entry["id"]),
        name=str(entry.get("name", "")),
        rpc=entry["rpc"],
        as_of=_day(entry),
        facts=entry["facts"],
        expected=str(entry["expected"]),
        per_category=entry.get("per_category") or {},
        obligations=entry.texts("obligations") if entry.get("obligations") else (),
        decided_by=entry.texts("decided_by"),
        not_decided_by=(),
        file=entry.file,
        line=entry.line,
    )


def _day(entry: Entry) -> date:
    try:
        return date.fromisoformat(str(entry["as_of"]))
    except ValueError:
        raise entry.fail("'as_of' is not a date", "Write it as 2018-01-01") from None


def run(cases: Iterable[Case], bundle: Bundle) -> list[Result]:
    """Run cases against a bundle."""
    return [run_case(case, bundle) for case in cases]


def run_case(case: Case, bundle: Bundle) -> Result:
    """Run one case. A question that is not accepted is a result too."""
    try:
        decision = screen.decide(case.asked().request, bundle, case.as_of, _untimed)
    except (FormError, CallError) as error:
        return Result(case, "ERROR", per_category_ok=False, obligations_missing=(), rules=(), problem=str(error))
    released = {CATEGORY[release.category]: OUTCOME[release.outcome] for release in decision.releases}
    produced = {obligation.token for obligation in decision.obligations}
    return Result(
        case,
        got=OUTCOME[decision.outcome],
        per_category_ok=all(released.get(category) == outcome for category, outcome in case.per_category.items()),
        obligations_missing=tuple(token for token in case.obligations if token not in produced),
        rules=tuple(reason.rule_id for reason in decision.reasons if reason.decisive),
    )


def _untimed(stage: str) -> None:
    """Take no time."""
