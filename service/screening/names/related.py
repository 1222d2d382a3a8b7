"""Which words around a registered name are the name of a related body, so that they speak for it and not against it."""

from collections.abc import Iterator, Sequence

from screening.names.align import Alignment
from screening.names.domains import Domains
from screening.names.kin import Kin
from screening.names.normalize import Written


class Related:
    """The registered names and domains that stand whole in one written name."""

    def __init__(
        self, written: Written, alignments: Sequence[Alignment], kin: Kin, domains: Domains, least: float
    ) -> None:
        """Look at the alignments of which `least` (0 to 1) of the registered name was found."""
        self._kin = kin
        self._whole = sorted(
            (each for each in alignments if each.matched >= least * each.form.total),
            key=lambda each: (-each.matched, each.lost, each.form.entity.id),
        )
        self._heaviest = list(_apart(self._whole))
        found = (domains.owner(domain) for domain in written.domains)
        self._owners = [owner[1] for owner in found if owner]
        self._addresses = frozenset(place for place, word in enumerate(written.words) if "." in word.text)

    def around(self, alignment: Alignment) -> frozenset[int]:
        """Return the places of the words around a form that are the name of a related entity, or its domain."""
        entity, covered = alignment.form.entity, alignment.covered
        found: set[int] = set()
        for other in self._whole:
            if self._kin.within(entity, other.form.entity) and not covered <= other.covered:
                found |= other.covered - covered
        for other in self._heaviest:
            owner = other.form.entity
            if self._kin.within(entity, owner) and not covered <= other.covered:
                continue
            if not other.covered.isdisjoint(covered):
                if owner is not entity:
                    return frozenset()  # the words belong to a name that says more
            elif owner is entity or self._kin.related(entity, owner):
                found |= other.covered
        if any(owner is entity or self._kin.related(entity, owner) for owner in self._owners):
            found |= self._addresses
        return frozenset(found)


def _apart(alignments: Sequence[Alignment]) -> Iterator[Alignment]:
    """Yield those that share no word with one before."""
    taken: set[int] = set()
    for each in alignments:
        if taken.isdisjoint(each.covered):
            yield each
            taken |= each.covered
