"""What a PromQL expression asks for: names of metrics and values of labels. Enough for the expressions of deploy/."""

import re

_KEYWORDS = frozenset(
    ["and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "offset", "bool"]
)
_NAME = re.compile(r"(?<![\w.])[a-zA-Z_:][a-zA-Z0-9_:]*(?!\s*\(|[a-zA-Z0-9_:])")
_MATCHER = re.compile(r'([a-z_]+)\s*=~?\s*"([^"]*)"')


def metrics(expression: str) -> set[str]:
    """Return the names of the metrics in an expression."""
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]", " ", bare)
    bare = re.sub(r"\b(?:by|without|on|ignoring)\s*\([^)]*\)", " ", bare)
    return set(_NAME.findall(bare)) - _KEYWORDS


def values(expression: str) -> set[tuple[str, str]]:
    """Return the label values that an expression asks for."""
    return {(label, value) for label, wanted in _MATCHER.findall(expression) for value in wanted.split("|")}
