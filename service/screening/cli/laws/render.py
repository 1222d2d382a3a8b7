"""`screening laws render`: a pack as a document to read and to sign, grouped by statute."""

import os
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from city.screening.v1 import decision_pb2

from screening import config
from screening.cli.laws import page
from screening.cli.laws.page import Block
from screening.policy.law import Pack
from screening.policy.rule import SUBJECTS, Period, Rule
from screening.wiring import bundle_root, read_bundle
from screening.yamlfile import Entry, parse

_CONNECTIVES = {"any": "at least one of", "every": "all of", "none": "none of"}
_PROVENANCE = {
    decision_pb2.PROVENANCE_TEXT: "the official text was seen",
    decision_pb2.PROVENANCE_TEXT_PARTIAL: "the official text was seen in part",
    decision_pb2.PROVENANCE_SECONDARY: "a secondary source, to be verified",
    decision_pb2.PROVENANCE_MEMORY: "memory or a provisional ruling, to be verified",
}


class Form(StrEnum):
    """How the document is written."""

    MARKDOWN = "markdown"
    HTML = "html"


def render(
    pack: Annotated[str, typer.Option(help="The pack to write out")] = "la_city",
    form: Annotated[Form, typer.Option(help="How the document is written")] = Form.MARKDOWN,
) -> None:
    """Write a whole pack as one document: every rule with its words, citation, dates, condition and duties."""
    settings = config.from_environ(os.environ)
    bundle = read_bundle(settings)
    if pack not in bundle.law.packs:
        raise typer.BadParameter(f"there is no pack '{pack}'; use one of: {', '.join(bundle.law.packs)}")
    chosen = bundle.law.packs[pack]
    blocks = [
        Block.heading(1, chosen.title),
        Block.text(f"Pack {chosen.id}, bundle {bundle.revision}."),
        *_document(chosen, _files(bundle_root(settings) / "laws", chosen), bundle.law.obligations),
    ]
    typer.echo(page.html(blocks) if form is Form.HTML else page.markdown(blocks))


def _files(root: Path, pack: Pack) -> list[Entry]:
    paths = [path for folder in pack.folders for path in sorted((root / folder).glob("*.yaml"))]
    return [
        parse(path.read_text(encoding="utf-8"), path.relative_to(root).as_posix())
        for path in paths
        if not path.name.endswith((".test.yaml", "invariants.yaml"))
    ]


def _document(pack: Pack, documents: list[Entry], words: Mapping[str, str]) -> Iterator[Block]:
    terms = {
        subject: {
            term.text("term"): term.text("means")
            for document in documents
            if document["subject"] == subject
            for term in document.entries("terms")
        }
        for subject in SUBJECTS
    }
    rules = {rule.id: rule for rule in pack.rules}
    for document in documents:
        if "source" not in document:
            continue
        head: Entry = document["source"]
        meanings = terms[document["subject"]]
        yield Block.heading(2, f"{head.text('title')} ({head.text('citation')})")
        yield Block.text(f"Layer {head['layer']}; file {document.file}.")
        if "preamble" in document:
            yield Block.text(document.text("preamble"))
        if "binds" in document:
            yield Block.text("All of this file binds only where:")
            yield from _condition(document["binds"], meanings, 0)
        for entry in document.entries("rules"):
            yield from _rule(rules[f"{head['id']}.{entry['id']}"], entry, meanings, rules)
            yield from (Block.text(f"Duty: {words[token]}") for token in entry.texts("obligations"))
        for entry in document.entries("duties"):
            yield Block.heading(3, f"Duty {entry['id']}")
            yield from _condition(entry["when"], meanings, 0)
            yield from (Block.text(f"Duty: {words[token]}") for token in entry.texts("obligations"))


def _rule(rule: Rule, entry: Entry, meanings: dict[str, str], rules: Mapping[str, Rule]) -> Iterator[Block]:
    yield Block.heading(3, rule.sentence)
    outcome, proven = entry.get("outcome", "Displaces"), _PROVENANCE[rule.provenance]
    yield Block.text(
        f"{outcome}. {rule.citation}. Provenance: {proven}. {_dates(rule.in_force)} Rank {rule.rank.name}."
    )
    for period in rule.suspended:
        yield Block.text(f"Suspended: {_dates(period)}")
    yield from _condition(entry["when"], meanings, 0)
    for other in rule.exception_to:
        yield Block.text(f"Exception to: {rules[other].sentence}")


def _dates(period: Period) -> str:
    start, end = period.start, period.end
    return f"In force {f'from {start}' if start else 'from the beginning'}{f', until before {end}' if end else ''}."


def _condition(given: object, meanings: dict[str, str], depth: int) -> Iterator[Block]:
    """Write a condition as a list; a term is said by its meaning, so that nobody must know its name."""
    if isinstance(given, list):
        for part in given:
            yield from _condition(part, meanings, depth)
    elif isinstance(given, str):
        yield Block.item(depth, given)
    elif isinstance(given, Entry):
        [(connective, value)] = given.items()
        if connective in _CONNECTIVES:
            yield Block.item(depth, f"{_CONNECTIVES[connective]}:")
            yield from _condition(value, meanings, depth + 1)
        else:
            yield Block.item(depth, f"{'' if connective == 'is' else 'not: '}{meanings[value]}")
