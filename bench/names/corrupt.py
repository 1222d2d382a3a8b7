"""What people, scanners and forgers do to a name, made anew from the registry with a fixed seed.

No corruption knows how names are compared; a generated name that happens to be another entity's own is left out.
"""

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import NamedTuple

from screening.names.entity import Alias, Entity
from screening.names.match import NameIndex

Corrupt = Callable[[str, Random], str]
SEED = 20_260_101
_LONG = 8
"""Letters from which a name bears a misspelling."""
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_SCANS = {
    "m": "rn",
    "l": "1",
    "I": "l",
    "o": "0",
    "O": "0",
    "i": "1",
    "s": "5",
    "S": "5",
    "B": "8",
    "d": "cl",
    "w": "vv",
}
_LOOK_ALIKES = {"a": "\u0430", "e": "\u0435", "o": "\u043e", "c": "\u0441", "p": "\u0440", "C": "\u0421"}
_LOOK_ALIKES |= {
    "I": "\u0406",
    "E": "\u0415",
    "B": "\u0412",
    "P": "\u0420",
    "A": "\u0410",
    "O": "\u041e",
    "S": "\u0405",
}
_ACCENTS = {"a": "\u00e1", "e": "\u00e9", "i": "\u00ed", "o": "\u00f3", "u": "\u00fc", "n": "\u00f1", "c": "\u00e7"}
_JOBS = (
    "Officer at {}",
    "{} (contractor)",
    "Part-time, {}",
    "{} - night shift",
    "Security guard for {}",
    "employee of {}",
)
_PLACES = ("{}, Fresno", "{} - Oxnard", "{} (Santa Monica)", "{}, California")
_FORMS = ("{} Inc.", "{}, LLC", "{} Corporation", "{} Co.", "{} Ltd")
_TRADES = (
    "Cafe", "Bakery", "Hotel", "Dental", "Realty", "Brewing Company", "Plumbing", "Yoga Studio", "Elementary School",
    "Insurance Agency", "Auto Repair", "Community College", "Medical Center", "Film Festival", "Landscaping",
)  # fmt: skip


class NameCase(NamedTuple):
    """A written name, the id of the entity that it should be taken for (empty: none), and the kind of case."""

    written: str
    expected: str
    category: str


def cases(index: NameIndex, each: int) -> list[NameCase]:
    """Return `each` cases of every kind, positive and negative."""
    random = Random(SEED)  # repeatable, not secret
    names = list(_names(index))
    owners = {" ".join(alias.text.casefold().split()): entity.id for entity, alias in names}
    found = []
    for category, corrupt in KINDS.items():
        picked: set[str] = set()
        while len(picked) < each:
            entity, alias = random.choice(names)
            written = corrupt(alias.text, random)
            owner = owners.get(" ".join(written.casefold().split()), entity.id)
            if written != alias.text and written not in picked and owner == entity.id and "@" not in written:
                picked.add(written)
                found.append(NameCase(written, entity.id, category))
    found += [NameCase(name, "", "negative: invented firm") for name in _invented(index, random, each)]
    found += [NameCase(name, "", "negative: one word in common") for name in _borrowed(names, random, each)]
    return found


def _names(index: NameIndex) -> Iterator[tuple[Entity, Alias]]:
    """Yield the names that stand for their entity by themselves: long enough, and none of a local agency."""
    for entity in index.registry.entities.values():
        if not entity.collision_prone and entity.kind != "partner_agency":
            for alias in entity.aliases:
                plain = len(alias.text) >= _LONG and alias.text.isascii() and "." not in alias.text
                if plain and not alias.weak and index.resolve(alias.text).entity is entity:
                    yield entity, alias


def _place(text: str, random: Random) -> int:
    """Return the place of a letter within a word of five letters or more, not its first."""
    good = [
        start + offset
        for start, word in _words(text)
        if len(word) > 4  # noqa: PLR2004
        for offset in range(1, len(word) - 1)
    ]
    return random.choice(good) if good else 0


def _words(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    for word in text.split(" "):
        yield start, word
        start += len(word) + 1


def _dropped(text: str, random: Random) -> str:
    place = _place(text, random)
    return text[:place] + text[place + 1 :] if place else text


def _doubled(text: str, random: Random) -> str:
    place = _place(text, random)
    return text[:place] + text[place] + text[place:] if place else text


def _turned(text: str, random: Random) -> str:
    place = _place(text, random)
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :] if place else text


def _mistyped(text: str, random: Random) -> str:
    place = _place(text, random)
    row = next((row for row in _KEYS if text[place] in row), "")
    if not place or not row:
        return text
    key = row.index(text[place])
    return text[:place] + row[key - 1 if key else 1] + text[place + 1 :]


def _twice(text: str, random: Random) -> str:
    first = random.choice((_dropped, _doubled, _turned, _mistyped))(text, random)
    return random.choice((_dropped, _doubled, _turned, _mistyped))(first, random)


def _some(table: dict[str, str], share: float) -> Corrupt:
    def corrupt(text: str, random: Random) -> str:
        return "".join(table[char] if char in table and random.random() < share else char for char in text)

    return corrupt


def _wrapped(patterns: Sequence[str]) -> Corrupt:
    def corrupt(text: str, random: Random) -> str:
        return random.choice(patterns).format(text)

    return corrupt


def _joined(text: str, random: Random) -> str:
    spaces = [place for place, char in enumerate(text) if char == " "]
    if not spaces:
        return text
    place = random.choice(spaces)
    return text[:place] + text[place + 1 :]


def _split(text: str, random: Random) -> str:
    place = _place(text, random)
    return f"{text[:place]} {text[place:]}" if place else text


def _inverted(text: str, random: Random) -> str:
    words = text.replace(",", "").split()
    if len(words) < 3:  # noqa: PLR2004
        return text
    cut = random.randrange(1, len(words))
    return f"{' '.join(words[cut:])}, {' '.join(words[:cut])}"


def _cased(text: str, random: Random) -> str:
    return random.choice((str.upper, str.lower, str.title))(text)


KINDS: dict[str, Corrupt] = {
    "letter dropped": _dropped,
    "letter doubled": _doubled,
    "letters turned": _turned,
    "neighbouring key": _mistyped,
    "two slips": _twice,
    "scanned": _some(_SCANS, 0.25),
    "look-alike letters": _some(_LOOK_ALIKES, 0.5),
    "accents": _some(_ACCENTS, 0.5),
    "case": _cased,
    "words joined": _joined,
    "word split": _split,
    "order inverted": _inverted,
    "job around it": _wrapped(_JOBS),
    "place beside it": _wrapped(_PLACES),
    "legal form": _wrapped(_FORMS),
}


def _invented(index: NameIndex, random: Random, count: int) -> Iterator[str]:
    """Yield names of firms from words of everyday language."""
    words = sorted(word for word in index.vocabulary.ordinary if len(word) > 3)  # noqa: PLR2004
    for _ in range(count):
        yield f"{random.choice(words)} {random.choice(words)} {random.choice(_TRADES)}".title()


def _borrowed(names: Sequence[tuple[Entity, Alias]], random: Random, count: int) -> Iterator[str]:
    """Yield names of firms that have one word in common with a registered name of several words."""
    several = [alias.text.split() for _, alias in names if " " in alias.text]
    for _ in range(count):
        word = random.choice(random.choice(several)).strip(",()")
        yield f"{word.title()} {random.choice(_TRADES)}"
