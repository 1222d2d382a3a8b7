"""The law of all packs, by civil day."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import lru_cache

from screening.errors import DataFileError
from screening.policy.evaluate import LawInForce
from screening.policy.load import Draft, load
from screening.policy.rule import NOTICE, SUBJECTS, Duty, Period, Rule
from screening.yamlfile import Entry, parse


class Pack:
    """The rules and duties of one pack, over all time."""

    def __init__(self, id: str, title: str, folders: tuple[str, ...], draft: Draft) -> None:  # noqa: A002  # the field's own word
        self.id = id
        self.title = title
        self.folders = folders
        self.terms = draft.terms
        self.rules: tuple[Rule, ...] = tuple(draft.rules.values())
        self.duties: tuple[Duty, ...] = tuple(draft.duties.values())
        changes = {day for period in self._periods() for day in (period.start, period.end) if day}
        self._changes = sorted(changes | {day - NOTICE for day in changes if day > date.min + NOTICE})
        self._between: Callable[[str, int], LawInForce] = lru_cache(maxsize=None)(self._in_force)
        self._on_every_day: Callable[[str], LawInForce] = lru_cache(maxsize=None)(self._whole)

    def in_force(self, subject: str, day: date) -> LawInForce:
        """Return the law of a subject (`employment` or `information_request`) on a civil day in Los Angeles."""
        return self._between(subject, bisect_right(self._changes, day))

    def prepare(self, before: "Pack", day: date) -> Iterator[None]:
        """Compile, one at a step, what the pack `before` has compiled for a day, so that no question waits for it."""
        for subject in SUBJECTS:
            for kind in before.in_force(subject, day).compiled:
                self.in_force(subject, day).docket_of(kind)
                yield

    def on_every_day(self, subject: str) -> LawInForce:
        """Return the rules and duties of a subject whatever their days, to see what would bear on a question when."""
        return self._on_every_day(subject)

    def days(self) -> list[date]:
        """Return the first day of each stretch of time over which the law is the same, the earliest included."""
        return [date.min, *self._changes]

    def _in_force(self, subject: str, interval: int) -> LawInForce:
        day = self.days()[interval]
        return LawInForce(
            subject,
            [rule for rule in self.rules if rule.subject == subject and rule.binds(day)],
            [duty for duty in self.duties if duty.subject == subject and duty.binds(day)],
            {rule: start for rule in self.rules if rule.subject == subject and (start := rule.comes(day))},
        )

    def _whole(self, subject: str) -> LawInForce:
        return LawInForce(
            subject,
            [rule for rule in self.rules if rule.subject == subject],
            [duty for duty in self.duties if duty.subject == subject],
        )

    def _periods(self) -> list[Period]:
        provisions: list[Rule | Duty] = [*self.rules, *self.duties]
        found = [provision.in_force for provision in provisions]
        return found + [period for rule in self.rules for period in rule.suspended]


class Law:
    """All packs, the duties' words and the questions to ask for missing facts."""

    def __init__(self, files: Mapping[str, str], settings: Mapping[str, date | None]) -> None:
        """Load the law from file texts by path, such as `us_ca/gov_7284_6.yaml`. Raises DataFileError."""
        self.obligations = _table(files, "obligations.yaml")
        lines = enumerate(files["obligations.yaml"].splitlines(), 1)
        self.obligation_lines = {line.partition(":")[0]: number for number, line in lines}
        """Where the words of each obligation stand, by token."""
        self.questions = _table(files, "questions.yaml")
        documents = {path: parse(text, path) for path, text in sorted(files.items())}
        heads = [head for path, head in documents.items() if path.startswith("packs/")]
        packs = [_pack(head, documents, settings, self.obligations) for head in heads]
        self.packs = {pack.id: pack for pack in packs}
        if not self.packs:
            raise DataFileError("packs/", 1, "there is no pack", "Add at least one file to packs/")

    def prepare(self, before: "Law", day: date) -> Iterator[None]:
        """Compile, one at a step, what the law `before` has compiled for a day."""
        for name, pack in self.packs.items():
            if name in before.packs:
                yield from pack.prepare(before.packs[name], day)


def _pack(
    head: Entry, documents: Mapping[str, Entry], settings: Mapping[str, date | None], tokens: Mapping[str, str]
) -> Pack:
    chosen: list[Entry] = []
    for folder in head.only({"id", "title", "folders"}).texts("folders"):
        found = [document for path, document in documents.items() if path.startswith(f"{folder}/")]
        if not found:
            raise head.fail(f"the folder '{folder}' has no law file", "Name a folder beside packs/")
        chosen += found
    draft = load(chosen, settings, tokens)
    if not all(any(rule.subject == subject for rule in draft.rules.values()) for subject in SUBJECTS[1:]):
        raise head.fail("the pack has no rule on information requests", "Name a folder that has some")
    return Pack(head.text("id"), head.text("title"), head.texts("folders"), draft)


def _table(files: Mapping[str, str], name: str) -> dict[str, str]:
    if name not in files:
        raise DataFileError(name, 1, "the file is missing", "Restore it")
    entry = parse(files[name], name)
    return {key: entry.text(key) for key in entry}
