"""The scores that part match, near miss and no match. Data of the registry."""

from dataclasses import dataclass

from screening.yamlfile import parse

THRESHOLDS_FILE = "thresholds.yaml"


@dataclass(frozen=True)
class Thresholds:
    """Scores from 0 to 1, each the least that counts."""

    match: float
    near: float
    guarded: float
    """What a guard leaves of a score where a person should look."""

    @classmethod
    def load(cls, text: str) -> "Thresholds":
        """Load from the text of the file. Raises DataFileError."""
        document = parse(text, THRESHOLDS_FILE).only({"match", "near", "guarded"})
        match, near, guarded = (document.get(key) for key in ("match", "near", "guarded"))
        if not (isinstance(match, float) and isinstance(near, float) and isinstance(guarded, float)):
            raise document.fail("match, near and guarded are not all decimal numbers", "Restore the file")
        found = cls(match, near, guarded)
        if not 0 < found.near <= found.guarded < found.match <= 1:
            raise document.fail("not 0 < near <= guarded < match <= 1", "Put them in order")
        return found
