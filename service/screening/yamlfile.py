"""YAML with line numbers: every mapping of a law file knows where it stands, so that an error can say so."""

from collections.abc import Iterable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any

import yaml

from screening.errors import DataFileError


class Entry(dict[str, Any]):
    """A mapping of a YAML file with its file name and line, from 1."""

    file = ""
    line = 0
    lines: Mapping[str, int] = MappingProxyType({})
    """The line of each key that was read from a file."""

    def fail(self, problem: str, remedy: str, key: str = "") -> DataFileError:
        """Return the load error that points to a key, or here where the key is absent."""
        return DataFileError(self.file, self.lines.get(key, self.line), problem, remedy)

    def only(self, allowed: Iterable[str]) -> "Entry":
        """Refuse keys that are not allowed."""
        for key in self:
            if key not in allowed:
                raise self.fail(f"unknown field '{key}'", f"Use one of: {', '.join(sorted(allowed))}", key)
        return self

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text that is not empty."""
        value = self.get(key, default)
        if not isinstance(value, str) or not value.strip():
            raise self.fail(f"'{key}' is missing or is not a text", f"Write {key}: followed by text", key)
        return " ".join(value.split())

    def entries(self, key: str) -> list["Entry"]:
        """Return a list of mappings; empty if the key is absent."""
        value = self.get(key, [])
        if not isinstance(value, list) or not all(isinstance(element, Entry) for element in value):
            raise self.fail(f"'{key}' is not a list of entries", f"Start each entry of {key} with a dash", key)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; empty if the key is absent."""
        value = self.get(key, [])
        if not isinstance(value, list) or not all(isinstance(element, str) for element in value):
            raise self.fail(f"'{key}' is not a list of texts", f"Write {key}: [one, two]", key)
        return tuple(value)

    def day(self, key: str) -> date | None:
        """Return a civil date; None if the key is absent or null."""
        value = self.get(key)
        if value is None or type(value) is date:
            return value
        raise self.fail(f"'{key}' is not a date", "Write it as 2018-01-01; the day must exist", key)


class _Loader(yaml.CSafeLoader):
    """Safe loader that makes Entry objects and refuses a key that stands twice."""

    file = ""

    def construct_entry(self, node: yaml.MappingNode) -> Entry:
        """Build one mapping."""
        entry = Entry()
        lines: dict[str, int] = {}
        entry.file, entry.line, entry.lines = self.file, node.start_mark.line + 1, lines
        for key_node, value_node in node.value:
            key, line = self.construct_object(key_node, deep=True), key_node.start_mark.line + 1
            if not isinstance(key, str):
                raise DataFileError(self.file, line, "a key is not a text", "Put it in quotes")
            if key in entry:
                raise DataFileError(self.file, line, f"'{key}' stands twice", "Remove one")
            entry[key], lines[key] = self.construct_object(value_node, deep=True), line
        return entry

    def construct_date(self, node: yaml.ScalarNode) -> Any:
        """Build one date, or a time, of which nothing here has a use."""
        try:
            return self.construct_yaml_timestamp(node)
        except ValueError as error:
            problem = f"a value cannot be read: {error}"
            raise DataFileError(
                self.file, node.start_mark.line + 1, problem, "A date must exist in the calendar"
            ) from None


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _Loader.construct_entry)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_date)


def parse(text: str, file: str) -> Entry:
    """Parse one YAML file whose top level is a mapping. Raises DataFileError with the line."""
    loader = _Loader(text)
    loader.file = file
    try:
        document = loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DataFileError(file, line, f"not YAML: {error.problem}", "Mend the syntax") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise DataFileError(file, line, "a character is not allowed in YAML", "Remove it") from None
    except RecursionError:
        raise DataFileError(file, 1, "the file is nested too deeply", "Take levels away") from None
    except ValueError as error:
        raise DataFileError(file, 1, f"a value cannot be read: {error}", "A date must exist in the calendar") from None
    finally:
        loader.dispose()
    if not isinstance(document, Entry):
        raise DataFileError(file, 1, "the file is empty or is not a mapping", "Start with 'source:'")
    return document
