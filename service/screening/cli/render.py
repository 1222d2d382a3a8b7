"""Decisions as a person would want to read them."""

from city.screening.v1 import decision_pb2, information_request_facts_pb2
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

Decision = decision_pb2.Decision

WORDS = {
    decision_pb2.OUTCOME_ALLOW: ("ALLOW", "It may be done, with the duties below.", "green"),
    decision_pb2.OUTCOME_ALLOW_IN_PART: ("ALLOW IN PART", "Only the released parts may be given.", "yellow"),
    decision_pb2.OUTCOME_APPROVAL_REQUIRED: ("APPROVAL REQUIRED", "Not before a written approval.", "yellow"),
    decision_pb2.OUTCOME_REVIEW: ("REVIEW", "Do nothing; a named person must decide first.", "magenta"),
    decision_pb2.OUTCOME_DENY: ("DENY", "It must not be done.", "red"),
}
"""Each outcome's name, meaning and colour."""

_BASIS = {
    decision_pb2.BASIS_PREVIEW: "PREVIEW of the law of a day to come: not to be acted on.",
    decision_pb2.BASIS_RETROSPECTIVE: "RETROSPECTIVE, the law of a past day: not to be acted on.",
}


def outcome_text(outcome: decision_pb2.Outcome.ValueType) -> Text:
    """Return an outcome's name in its colour."""
    name, _, colour = WORDS.get(outcome, ("DENY", "", "red"))
    return Text(name, style=f"bold {colour}")


def category_name(category: information_request_facts_pb2.DataCategory.ValueType) -> str:
    """Return a category as people write it."""
    if not category:
        return "the act itself"
    return information_request_facts_pb2.DataCategory.Name(category).removeprefix("DATA_CATEGORY_").lower()


def panel(title: str, decision: Decision) -> Panel:
    """Return one decision: outcome, why, citation, obligations, parts, missing facts."""
    name, meaning, colour = WORDS.get(decision.outcome, ("DENY", "The outcome is not known here.", "red"))
    lines: list[RenderableType] = [Text.assemble((name, f"bold {colour}"), f"  {meaning}")]
    if decision.basis in _BASIS:
        lines.append(Text(_BASIS[decision.basis], style="bold magenta"))
    lines += [_reason(reason) for reason in decision.reasons if reason.decisive]
    if decision.missing_facts:
        lines.append(Text("To decide, find out:", style="bold"))
        lines += [
            Text(f"  {missing.question or missing.field}  ({missing.field})") for missing in decision.missing_facts
        ]
    if decision.releases:
        lines.append(_releases(decision))
    if decision.obligations:
        lines.append(Text("Do:", style="bold"))
        lines += [Text(f"  - {obligation.text}") for obligation in decision.obligations]
    lines += [_coming(rule) for rule in decision.coming_rules]
    lines.append(_footer(decision))
    return Panel(Group(*lines), title=Text(title), title_align="left", border_style=colour)


def _reason(reason: decision_pb2.Reason) -> Text:
    return Text.assemble(f"Why: {reason.summary} ", (f"[{reason.citation}]", "dim"))


def _coming(rule: decision_pb2.ComingRule) -> Text:
    day = rule.effective_from
    text = f"From {day.year:04}-{day.month:02}-{day.day:02}: {rule.summary} "
    return Text.assemble((text, "yellow"), (f"[{rule.citation}]", "dim"))


def _releases(decision: Decision) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2))
    for release in decision.releases:
        table.add_row(category_name(release.category), outcome_text(release.outcome))
    return table


def _footer(decision: Decision) -> Text:
    parts = []
    if decision.resolution.entity_name:
        parts.append(f"taken for: {decision.resolution.entity_name}")
    parts += [f"similar to: {candidate.entity_name}" for candidate in decision.resolution.candidates[:1]]
    if decision.needs_verification:
        parts.append("rests on text that counsel has not checked yet")
    day = decision.as_of
    parts.append(f"law of {day.year:04}-{day.month:02}-{day.day:02}, pack {decision.policy_pack}")
    parts.append(f"decision {decision.decision_id}" if decision.decision_id else "not recorded")
    if decision.HasField("receipt"):
        parts.append(f"log index {decision.receipt.log_index}")
    return Text("; ".join(parts), style="dim")


def summary_table(title: str) -> Table:
    """Return an empty table for many decisions."""
    table = Table(title=title, title_justify="left", expand=True)
    table.add_column("key", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    table.add_column("why", ratio=3)
    table.add_column("citation", ratio=2)
    return table


def add_summary(table: Table, key: str, decision: Decision) -> None:
    """Add one decision to the table."""
    reason = main_reason(decision)
    table.add_row(Text(key), outcome_text(decision.outcome), Text(reason.summary), Text(reason.citation))


def main_reason(decision: Decision) -> decision_pb2.Reason:
    """Return the first deciding reason, else the first one."""
    return next(
        (reason for reason in decision.reasons if reason.decisive),
        decision.reasons[0] if decision.reasons else decision_pb2.Reason(),
    )


def console() -> Console:
    """Return the console for people; wide enough for a table where the output is no terminal."""
    made = Console()
    return made if made.is_terminal else Console(width=120)
