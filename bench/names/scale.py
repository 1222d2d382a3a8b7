"""How look-ups grow with the registry: 1,000, 10,000 and 100,000 names, for names seen before and new ones."""

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from random import Random

import psutil
import yaml
from screening.names.entity import Alias
from screening.names.match import NameIndex

from bench.names.corrupt import KINDS, SEED, cases

SIZES = (1_000, 10_000, 100_000)
_ASKED = 400
_KINDS = ("Services", "Group", "Systems", "Logistics", "Security", "Aviation", "Partners", "Technologies", "Holdings")


def measure(files: dict[str, str], sizes: Sequence[int] = SIZES) -> Iterator[str]:
    """Yield a table of medians; `files` are the registry's, and generated firms fill it up to each size.

    Memory is what the process grew by while it loaded, so sizes are taken from small to large.
    """
    yield "| names | forms | load, s | memory, MB | seen before, us | new, us | new, 99th of 100, us |"
    yield "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    asked = [case.written for case in cases(NameIndex(files), _ASKED // len(KINDS))]
    for size in sizes:
        yield _row(files, size, asked)


def _row(files: dict[str, str], size: int, asked: Sequence[str]) -> str:
    texts = _sized(files, size)
    gc.collect()
    before = psutil.Process().memory_info().rss
    start = time.perf_counter()
    index = NameIndex(texts)
    load = time.perf_counter() - start
    gc.collect()
    memory = (psutil.Process().memory_info().rss - before) / 1e6
    gc.freeze()  # as the service does at its start
    index.resolve("warm up")
    new = [_us(partial(index.resolve, name)) for name in asked]
    seen = [_us(partial(index.resolve, name)) for name in asked]
    count = sum(len(entity.aliases) for entity in index.registry.entities.values())
    late = statistics.quantiles(new, n=100)[-1]
    return (
        f"| {count:,} | {len(index.forms):,} | {load:.1f} | {memory:,.0f} | {statistics.median(seen):.1f} "
        f"| {statistics.median(new):,.0f} | {late:,.0f} |"
    )


def _us(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1e6


def _sized(files: dict[str, str], size: int) -> dict[str, str]:
    """Return registry files with about as many names: the smallest without local agencies, larger ones with more firms."""
    registry = NameIndex(files).registry
    random = Random(SEED)  # repeatable, not secret
    have = sum(len(entity.aliases) for entity in registry.entities.values())
    if have >= size:
        entities = list(registry.entities.values())
        kept: list[dict[str, object]] = []
        count = 0
        for entity in entities:
            if count >= size:
                break
            kept.append(_entry(entity.id, entity.aliases))
            count += len(entity.aliases)
        words = {
            name: text
            for name, text in files.items()
            if name in ("words.yaml", "ordinary_words.txt", "thresholds.yaml")
        }
        return {**words, "sized.yaml": yaml.dump({"entities": kept}, allow_unicode=True)}
    vocabulary = NameIndex(files).vocabulary
    ordinary = sorted(word for word in vocabulary.ordinary if len(word) > 4)  # noqa: PLR2004
    generated: dict[str, dict[str, object]] = {}
    while len(generated) < size - have:
        first, second = _invented(random), random.choice(ordinary)
        if vocabulary.slips.mended(first) != (first,):
            continue
        name = f"{first} {second} {random.choice(_KINDS)}".title()
        generated[name] = _entry(f"generated-{len(generated)}", (Alias(name, "dataset"),))
    return {**files, "sized.yaml": yaml.dump({"entities": list(generated.values())})}


def _invented(random: Random) -> str:
    """Return a word that is in no list, like the names of firms."""
    return "".join(random.choice("bcdfglmnprstvz") + random.choice("aeiou") for _ in range(random.randint(2, 4)))


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
