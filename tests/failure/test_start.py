"""The service refuses to start where it could not decide or record, and says which."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import screening
from screening import config
from screening.config import Settings
from screening.errors import SettingError
from screening_client import ScreeningClient

from tests.factories import employment
from tests.processes import ServiceProcess

PACKAGE = Path(screening.__file__).parent


def refused(*words: str, **environ: str) -> str:
    """Run `screening serve` and return its one line of refusal."""
    command = [sys.executable, "-m", "screening", "serve", "--listen", "127.0.0.1:0", *words]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **environ}
    )
    assert done.returncode == 2, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("screening: ")
    return lines[0]


@pytest.fixture
def bundle_copy(tmp_path: Path) -> Path:
    """A copy of laws, registry and lexicon that may be spoilt."""
    for folder in ("laws", "registry", "lexicon"):
        shutil.copytree(PACKAGE / folder, tmp_path / "bundle" / folder)
    return tmp_path / "bundle"


def test_a_law_file_that_does_not_type_check_stops_the_start(bundle_copy: Path, tmp_path: Path) -> None:
    """With file, line, and what is wrong."""
    law = bundle_copy / "laws/us_ca/alpr.yaml"
    law.write_text(law.read_text().replace("is: unrelated_crime", "facts.no_such_fact", 1))
    line = refused("--data", str(tmp_path / "data"), SCREENING_BUNDLE=str(bundle_copy))
    assert "us_ca/alpr.yaml:" in line
    assert "there is no fact 'facts.no_such_fact'" in line


def test_an_empty_registry_stops_the_start(bundle_copy: Path, tmp_path: Path) -> None:
    """Every agency would be a stranger."""
    for file in (bundle_copy / "registry").iterdir():
        file.unlink()
    assert "registry is empty" in refused("--data", str(tmp_path / "data"), SCREENING_BUNDLE=str(bundle_copy))


def test_a_bundle_directory_without_anything_stops_the_start(tmp_path: Path) -> None:
    """A wrong path is not an empty law."""
    assert "has no laws" in refused("--data", str(tmp_path / "data"), SCREENING_BUNDLE=str(tmp_path))


def test_a_data_directory_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    """A file stands where the directory should be."""
    (tmp_path / "file").write_text("")
    assert "data directory" in refused("--data", str(tmp_path / "file" / "data"))


@contextlib.contextmanager
def immutable(path: Path) -> Iterator[None]:
    """Let not even root write in a directory."""
    subprocess.run(["chattr", "+i", str(path)], check=True)
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", str(path)], check=True)


def test_a_data_directory_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    """Nothing could be recorded."""
    with immutable(tmp_path):
        assert "cannot be" in refused("--data", str(tmp_path))


@pytest.mark.parametrize(("place", "name"), [("data-anchor", "anchor"), ("data/tiles", "tiles")])
def test_a_place_for_checkpoints_that_cannot_be_written_stops_the_start(place: str, name: str, tmp_path: Path) -> None:
    """Nothing could be proven later; a service that began with such a place is told of it by its log and its metrics."""
    data = tmp_path / "data"
    with ServiceProcess(data) as service:
        assert service.stop() == 0
    with immutable(tmp_path / place):
        line = refused("--data", str(data))
    assert f"the {name} {tmp_path / place} cannot be written" in line


def test_a_log_without_its_keys_stops_the_start(tmp_path: Path) -> None:
    """New keys beside old records would hide that the old ones are lost."""
    data = tmp_path / "data"
    with ServiceProcess(data) as service:
        assert service.stop() == 0
    (data / "keys" / "wrapping.key").unlink()
    assert "not its keys" in refused("--data", str(data))


def test_a_log_with_the_keys_of_another_stops_the_start(tmp_path: Path) -> None:
    """Which key file is wrong is said; nothing is sealed that nobody could open."""
    data = tmp_path / "data"
    with ServiceProcess(data) as service:
        with ScreeningClient(service.target) as client:
            client.screen_employment(employment())
        assert service.stop() == 0
    for name, problem in (("wrapping.key", "is not the key of this log"), ("checkpoint.key", "another signing key")):
        held = (data / "keys" / name).read_text()
        (data / "keys" / name).write_text("11" * 32)
        assert problem in refused("--data", str(data))
        (data / "keys" / name).write_text(held)


def test_an_address_that_is_taken_stops_the_start(tmp_path: Path) -> None:
    """Two services on one port would share it in silence."""
    with ServiceProcess(tmp_path / "one") as service:
        line = refused("--listen", service.target, "--data", str(tmp_path / "two"))
        assert "cannot be bound" in line


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "localhost.example", "127.example", "10.0.0.1", ""])
def test_plaintext_is_spoken_on_loopback_only(host: str) -> None:
    """A name that merely begins like loopback leads elsewhere."""
    with pytest.raises(SettingError, match="loopback"):
        config.from_environ({"SCREENING_LISTEN": f"{host}:50051"})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "[::1]"])
def test_loopback_is_known_in_each_form(host: str) -> None:
    """With its port."""
    assert config.from_environ({"SCREENING_LISTEN": f"{host}:50051"}).listen == f"{host}:50051"


def test_an_address_beyond_loopback_is_refused(tmp_path: Path) -> None:
    """Plaintext never leaves the machine."""
    assert "loopback" in refused("--listen", "0.0.0.0:0", "--data", str(tmp_path / "data"))


TLS = {"SCREENING_TLS_CERTIFICATE": "server.pem", "SCREENING_TLS_KEY": "server.key"}


@pytest.mark.parametrize(
    "environ",
    [
        {"SCREENING_LISTEN": "nowhere"},
        {"SCREENING_LISTEN": "127.0.0.1:99999"},
        {"SCREENING_WORKERS": "0"},
        {"SCREENING_WORKERS": "many"},
        {"SCREENING_MOONLIGHTING_EFFECTIVE": "soon"},
        {"SCREENING_GRACE_SECONDS": "long"},
        {"SCREENING_METRICS_LISTEN": "9464"},
        {"SCREENING_HEALTH_LISTEN": "9464"},
        {"SCREENING_MOST_IN_FLIGHT": "0"},
        {"SCREENING_REPORT_THRESHOLD": "0"},
        {"SCREENING_RETENTION": "employment=soon"},
        {"SCREENING_RETENTION": "everything=365"},
        {"SCREENING_KEYS_DATABASE": "postgresql://keys"},
        {"SCREENING_REFUSE_AFTER_HOURS": "a week"},
        {"SCREENING_TLS_CERTIFICATE": "server.pem"},
        {"SCREENING_TLS_CLIENT_CA": "clients.pem"},
        {"SCREENING_JWKS": "http://issuer.example/keys"},
        {"SCREENING_JWKS": "keys.json"},
        {"SCREENING_CALLERS": "", **TLS},
        {"SCREENING_TLS_CLIENT_CA": "", **TLS, "SCREENING_CALLERS": "callers.yaml"},
    ],
)
def test_a_wrong_setting_is_named(environ: dict[str, str]) -> None:
    """The operator is told which one."""
    with pytest.raises(SettingError, match=next(iter(environ))):
        config.from_environ(environ)


def test_flags_win_over_the_environment_and_defaults_fill_the_rest() -> None:
    """One frozen object."""
    settings = config.from_environ({"SCREENING_WORKERS": "3", "SCREENING_DATA": "/a"}, data=Path("/b"), workers=None)
    assert (settings.workers, settings.data, settings.listen) == (3, Path("/b"), Settings().listen)
    assert settings.anchor_directory == Path("/b-anchor")
