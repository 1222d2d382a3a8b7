"""Local agencies with an agreement under 8 USC 1357(g), from a table with one agency a line."""

import csv
import io
from collections.abc import Iterator

from screening.errors import DataFileError
from screening.yamlfile import Entry

PARTNERS_FILE = "partner_agencies_287g.csv"
_COLUMNS = ["id", "state", "name", "models", "ori", "source"]


def partners(text: str, file: str) -> Iterator[Entry]:
    """Yield each agency of the table as an entry. Raises DataFileError with the line."""
    rows = csv.DictReader(io.StringIO(text), strict=True)
    try:
        if rows.fieldnames != _COLUMNS:
            raise DataFileError(file, 1, f"the columns are not {','.join(_COLUMNS)}", "Restore the first line")
        for row in rows:
            if None in row or None in row.values():
                raise DataFileError(file, rows.line_num, "the line has not six cells", "Quote a cell with a comma")
            yield _entry(row, file, rows.line_num)
    except csv.Error as error:
        raise DataFileError(file, rows.line_num + 1, f"not CSV: {error}", "Mend the quotes") from None


def _entry(row: dict[str, str], file: str, line: int) -> Entry:
    entry = Entry(
        id=row["id"],
        name=row["name"],
        kind="partner_agency",
        grade="mixed",
        roles=["287g"],
        state=row["state"],
        relations=[_relation(file, line)],
        codes={key: value for key, value in (("model_287g", row["models"]), ("ori", row["ori"])) if value},
        best_source="dataset",
        sources=[row["source"]],
    )
    entry.file, entry.line = file, line
    entry.text("state")
    return entry


def _relation(file: str, line: int) -> Entry:
    entry = Entry({"partner-of": "ice"})
    entry.file, entry.line = file, line
    return entry
