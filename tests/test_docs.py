"""Every setting, error reason, metric, command and folder in the documents exists, and every one that exists is in them."""

import re
from dataclasses import fields
from pathlib import Path

import typer
from city.screening.v1 import error_reason_pb2
from screening.cli.app import app
from screening.config import Settings
from screening.telemetry.attributes import METRICS

ROOT = Path(__file__).parents[1]
DOCUMENTS = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in ROOT.rglob("*.md")
    if not {".venv", "build", "node_modules", ".git"} & set(path.relative_to(ROOT).parts)
}


def rows(document: str, pattern: str) -> set[str]:
    """Return the first cells of a document's tables that match a pattern."""
    return set(re.findall(rf"^\| ({pattern}) \|", DOCUMENTS[document], re.MULTILINE))


def test_every_setting_is_documented_and_none_is_invented() -> None:
    """deploy/README.md and config.py name the same variables."""
    assert rows("deploy/README.md", "(?:SCREENING|OTEL)_[A-Z_]+") == {each.metadata["env"] for each in fields(Settings)}


def test_every_metric_is_documented_and_none_is_invented() -> None:
    """deploy/README.md and attributes.py name the same metrics."""
    assert rows("deploy/README.md", "screening_[a-z_]+") == set(METRICS)


def test_every_error_reason_is_documented_with_an_example() -> None:
    """In the proto file as JSON, and in proto/README.md with what to do."""
    names = {name.removeprefix("ERROR_REASON_") for name in error_reason_pb2.ErrorReason.keys()} - {"UNSPECIFIED"}  # noqa: SIM118
    assert rows("proto/README.md", "[A-Z_]+") == names
    proto = (ROOT / "proto/city/screening/v1/error_reason.proto").read_text(encoding="utf-8")
    assert set(re.findall(r'"reason": "([A-Z_]+)"', proto)) == names


def test_every_command_in_a_document_exists() -> None:
    """`screening …` is never followed by a verb that is not there."""
    group = typer.main.get_command(app)
    verbs = {name: getattr(command, "commands", {}) for name, command in group.commands.items()}  # type: ignore[attr-defined]
    for document, text in DOCUMENTS.items():
        for verb, inner in re.findall(r"(?:^|`|/)screening ([a-z]+)(?: ([a-z]+))?", text, re.MULTILINE):
            assert verb in verbs, (document, verb)
            if verbs[verb]:
                assert inner in verbs[verb], (document, verb, inner)


def test_every_make_target_in_a_document_exists() -> None:
    """`make …` names a target of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for document, text in DOCUMENTS.items():
        for words in re.findall(r"(?:^|`)make ((?:[a-z-]+ ?)+)", text, re.MULTILINE):
            assert set(words.split()) <= targets, (document, words)


def test_every_link_in_a_document_leads_somewhere() -> None:
    """Relative links name files that exist."""
    for document, text in DOCUMENTS.items():
        for link in re.findall(r"\]\((?!http)([^)#]+)\)", text):
            assert (ROOT / document).parent.joinpath(link).exists(), (document, link)


def test_every_folder_of_ours_says_what_may_live_there() -> None:
    """A short README in each folder that people open."""
    folders = "proto service service/adr service/screening/laws service/screening/registry service/screening/lexicon service/screening/decisionlog service/screening/names clients clients/python clients/samples deploy bench tests tests/cases requirements"
    assert [folder for folder in folders.split() if f"{folder}/README.md" not in DOCUMENTS] == []
