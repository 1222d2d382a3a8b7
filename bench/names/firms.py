"""Names of firms as a business register has them: few words in very many names, most words in few (Zipf's law)."""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from random import Random

from screening.names.match import NameIndex
from screening.names.normalize import read
from screening.names.vocabulary import Kind, Vocabulary
from screening.text import letters

_TRADES = (
    "Construction", "Trucking", "Landscaping", "Dental", "Realty", "Consulting", "Catering", "Plumbing", "Electric",
    "Security", "Transport", "Logistics", "Insurance", "Medical", "Foods", "Auto Repair", "Staffing", "Aviation",
    "Technologies", "Engineering", "Law Offices", "Property Management", "Home Health Care", "Protective Services",
)  # fmt: skip
_KINDS = ("Services", "Group", "Systems", "Partners", "Holdings", "Associates", "Solutions", "International", "Company")
_LEGAL = ("", "", "", " Inc.", ", LLC", " Corp.", " LP", " Ltd.")
_PLACES = ("Pacific", "Valley", "American", "California", "Los Angeles", "Golden State", "National", "Border", "Coast")
_SHAPES = (
    "{rare} {trade}{legal}", "{word} {word} {trade}{legal}", "{rare} {kind}{legal}", "{rare} & {rare} {kind}{legal}",
    "{place} {word} {trade}{legal}", "{word} {trade} {kind}{legal}", "{initials} {trade}{legal}", "{rare} {word}{legal}",
    "{place} {rare} {trade} {kind}{legal}", "{word} {word} {kind}{legal}",
)  # fmt: skip
_HEAD = 20
"""How flat the head of the distribution is: the most frequent word is in one name of fifteen."""


def firms(index: NameIndex, random: Random) -> Iterator[str]:
    """Yield names without end, no two with the same words and none with those of a registered name."""
    vocabulary = index.vocabulary
    listed = sorted(word for word in vocabulary.ordinary if len(word) > 3)  # noqa: PLR2004
    random.shuffle(listed)
    weights = [*accumulate(1 / (rank + _HEAD) for rank in range(len(listed)))]
    seen = {tuple(word.text for word in form.words) for form in index.forms}
    while True:
        name = _firm(listed, weights, random)
        counted = _counted(name, vocabulary)
        mended = all(vocabulary.slips.mended(word) == (word,) for word in letters(name).replace(",", "").split())
        if counted and mended and counted not in seen:
            seen.add(counted)
            yield name


def _counted(name: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return the words by which a name is told from others, each once."""
    found = read(letters(name), vocabulary).words
    return tuple(dict.fromkeys(word.text for word in found if word.weight and Kind.COUNTRY not in word.kind))


def _firm(listed: Sequence[str], weights: Sequence[float], random: Random) -> str:
    shape = random.choice(_SHAPES)
    while "{" in shape:
        field = shape[shape.index("{") : shape.index("}") + 1]
        shape = shape.replace(field, _filled(field, listed, weights, random), 1)
    return shape


def _filled(field: str, listed: Sequence[str], weights: Sequence[float], random: Random) -> str:
    if field == "{word}":
        return random.choices(listed, cum_weights=weights)[0].title()
    if field == "{rare}":
        return _invented(random).title()
    if field == "{initials}":
        return "".join(random.choices("ABCDEFGHJKLMNPRSTVW", k=random.randint(2, 3)))
    return random.choice({"{trade}": _TRADES, "{kind}": _KINDS, "{place}": _PLACES, "{legal}": _LEGAL}[field])


def _invented(random: Random) -> str:
    """Return a word that is in no list, like the names of people and firms."""
    syllables = (random.choice("bcdfglmnprstvz") + random.choice("aeiou") for _ in range(random.randint(2, 4)))
    return "".join(syllables) + random.choice(("", "n", "z", "rd"))
