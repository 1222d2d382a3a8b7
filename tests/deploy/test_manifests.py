import re
import subprocess
from pathlib import Path

import pytest
from screening.callers import load

from tests.deploy.conftest import DEPLOY, SETTINGS

TOP = DEPLOY.parent


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a checker and return how it ended."""
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, cwd=TOP)


def test_the_image_is_built_as_it_should_be() -> None:
    """By hadolint's rules."""
    done = run(TOP / ".venv/bin/hadolint", DEPLOY / "Dockerfile")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", ["Dockerfile", "compose/compose.yaml", "systemd/screening.service"])
def test_deployments_set_only_settings_that_exist(file: str) -> None:
    """A misspelt setting would be the default in silence."""
    named = set(re.findall(r"\b(?:SCREENING|OTEL)_[A-Z_]+\b", (DEPLOY / file).read_text()))
    assert named
    assert named <= SETTINGS, named - SETTINGS


def test_trial_certificates_and_callers_are_good(tmp_path: Path) -> None:
    """As the composition and the service take them."""
    done = run(DEPLOY / "certificates.sh", tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("server", "payroll"):
        assert run("openssl", "verify", "-CAfile", tmp_path / "ca.pem", tmp_path / f"{name}.pem").returncode == 0
    load((tmp_path / "callers.yaml").read_text(), "callers.yaml")


def test_the_unit_is_what_systemd_takes(tools: None, tmp_path: Path) -> None:  # noqa: ARG001  # installed first
    """Every word of it."""
    unit = tmp_path / "screening.service"
    written = (DEPLOY / "systemd/screening.service").read_text()
    unit.write_text(written.replace("/opt/screening/bin/screening", "/bin/true"))
    done = run("systemd-analyze", "verify", "--man=no", unit)
    assert "screening.service" not in done.stderr, done.stderr


def test_the_unit_gives_the_service_little_to_break_with(tools: None) -> None:  # noqa: ARG001  # installed first
    """By systemd's own measure of exposure, in tenths from 0 to 100: 20 is "OK", and a unit without hardening has 96."""
    done = run("systemd-analyze", "security", "--offline=true", "--threshold=15", DEPLOY / "systemd/screening.service")
    assert done.returncode == 0, done.stdout[-300:] + done.stderr
