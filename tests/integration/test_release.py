import asyncio
import json
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import screening
from screening import release
from screening.bundle import Bundle
from screening.bundle import revision as bundle_revision
from screening.cli.app import app as command
from screening.config import Settings
from screening.decisionlog.checkpoint import Signer
from screening.errors import DataFileError
from screening.storage.keys import load_or_create
from screening.wiring import App, find_files, read_files, running
from typer.testing import CliRunner

PACKAGE = Path(screening.__file__).parent
run = CliRunner()
NAME = "attorney.city/law"


@pytest.fixture
def law(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle directory of its own."""
    for folder in ("laws", "registry", "lexicon"):
        shutil.copytree(PACKAGE / folder, tmp_path / "bundle" / folder)
    monkeypatch.setenv("SCREENING_BUNDLE", str(tmp_path / "bundle"))
    return tmp_path / "bundle"


def sign(law: Path, serial: int) -> str:
    """Sign the bundle and return the verifier key."""
    key = law.parent / "law.key"
    done = run.invoke(command, ["laws", "sign", "--serial", str(serial), "--key", str(key), "--name", NAME])
    assert done.exit_code == 0, done.output
    return done.output.strip()


def settings(law: Path, key: str) -> Settings:
    """Return settings of a service that takes only law that the key signed."""
    return Settings(listen="127.0.0.1:0", data=law.parent / "data", bundle=law, law_key=key)


def change(law: Path) -> None:
    """Change a law file so that it still loads."""
    file = law / "laws/us/terms.yaml"
    file.write_text(file.read_text() + "\n# a remark\n")


async def activations(app: App) -> list[dict[str, object]]:
    """Return the records of what came into force."""
    records = [json.loads(stored.canonical) for stored in await app.log.read(0, 100)]
    return [record for record in records if record["kind"] == "activation"]


async def test_a_signed_release_comes_into_force_under_its_serial_and_is_recorded(law: Path) -> None:
    """Once; a restart with the same law activates nothing."""
    key = sign(law, 7)
    for _ in range(2):
        async with running(settings(law, key)) as app:
            assert app.bundle.serial == 7
            (record,) = await activations(app)
            assert (record["serial"], record["bundle"]) == (7, app.bundle.revision)


async def test_law_that_nobody_signed_or_somebody_changed_does_not_load(law: Path) -> None:
    """The file and the remedy are named."""
    key = sign(law, 1)
    change(law)
    with pytest.raises(DataFileError, match=r"release.note:3: other files were signed"):
        async with running(settings(law, key)):
            pass
    (law / "release.note").unlink()
    with pytest.raises(DataFileError, match="laws sign"):
        async with running(settings(law, key)):
            pass


async def test_the_signature_of_another_key_is_none(law: Path) -> None:
    """Whatever name it bears."""
    sign(law, 1)
    (law.parent / "law.key").unlink()
    other = sign(law, 1)
    (law.parent / "law.key").unlink()
    sign(law, 2)
    with pytest.raises(DataFileError, match="no trusted key signed"):
        async with running(settings(law, other)):
            pass


async def test_an_older_release_is_refused_after_a_restart(law: Path) -> None:
    """Its signature is as good as ever; the log knows what was in force."""
    key = sign(law, 2)
    async with running(settings(law, key)):
        pass
    change(law)
    sign(law, 1)
    with pytest.raises(DataFileError, match="release 2 was in force before"):
        async with running(settings(law, key)):
            pass


async def test_a_newer_release_comes_into_force_while_running_and_an_older_does_not(law: Path) -> None:
    """Each activation is a record; what is refused is not."""
    key = sign(law, 1)
    async with running(settings(law, key)) as app:
        change(law)
        sign(law, 3)
        await taken(app, 1)
        change(law)
        sign(law, 2)
        app.reloader.ask()
        while not app.law.problem:
            await asyncio.sleep(0.05)
        assert "release 3 was in force before" in app.law.problem
        assert app.bundle.serial == 3
        assert [record["serial"] for record in await activations(app)] == [1, 3]


async def taken(app: App, times: int) -> None:
    """Have the files read anew, and wait until they have come into force and that is recorded."""
    app.reloader.ask()
    while app.law.taken < times or len(await activations(app)) <= times:
        await asyncio.sleep(0.05)


def test_verify_says_which_release_it_is_or_why_not(law: Path) -> None:
    """For counsel, offline."""
    key = sign(law, 5)
    assert run.invoke(command, ["laws", "verify", "--key", key]).output.startswith("release 5, signed 20")
    change(law)
    assert isinstance(run.invoke(command, ["laws", "verify", "--key", key]).exception, DataFileError)


def age(folder: Path, days: int) -> None:
    """Make every file under a folder as old as that."""
    then = (datetime.now(UTC) - timedelta(days=days)).timestamp()
    for path in folder.rglob("*"):
        os.utime(path, (then, then))


@pytest.mark.parametrize(
    ("touched", "young"),
    [
        ("laws/us/terms.yaml", [True, False]),
        ("laws/packs/la_city.yaml", [True, False]),
        ("registry/government.yaml", [False, True]),
        ("registry/partner_agencies_287g.csv", [False, True]),
        ("registry/ordinary_words.txt", [False, True]),
        ("laws/us_ca/records.test.yaml", [False, False]),
        ("laws/us_ca_los_angeles/invariants.yaml", [False, False]),
        ("lexicon/scope.yaml", [False, False]),
    ],
)
def test_law_and_registry_that_nobody_signed_are_as_old_as_their_own_newest_file(
    law: Path, bundle: Bundle, touched: str, young: list[bool]
) -> None:
    """Whatever its ending; what is held against the law is no part of it."""
    age(law, days=200)
    os.utime(law / touched)
    ages = release.of_files(bundle, find_files(law)).ages(datetime.now(UTC))
    assert [each < timedelta(hours=1) for each in ages] == young
    assert all(each < timedelta(hours=1) or each > timedelta(days=199) for each in ages)


@pytest.mark.parametrize(("folder", "failing"), [("laws", "bundle"), ("registry", "registry")])
async def test_law_or_registry_alone_may_be_too_old(law: Path, folder: str, failing: str) -> None:
    """The condition says which."""
    age(law / folder, days=2)
    for other in {"laws", "registry"} - {folder}:
        age(law / other, days=0)
    async with running(replace(settings(law, ""), refuse_after_hours=24)) as app:
        app.health.look()
        assert app.health.failing == [failing]


async def test_the_same_files_signed_anew_end_the_refusal_and_touching_them_does_not(law: Path) -> None:
    """Without a restart: the signature says that somebody answers for them today."""
    long_ago = datetime.now(UTC) - timedelta(days=2)
    signer = Signer(NAME, load_or_create(law.parent / "law.key"))
    (law / release.NOTE).write_text(release.sign(read_files(law), 1, signer, long_ago))
    async with running(replace(settings(law, str(signer.key)), refuse_after_hours=24)) as app:
        age(law / "laws", days=0)
        while not app.law.taken:
            await asyncio.sleep(0.05)
        app.health.look()
        assert app.health.failing == ["bundle", "registry"]
        revision = app.bundle.revision
        sign(law, 2)
        while app.bundle.serial != 2:
            await asyncio.sleep(0.05)
        app.health.look()
        assert not app.health.failing
        assert app.bundle.revision == revision


def test_a_note_that_does_not_say_when_it_was_signed_releases_nothing() -> None:
    """Law whose age nobody knows could be decided by for ever."""
    signer = Signer(NAME, bytes(32))
    files = {"laws/a.yaml": "a"}
    note = signer.sign(1, bytes.fromhex(bundle_revision(files, {}))).note
    with pytest.raises(DataFileError, match="does not say when"):
        release.verify(files, note, signer.key)
