"""Labelled cases: what a question should be answered, and whether it is.

A case is one JSON object: `id`, `rpc`, `as_of`, `facts` in the words of the forms, `expected`, and optionally
`per_category` and `obligations`. The listed obligations must be among those produced (ruling 22).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from city.screening.v1 import decision_pb2, information_request_facts_pb2
from screening_client.forms import FormError, employment_request, information_request

from screening import screen
from screening.bundle import Bundle
from screening.errors import CallError
from screening.transport import convert

_OUTCOME = {number: name.removeprefix("OUTCOME_") for name, number in decision_pb2.Outcome.items()}
_CATEGORY = {
    number: name.removeprefix("DATA_CATEGORY_").lower()
    for name, number in information_request_facts_pb2.DataCategory.items()
}


@dataclass(frozen=True)
class Result:
    """How one case came out. `got` is ERROR where the question was not accepted."""

    id: str
    expected: str
    got: str
    per_category_ok: bool
    obligations_missing: tuple[str, ...]
    rules: tuple[str, ...]
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Say whether outcome, categories and listed obligations all hold."""
        return self.got == self.expected and self.per_category_ok and not self.obligations_missing


def run(lines: Iterable[str], bundle: Bundle) -> list[Result]:
    """Run the cases of a JSON-lines file against a bundle."""
    return [run_case(json.loads(line), bundle) for line in lines if line.strip()]


def run_case(case: Mapping[str, Any], bundle: Bundle) -> Result:
    """Run one case. A question that is not accepted is a result too."""
    day = date.fromisoformat(case["as_of"])
    make = employment_request if case["rpc"] == "ScreenEmployment" else information_request
    try:
        request = make(case["facts"])
        asked = convert.ask(request, today=day, rpc=case["rpc"], caller="case", trace_id="")
        decision = screen.decide(asked.request, bundle, day, _untimed)
    except (FormError, CallError) as error:
        return Result(
            case["id"],
            case["expected"],
            "ERROR",
            per_category_ok=False,
            obligations_missing=(),
            rules=(),
            problem=str(error),
        )
    released = {_CATEGORY[release.category]: _OUTCOME[release.outcome] for release in decision.releases}
    wanted = case.get("per_category") or {}
    produced = {obligation.token for obligation in decision.obligations}
    return Result(
        id=case["id"],
        expected=case["expected"],
        got=_OUTCOME[decision.outcome],
        per_category_ok=all(released.get(category) == outcome for category, outcome in wanted.items()),
        obligations_missing=tuple(token for token in case.get("obligations", ()) if token not in produced),
        rules=tuple(reason.rule_id for reason in decision.reasons if reason.decisive),
    )


def _untimed(stage: str) -> None:
    """Take no time."""
