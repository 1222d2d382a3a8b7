"""A document of headings, paragraphs and nested lists, as Markdown and as HTML."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

_SPECIAL = re.compile(r"([\\`*_\[\]<>#|])")


@dataclass(frozen=True)
class Block:
    """One heading, paragraph or list entry."""

    kind: str
    """`heading`, `text` or `item`."""
    level: int
    """Of a heading from 1, of a list entry from 0."""
    words: str

    @staticmethod
    def heading(level: int, words: str) -> "Block":
        """Return a heading; 1 is the title."""
        return Block("heading", level, words)

    @staticmethod
    def text(words: str) -> "Block":
        """Return a paragraph."""
        return Block("text", 0, words)

    @staticmethod
    def item(level: int, words: str) -> "Block":
        """Return a list entry; 0 is the outermost."""
        return Block("item", level, words)


def markdown(blocks: Iterable[Block]) -> str:
    """Return the document as Markdown."""
    lines: list[str] = []
    before = ""
    for block in blocks:
        words = _SPECIAL.sub(r"\\\1", block.words)
        if block.kind != "item" or before != "item":
            lines.append("")
        match block.kind:
            case "heading":
                lines.append(f"{'#' * block.level} {words}")
            case "item":
                lines.append(f"{'  ' * block.level}- {words}")
            case _:
                lines.append(words)
        before = block.kind
    return "\n".join(lines[1:])


def html(blocks: Iterable[Block]) -> str:
    """Return the document as one HTML page without scripts or references."""
    made: list[str] = []
    depth = 0
    for block in blocks:
        wanted = block.level + 1 if block.kind == "item" else 0
        made += ["<ul>"] * (wanted - depth) + ["</ul>"] * (depth - wanted)
        depth = wanted
        tag = {"heading": f"h{block.level}", "item": "li"}.get(block.kind, "p")
        made.append(f"<{tag}>{escape(block.words)}</{tag}>")
    made += ["</ul>"] * depth
    style = "body{font-family:serif;max-width:45em;margin:2em auto;line-height:1.4}"
    head = f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Law</title><style>{style}</style></head>'
    return "\n".join([head, "<body>", *made, "</body></html>"])
