"""QUALITY.md and its picture: how good the matching is, and why the thresholds stand where they do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from screening.names.match import NameIndex

from bench.names.corrupt import NameCase
from bench.names.quality import Sums, by_category, total, worst

_WORST = 10
_CURVE = tuple(round(0.74 + 0.02 * step, 2) for step in range(13))
PICTURE = "quality.svg"
_SETS = (
    "`names_dev.tsv` was at hand while the rules were written, so its figures say what is possible, not what to expect.",
    "The other files were written by hand after the rules, with their labels, before they were first run; each was then used",
    "to mend rules and lists, never single names. What they showed at first is the fairest guess at names that nobody here",
    "has seen:",
    "",
    "| set | what it has | precision at first | recall at first | review at first |",
    "| --- | --- | ---: | ---: | ---: |",
    "| names_more.tsv | every kind of corruption | not kept | not kept | not kept |",
    "| names_fresh.tsv | the same, other names | 1.000 | 0.962 | 0.035 |",
    "| names_least.tsv | the bodies that the other sets name least | 0.981 | 0.912 | 0.008 |",
    "| names_context.tsv | names among other words, two slips, Spanish, addresses | 0.954 | 0.873 | 0.031 |",
    "| names_last.tsv | as the two before, after these had been used | 0.985 | 0.970 | 0.025 |",
    "",
    "Three labels of `names_context.tsv` had misread the registry, which has the more specific body (`ICE officer, Los",
    "Angeles` is the field office's alias); they were corrected, and its first figures above count them as wrong matches.",
    "",
    "The generated names come from `bench/names/corrupt.py`, which knows nothing of how names are compared. They were not",
    "untouched by it either: that slips in common words are mended, and what is kept of short words, was decided after reading",
    "which generated names were missed, so their figures are not those of names never seen. Their misspellings are harsher",
    "than people's: two slips in one name, letters left out of short words.",
)
Sets = Mapping[str, Sequence[NameCase]]


def curve(index: NameIndex, cases: Sequence[NameCase]) -> list[tuple[float, Sums]]:
    """Return the sums for each threshold of a match, what a guard leaves and what is near kept as they are below it."""
    found = []
    for match in _CURVE:
        guarded = min(index.thresholds.guarded, match - 0.01)
        at = replace(index.thresholds, match=match, guarded=guarded, near=min(index.thresholds.near, guarded))
        found.append((match, total(index.with_thresholds(at), cases)))
    return found


def draw(points: Sequence[tuple[float, Sums]], chosen: float, file: Path) -> None:
    """Write the curve as a picture; the same figures give the same bytes."""
    mpl.rcParams["svg.hashsalt"] = "names"
    figure = Figure(figsize=(7, 4))
    axes = figure.add_subplot()
    thresholds = [threshold for threshold, _ in points]
    axes.plot(thresholds, [sums.precision for _, sums in points], marker="o", label="precision")
    axes.plot(thresholds, [sums.recall for _, sums in points], marker="s", label="recall")
    axes.plot(thresholds, [sums.review_rate for _, sums in points], marker="^", label="review rate")
    axes.axvline(chosen, color="grey", linestyle="--", label=f"in force: {chosen}")
    axes.set_xlabel("least score of a match")
    axes.set_ylim(0, 1.02)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="center left")
    figure.tight_layout()
    figure.savefig(file, format="svg", metadata={"Date": None})


def page(index: NameIndex, sets: Sets, points: Sequence[tuple[float, Sums]]) -> str:
    """Return the whole page."""
    lines = [
        "# How good the matching of names is",
        "",
        "Written by `make names-report`; do not edit. Precision: hits over all matches, a match to another entity or on a",
        "name that is nobody's being wrong. Recall: hits over the names that are an entity's, the very one. Review: names that",
        "are nobody's and that a person must look at. Shown: misses that lead to a person who sees the right entity.",
        "",
        "## Sets of names",
        "",
        *_table("set", {name: total(index, cases) for name, cases in sets.items()}),
        "",
        *_SETS,
    ]
    for name, cases in sets.items():
        lines += ["", f"## By category: {name}", "", *_table("category", by_category(index, cases))]
    lines += ["", "## Thresholds", "", *_thresholds(index, points)]
    lines += ["", "## The ten worst errors", "", *_errors(index, [case for cases in sets.values() for case in cases])]
    return "\n".join(lines) + "\n"


def _table(first: str, rows: Mapping[str, Sums]) -> Iterator[str]:
    yield f"| {first} | names | precision | recall | shown | wrong matches | review |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for name, sums in rows.items():
        count = sums.positives + sums.negatives
        recall = f"{sums.recall:.3f}" if sums.positives else "-"
        review = f"{sums.review_rate:.3f}" if sums.negatives else "-"
        yield f"| {name} | {count} | {sums.precision:.3f} | {recall} | {sums.shown} | {sums.wrong} | {review} |"


def _thresholds(index: NameIndex, points: Sequence[tuple[float, Sums]]) -> Iterator[str]:
    yield f"![Precision, recall and review rate over the least score of a match]({PICTURE})"
    yield ""
    yield f"All sets together. In force: match {index.thresholds.match}, near {index.thresholds.near}; a guard leaves"
    yield f"{index.thresholds.guarded}. Guards decide most look-alikes before the score does, so the curve is flat where scores"
    yield "are clear; the threshold stands where a step down would buy recall with wrong matches."
    yield ""
    yield "| least score | precision | recall | wrong matches | review |"
    yield "| ---: | ---: | ---: | ---: | ---: |"
    for threshold, sums in points:
        yield (
            f"| {threshold:.2f} | {sums.precision:.4f} | {sums.recall:.4f} | {sums.wrong} | {sums.review_rate:.4f} |"
        )


def _errors(index: NameIndex, cases: Sequence[NameCase]) -> Iterator[str]:
    yield "| written | expected | taken for | score | why |"
    yield "| --- | --- | --- | ---: | --- |"
    for wrong in worst(index, cases, _WORST):
        case = wrong.case
        written = case.written.replace("|", "\\|")
        why = wrong.why.replace("|", "\\|")
        yield f"| {written} | {case.expected or '-'} | {wrong.got or '-'} | {wrong.score:.2f} | {why} |"
