"""How look-ups grow with the registry: 1,000, 10,000 and 100,000 names, for names seen before and new ones.

Asked are names with every corruption, of registered bodies and of the generated firms, and firms that are in no
registry. Times are of the processor, without the collector's, which the service keeps off what was loaded.
"""

import gc
import json
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from random import Random

import psutil
from screening.names.entity import Alias
from screening.names.match import NameIndex

from bench.names.corrupt import KINDS, SEED, cases
from bench.names.firms import firms

SIZES = (1_000, 10_000, 100_000)
_ASKED = 300
"""Names of each of the three sorts."""


@dataclass(frozen=True)
class Measured:
    """What look-ups cost in a registry of some size, in microseconds; medians but for `late`."""

    names: int
    forms: int
    load_seconds: float
    megabytes: float
    seen: float
    new: float
    late: float
    """The 99th of 100 new names."""
    most: int
    """Names that a look-up was compared with."""


def table(files: dict[str, str]) -> Iterator[str]:
    """Yield a table of all sizes."""
    yield "| names | forms | load, s | memory, MB | seen before, us | new, us | new, 99th of 100, us | compared, most |"
    yield "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for each in measure(files):
        yield (
            f"| {each.names:,} | {each.forms:,} | {each.load_seconds:.1f} | {each.megabytes:,.0f} | {each.seen:.1f} "
            f"| {each.new:,.0f} | {each.late:,.0f} | {each.most} |"
        )


def measure(files: dict[str, str], sizes: Sequence[int] = SIZES) -> Iterator[Measured]:
    """Measure each size; `files` are the registry's, and generated firms fill it up.

    Memory is what the process grew by while it loaded, so sizes are taken from small to large.
    """
    index = NameIndex(files)
    random = Random(SEED)  # repeatable, not secret
    source = firms(index, random)
    strangers = [*islice(source, _ASKED)]
    generated = [*islice(source, max(sizes))]
    corrupted = [case.written for case in cases(index, _ASKED // len(KINDS))]
    for size in sizes:
        texts, firms_in = _sized(files, index, size, generated)
        drawn = random.choices(firms_in, k=_ASKED) if firms_in else []
        slipped = [random.choice([*KINDS.values()])(name, random) for name in drawn]
        yield _measured(texts, [*corrupted, *strangers, *slipped])


def _measured(texts: dict[str, str], asked: Sequence[str]) -> Measured:
    gc.collect()
    before = psutil.Process().memory_info().rss
    start = time.process_time()
    index = NameIndex(texts)
    load = time.process_time() - start
    gc.collect()
    memory = (psutil.Process().memory_info().rss - before) / 1e6
    gc.freeze()  # as the service does at its start
    index.resolve("warm up")
    asked = [*dict.fromkeys(asked)]
    new = [_us(partial(index.resolve, name)) for name in asked]
    seen = [_us(partial(index.resolve, name)) for name in asked]
    count = sum(len(entity.aliases) for entity in index.registry.entities.values())
    most = max(index.compared(name) for name in asked)
    late = statistics.quantiles(new, n=100)[-1]
    return Measured(count, len(index.forms), load, memory, statistics.median(seen), statistics.median(new), late, most)


def _us(call: Callable[[], object]) -> float:
    start = time.process_time_ns()
    call()
    return (time.process_time_ns() - start) / 1e3


def _sized(
    files: Mapping[str, str], index: NameIndex, size: int, generated: Sequence[str]
) -> tuple[dict[str, str], Sequence[str]]:
    """Return registry files with about as many names, and the firms among them.

    The smallest has a part of the registry only, larger ones all of it and firms besides.
    """
    entities = [*index.registry.entities.values()]
    have = sum(len(entity.aliases) for entity in entities)
    if have < size:
        used = generated[: size - have]
        entries = [_entry(f"generated-{number}", (Alias(name, "dataset"),)) for number, name in enumerate(used)]
        return {**files, "sized.yaml": json.dumps({"entities": entries})}, used
    kept: list[dict[str, object]] = []
    count = 0
    for entity in entities:
        if count < size:
            kept.append(_entry(entity.id, entity.aliases))
            count += len(entity.aliases)
    words = {name: files[name] for name in ("words.yaml", "ordinary_words.txt", "thresholds.yaml")}
    return {**words, "sized.yaml": json.dumps({"entities": kept})}, ()


def _entry(identity: str, aliases: Sequence[Alias]) -> dict[str, object]:
    return {
        "id": identity,
        "name": aliases[0].text,
        "kind": "contractor",
        "grade": "support",
        "roles": ["data"],
        "best_source": "dataset",
        "aliases": [alias.text for alias in aliases[1:] if not alias.weak],
    }
