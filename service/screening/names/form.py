"""The names of entities, made ready for comparison."""

from dataclasses import dataclass

from screening.errors import DataFileError
from screening.names.entity import Alias, Entity
from screening.names.normalize import read
from screening.names.registry import Registry
from screening.names.vocabulary import Kind, Vocabulary, Word
from screening.text import letters, words

ABBREVIATION = 7
"""Letters up to which a single capitalised word is an abbreviation."""
_JOINING = 0.5
"""Weight of a joining word that counts."""
SHORT = 4
"""Letters up to which a word is too short to be misspelled."""


@dataclass(frozen=True, eq=False, slots=True)
class Form:
    """One name of one entity in words."""

    entity: Entity
    alias: Alias
    words: tuple[Word, ...]
    """The words that count, without the state of a local agency."""
    total: float
    """Their weight."""
    state: str
    """The state that must agree; empty if none."""
    home: str
    """The state of a local agency, whether or not this name needs it; empty if none is known."""
    abbreviation: bool
    """One word that is an abbreviation, or a word of everyday language: it matches only as declared."""
    everyday: bool
    """That word has a meaning of its own, as `ice` has."""
    legal_forms: frozenset[str]
    country: bool
    needs_rest: bool
    """Without legal form or country the name would be too common: it matches only with it."""
    compact: str
    whole: str

    @property
    def key(self) -> tuple[str, ...]:
        """Return what two entities must not share."""
        rest = (*sorted(self.legal_forms), *(("us",) if self.country else ())) if self.needs_rest else ()
        return (*(word.text for word in self.words), self.state, *rest)


def form(entity: Entity, alias: Alias, vocabulary: Vocabulary) -> Form:
    """Return the form of an alias."""
    written = read(letters(alias.text), vocabulary)
    every = _counted(written.words)
    words, state = _state(entity, list(dict.fromkeys(every)), vocabulary)
    counted = tuple(word for word in words if Kind.COUNTRY not in word.kind) or tuple(words)
    single = len(counted) == 1
    abbreviation = single and alias.text.isupper() and len(counted[0].text) <= ABBREVIATION
    everyday = single and Kind.ORDINARY in counted[0].kind
    weak = {_compact(other.text, vocabulary) for other in entity.aliases if other.weak}
    compact = "".join(word.scan for word in counted)
    return Form(
        entity=entity,
        alias=alias,
        words=counted,
        total=sum(word.weight for word in counted) or 1.0,
        state=state,
        home=state or _home(entity, vocabulary),
        abbreviation=abbreviation or everyday,
        everyday=everyday,
        legal_forms=written.forms,
        country=len(counted) < len(words),
        needs_rest=not alias.weak
        and (
            compact in weak
            or (entity.collision_prone and bool(written.forms))
            or (len(counted) < len(words) and (everyday or len(compact) <= SHORT))
        ),
        compact=compact,
        whole=written.whole,
    )


def _counted(words: tuple[Word, ...]) -> list[Word]:
    """Return the words that count; joining words do too where only a common one would be left: `Con Air`."""
    found = [word for word in words if word.weight]
    if not found or (len(found) == 1 < len(words) and found[0].kind & (Kind.FUNCTION | Kind.GENERIC)):
        return [word if word.weight else word._replace(weight=_JOINING) for word in words]
    return found


def _compact(text: str, vocabulary: Vocabulary) -> str:
    written = read(letters(text), vocabulary)
    return "".join(word.scan for word in written.words if word.weight and Kind.COUNTRY not in word.kind)


def _home(entity: Entity, vocabulary: Vocabulary) -> str:
    """Return the state in the registered name of a local agency."""
    if entity.kind != "partner_agency":
        return ""
    words = read(letters(entity.name), vocabulary).words
    return next((word.text for word in words if Kind.STATE in word.kind), "")


def _state(entity: Entity, words: list[Word], vocabulary: Vocabulary) -> tuple[list[Word], str]:
    """Return the words without the state that tells local agencies of one name apart, and that state."""
    if entity.state:
        if not (state := vocabulary.states.get(entity.state.lower(), "")):
            raise DataFileError(*entity.line, f"unknown state '{entity.state}'", "Use its postal code")
        return words, state
    if entity.kind == "partner_agency":
        for place, word in enumerate(words):
            if place and Kind.STATE in word.kind:
                return words[:place] + words[place + 1 :], word.text
    return words, ""


def forms(registry: Registry, vocabulary: Vocabulary) -> list[Form]:
    """Return all names of all entities ready for comparison. Raises DataFileError if two entities share one."""
    found: list[Form] = []
    owner: dict[tuple[str, ...], Form] = {}
    for entity in registry.entities.values():
        seen = set()
        for alias in entity.aliases:
            _check_words(entity, alias, vocabulary)
            made = form(entity, alias, vocabulary)
            if not made.words or (made.key, alias.weak) in seen:
                continue
            seen.add((made.key, alias.weak))
            other = made if alias.weak else owner.setdefault(made.key, made)
            if other.entity is not entity:
                raise DataFileError(
                    *entity.line,
                    f"the alias '{alias.text}' is read like '{other.alias.text}' of '{other.entity.id}'",
                    "Leave it to one",
                )
            found.append(made)
    return found


def _check_words(entity: Entity, alias: Alias, vocabulary: Vocabulary) -> None:
    for word in words(letters(alias.text)):
        mended = " ".join(vocabulary.slips.mended(word))
        if mended != word:
            problem = f"'{word}' of the alias '{alias.text}' would be read as '{mended}'"
            raise DataFileError(*entity.line, problem, "List it as known in words.yaml")
