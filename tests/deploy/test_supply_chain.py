import json
import os
import re
import subprocess
from pathlib import Path

TOP = Path(__file__).parents[2]
REQUIRED = dict(
    re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", (TOP / "requirements/runtime.txt").read_text(), re.MULTILINE)
)


def normal(name: str) -> str:
    """Return a package's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_everything_pinned_is_in_the_bill_with_a_licence_that_may_be_shipped(tmp_path: Path) -> None:
    """And the audit says what it is: clean, or not audited."""
    command = [TOP / "deploy/supply_chain.sh", TOP / ".venv/bin", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=TOP)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^audit: (clean$|not audited)", done.stdout, re.MULTILINE)
    bill = json.loads((tmp_path / "sbom.json").read_text())
    listed = {normal(part["name"]): part["version"] for part in bill["components"]}
    pinned = {normal(name): version for name, version in REQUIRED.items()}
    assert listed == pinned
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in (tmp_path / "licences.md").read_text().splitlines()[2:]
    ]
    licences = {normal(name): licence for name, _, licence, _ in rows}
    assert {name for name, licence in licences.items() if licence in ("", "UNKNOWN")} == set()
    assert [name for name, licence in licences.items() if re.search(r"(?<!L)GPL", licence)] == []


def test_what_the_advisory_service_did_not_answer_for_is_not_called_clean(tmp_path: Path) -> None:
    """Nobody listens where it would be, and nothing is remembered from before: not audited, and the rest is written."""
    nowhere = dict.fromkeys(
        ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy"), "http://127.0.0.1:9"
    )
    environ = {**os.environ, **nowhere, "no_proxy": "", "NO_PROXY": "", "HOME": str(tmp_path)}
    environ |= {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [TOP / "deploy/supply_chain.sh", TOP / ".venv/bin", tmp_path / "written"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=TOP, env=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^audit: not audited", done.stdout, re.MULTILINE)
    assert "clean" not in done.stdout
    assert (tmp_path / "written/sbom.json").exists()
