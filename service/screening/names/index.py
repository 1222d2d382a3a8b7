"""Which forms may be a written name, without looking at all of them.

A form scores at least s only if the words of it that are not found weigh at most 1 - s of it. So of its words, rarest
first, one of a few pairs must be found whole: those pairs are the keys under which it is filed (prefix filtering:
Chaudhuri et al., ICDE 2006). How rare a word is decides only where a form is filed, never whether it is found, so another
entry displaces no form.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, takewhile

from screening.names.edits import Neighbours
from screening.names.features import undoubled
from screening.names.form import SHORT, Form
from screening.names.normalize import Written
from screening.names.vocabulary import Kind, Word

MOST = 128
"""Forms that are compared with one name, those of which most is found."""
_START = 3
"""Letters of the shortest beginning that stands for a whole word."""
_ROUNDING = 1e-9


class Index:
    """Forms by the words that must be found in a name, and by their letters."""

    def __init__(self, forms: Sequence[Form], least: float) -> None:
        """File the forms so that each one that can score `least` (0 to 1) is found."""
        self._forms = forms
        self._least = least
        self.words = Words(word for form in forms for word in form.words)
        self._alone: dict[str, list[int]] = {}
        self._pairs: dict[str, dict[str, list[int]]] = {}
        self._letters: dict[str, list[int]] = {}
        for number, form in enumerate(forms):
            for first, second in self._keys(form):
                listed = self._pairs.setdefault(first, {}) if second else self._alone
                listed.setdefault(second or first, []).append(number)
            for letters in {form.compact, form.whole}:
                self._letters.setdefault(letters, []).append(number)

    def candidates(self, written: Written) -> list[Form]:
        """Return the forms that may be the name, each once, in the order in which they were registered."""
        words = self.words.meant(written)
        letters = {written.compact, written.whole, *(words if len(written.content) == 1 else ())}
        sure = {number for each in letters for number in self._letters.get(each, ())}
        found: set[int] = set()
        for first in words:
            found.update(self._alone.get(first, ()))
            if seconds := self._pairs.get(first):
                for second in seconds.keys() & words:
                    found.update(seconds[second])
        weights = {number: _found(self._forms[number], words) for number in found - sure}
        enough = [
            number
            for number, weight in weights.items()
            if weight >= self._least * self._forms[number].total - _ROUNDING
        ]
        if len(sure) + len(enough) > MOST:
            enough.sort(key=lambda number: (-weights[number], number))
        return [self._forms[number] for number in sorted([*sorted(sure), *enough][:MOST])]

    def _keys(self, form: Form) -> Iterator[tuple[str, str]]:
        """Yield the pairs of which one is found if enough of the form is; a word alone where it is enough."""
        words = sorted(form.words, key=self.words.rarity)
        allowed = (1 - self._least) * form.total + _ROUNDING
        missed = 0.0
        for place, first in enumerate(words):
            if missed > allowed:
                return
            rest = words[place + 1 :]
            if missed + sum(word.weight for word in rest) <= allowed:
                yield first.scan, ""
            else:
                between = missed
                for second in rest:
                    if between > allowed:
                        break
                    yield first.scan, second.scan
                    between += second.weight
            missed += first.weight


class Words:
    """The words of all forms, as scanned, searchable by what may stand for them."""

    def __init__(self, words: Iterable[Word]) -> None:
        self._count = Counter(word.scan for word in words)
        self._sorted = sorted(self._count)
        self._neighbours = Neighbours(self._sorted)
        self._undoubled: dict[str, list[str]] = {}
        for scan in self._sorted:
            if len(scan) >= SHORT:
                self._undoubled.setdefault(undoubled(scan), []).append(scan)

    def __contains__(self, scan: str) -> bool:
        return scan in self._count

    def rarity(self, word: Word) -> tuple[int, str]:
        """Return what sorts words from rare to common."""
        return self._count[word.scan], word.scan

    def near(self, scan: str) -> tuple[str, ...]:
        """Return the words that a word may be a misspelling of."""
        return self._neighbours.near(scan) if len(scan) >= SHORT else ()

    def meant(self, written: Written) -> set[str]:
        """Return the words that the words of a name may stand for."""
        found: set[str] = set()
        for scan in _asked(written):
            if scan in self._count:
                found.add(scan)
            found.update(self.near(scan))
            found.update(self._undoubled.get(undoubled(scan), ()))
        for place in written.content:
            scan = written.words[place].scan
            if scan not in self._count and len(scan) >= _START:
                found.update(self._begun(scan))
            if len(scan) == SHORT:
                found.update(turned for turned in _turned(scan) if turned in self._count)
        return found

    def _begun(self, start: str) -> Iterator[str]:
        """Return the words that begin with some letters and have at least two more."""
        listed = self._sorted
        after = (listed[place] for place in range(bisect_left(listed, start), len(listed)))
        return (scan for scan in takewhile(lambda scan: scan.startswith(start), after) if len(scan) > len(start) + 1)


def _turned(scan: str) -> Iterator[str]:
    """Yield a word with each two letters after its first turned."""
    for place in range(1, len(scan) - 1):
        yield scan[:place] + scan[place + 1] + scan[place] + scan[place + 2 :]


def _found(form: Form, words: set[str]) -> float:
    return sum(word.weight for word in form.words if word.scan in words)


def _asked(written: Written) -> Iterator[str]:
    """Yield the words of a name, and each two that stand together as one."""
    places = written.content
    for place in places:
        yield written.words[place].scan
    for place, after in pairwise(places):
        if after == place + 1:
            first, second = written.words[place], written.words[after]
            if not _both_ordinary(first, second) or len(first.text) <= SHORT or len(second.text) <= SHORT:
                yield first.scan + second.scan


def _both_ordinary(first: Word, second: Word) -> bool:
    return Kind.ORDINARY in first.kind and Kind.ORDINARY in second.kind
