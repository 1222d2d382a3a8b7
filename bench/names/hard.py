"""Names that are hard to read or to look up: what a matcher may stumble over, drawn from the registry and from Unicode.

A sample runs in CI; `python -m bench.names --hard` asks 100,000 and prints what the slowest cost.
"""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from random import Random

from screening.names.index import MOST
from screening.names.match import NameIndex
from screening.names.normalize import MAX_CHARS, MOST_NAMES

SEED = 20_260_501
COUNT = 100_000
MOST_COMPARED = MOST * MOST_NAMES * 2
"""Registered names with which one name is compared at most: of each name in it, as it stands and taken apart."""
_LONG = 1_000_000
_WORST = (
    "\ufdfa", "\u0301", "a\u0301\u0302\u0303", "\u0e01\u0e33", "\u1f82", "\u03d2\u0301", "\ud55c", "\u79fb\u6c11\u5c40",
    "\u0627\u0644", "\U0001d43c", "\U0001f1fa", "\u200b", "\U000e0041", ".", "a.", "i.c.e", "|", "l|", "-", " - ", "(",
    ",", "/", "@", "a@b.gov ", "a.gov/", "ice.gov ", "so-called ", "dba ", "ice aka ", "d/b/a x ", "i c e ", "1l0o",
    "rn", "la ", "of the ", "\u0130", "\ufb03", "\u00df", "inc ", "inc. llc ", "\u0490", "\r\n", "\x00", "\ud800", "&",
)  # fmt: skip
"""Texts that are costly when repeated: long decompositions, marks, look-alikes, and all that is read as a sign."""
_BETWEEN = (" ", "", ", ", " - ", " / ", " (", " aka ", " d/b/a ", "; ", "\n", " and ", " of ")

Draw = Callable[[Random], str]


def drawn(index: NameIndex) -> dict[str, Draw]:
    """Return how each sort of hard name is drawn."""
    words = sorted({word.text for form in index.forms for word in form.words})
    aliases = [form.alias.text for form in index.forms]
    common = sorted(words, key=lambda word: (sum(word in alias.lower() for alias in aliases), word))[-40:]

    def of(pieces: Sequence[str]) -> Draw:
        def draw(random: Random) -> str:
            between = random.choice(_BETWEEN)
            return between.join(random.choice(pieces) for _ in range(random.randrange(1, 64)))[:MAX_CHARS]

        return draw

    return {
        "any of Unicode": lambda random: "".join(chr(random.randrange(0x110000)) for _ in range(random.randrange(64))),
        "any of Unicode, longest": lambda random: "".join(chr(random.randrange(0x110000)) for _ in range(MAX_CHARS)),
        "one script": lambda random: _script(random, random.randrange(1, MAX_CHARS + 1)),
        "registered words": of(words),
        "registered names": of(aliases),
        "the most common words": of(common),
        "signs and marks": lambda random: "".join(random.choice(_WORST) for _ in range(MAX_CHARS))[:MAX_CHARS],
        "letters and signs": lambda random: "".join(
            random.choices("icehsdbp. -|&@()/,0", k=random.randrange(MAX_CHARS))
        ),
    }


def longest() -> Iterator[str]:
    """Yield the texts of _WORST repeated, to the longest name that the API takes and to a million characters."""
    for text in _WORST:
        yield (text * MAX_CHARS)[:MAX_CHARS]
        yield text * (_LONG // len(text))


def _script(random: Random, length: int) -> str:
    start = random.randrange(0x40, 0x3000)
    return "".join(chr(start + random.randrange(128)) for _ in range(length))


def ask(index: NameIndex, count: int = COUNT, seed: int = SEED) -> Iterator[str]:
    """Look all up, and yield a table of what each sort cost in time of the processor, the collector's left out."""
    yield "| sort of name | names | median, ms | slowest, ms | compared, most |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    gc.collect()
    gc.freeze()  # as the service does at its start
    random = Random(seed)  # repeatable, not secret
    sorts = drawn(index)
    for sort, draw in sorts.items():
        yield _row(index, sort, (draw(random) for _ in range(count // len(sorts))))
    yield _row(index, "signs and marks, longest and a million characters", longest())


def _row(index: NameIndex, sort: str, names: Iterator[str]) -> str:
    times, most = [], 0
    for name in names:
        gc.disable()
        start = time.process_time_ns()
        index.resolve(name)
        times.append((time.process_time_ns() - start) / 1e6)
        gc.enable()
        most = max(most, index.compared(name))
    if most > MOST_COMPARED:
        raise SystemExit(f"{sort}: a name was compared with {most} registered ones, more than {MOST_COMPARED}")
    times.sort()
    return f"| {sort} | {len(times):,} | {times[len(times) // 2]:.2f} | {times[-1]:.1f} | {most} |"
