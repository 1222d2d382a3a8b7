import asyncio
from pathlib import Path

from screening.errors import SettingError
from screening.reload import Reloader, Watched, stamp_files


class Source:
    """A file, and how to read it: the text `bad` is refused."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "source.txt"
        self.write("one")
        self.watched = Watched("source", lambda: stamp_files([folder]), self.read)

    def write(self, text: str) -> None:
        """Replace the file, as a rollout does."""
        new = self.file.with_suffix(".new")
        new.write_text(text)
        new.replace(self.file)

    def read(self) -> str:
        """Read it. Raises SettingError."""
        text = self.file.read_text()
        if text == "bad":
            raise SettingError("source.txt:1: bad. Mend it")
        return text


def test_a_change_is_taken_once_the_files_are_at_rest(tmp_path: Path) -> None:
    """The first look sees that they change, the second reads them; after that there is nothing to do."""
    source = Source(tmp_path)
    source.write("two")
    assert [source.watched.look(), source.watched.value] == [False, "one"]
    assert [source.watched.look(), source.watched.value] == [True, "two"]
    assert not source.watched.look()
    assert (source.watched.taken, source.watched.refused, source.watched.problem) == (1, 0, "")


def test_a_bad_change_leaves_the_old_in_force_and_says_why(tmp_path: Path) -> None:
    """It is tried once, and a good one after it is taken."""
    source = Source(tmp_path)
    source.write("bad")
    source.watched.look()
    assert source.watched.look()
    assert not source.watched.look()
    assert (source.watched.value, source.watched.problem) == ("one", "source.txt:1: bad. Mend it")
    source.write("three")
    source.watched.look()
    assert source.watched.look()
    assert (source.watched.value, source.watched.problem, source.watched.refused) == ("three", "", 1)


def test_a_file_that_vanishes_leaves_the_old_in_force(tmp_path: Path) -> None:
    """Without a word of its content."""
    source = Source(tmp_path)
    source.file.unlink()
    assert source.watched.look(forced=True)
    assert (source.watched.value, source.watched.problem) == ("one", "source cannot be read: FileNotFoundError")


def test_what_changes_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    """A directory that is still being copied is not taken for whole."""
    source = Source(tmp_path)
    read = source.watched._read

    def read_slowly() -> str:
        text = read()
        source.write("three")
        return text

    source.write("two")
    source.watched.look()
    source.watched._read = read_slowly
    assert source.watched.look()
    source.watched._read = read
    assert [source.watched.look(), source.watched.value] == [True, "three"]


async def test_a_reload_that_is_asked_for_reads_unchanged_files_too(tmp_path: Path) -> None:
    """And tells what came of it."""
    source = Source(tmp_path)
    told: list[tuple[str, str]] = []
    reloader = Reloader([source.watched], lambda name, problem: told.append((name, problem)))
    running = asyncio.create_task(reloader.run())
    reloader.ask()
    while not told:
        await asyncio.sleep(0.01)
    running.cancel()
    assert told == [("source", "")]
