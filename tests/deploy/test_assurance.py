import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy import assurance
from deploy.assurance import DOCUMENT, PROOFS, SMALL, Proof, assure


def proof(name: str, program: str) -> Proof:
    """Return a proof that runs a line of Python."""
    command = (sys.executable, "-c", program)
    return Proof(name, "A claim", command, r"\d+ things", command, "nothing", 1)


def test_what_held_is_not_run_again_and_what_failed_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """So that a run that was broken off can go on; the document says how each stands, with its figures."""
    ran = tmp_path / "ran"
    count = f"open({str(ran)!r}, 'a').write('x'); print('noise\\n12 things')"
    proofs = [proof("good", count), proof("bad", f"open({str(ran)!r}, 'a').write('y'); raise SystemExit(1)")]
    document = tmp_path / "ASSURANCE.md"
    assert assure(proofs, ["good"], tmp_path / "kept", document, "abc") == 0
    assert "| bad | A claim | not run |" in document.read_text()
    assert assure(proofs, [], tmp_path / "kept", document, "abc") == 1
    assert assure(proofs, [], tmp_path / "kept", document, "abc") == 1
    assert ran.read_text() == "xyy"
    written = document.read_text()
    assert "| good | A claim | holds |" in written
    assert "| bad | A claim | does not hold |" in written
    assert "Does not hold (exit code 1)" in written
    assert "\n12 things\n" in written
    assert "noise" not in written
    assert "revision `abc`" in written
    assert "good: holds" in capsys.readouterr().out


def test_another_revision_is_proved_anew(tmp_path: Path) -> None:
    """What held for other code is told with its revision, and does not count."""
    ran = tmp_path / "ran"
    proofs = [proof("good", f"open({str(ran)!r}, 'a').write('x')"), proof("other", "pass")]
    document = tmp_path / "ASSURANCE.md"
    for code in ("a", "b"):
        assert assure(proofs, ["good"], tmp_path / "kept" / code, document, code) == 0
    assert ran.read_text() == "xx"
    assert assure(proofs, ["other"], tmp_path / "kept" / "c", document, "c") == 0
    assert "| good | A claim | holds, on `b` |" in document.read_text()
    assert "Not run on this code. What it showed last, on other code:\n\nHolds: " in document.read_text()


def test_a_proof_without_end_is_stopped_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And does not hold; what it said until then is kept."""
    monkeypatch.setattr(assurance, "MINUTE", 2)
    mark = tmp_path / "mark"
    child = f"import time; time.sleep(5); open({str(mark)!r}, 'w')"
    endless = proof(
        "endless",
        f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]);"
        "print('3 things', flush=True); time.sleep(60)",
    )
    assert assure([endless], [], tmp_path / "kept", tmp_path / "ASSURANCE.md", "abc") == 1
    assert "3 things\nstopped after 1 minutes\n" in (tmp_path / "ASSURANCE.md").read_text()
    time.sleep(4)
    assert not mark.exists()


@pytest.mark.timeout(300)
def test_a_part_runs_in_small_and_writes_its_document_aside() -> None:
    """As continuous integration runs it; the published document stays as it is."""
    published = DOCUMENT.read_bytes() if DOCUMENT.exists() else None
    command = [sys.executable, "-m", "deploy.assurance", "--small", "--only", "fuzz"]
    done = subprocess.run(command, cwd=DOCUMENT.parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    written = (SMALL / "ASSURANCE.md").read_text()
    assert "| fuzz | A million" in written
    assert " executions, 0 targets failed" in written
    assert (DOCUMENT.read_bytes() if DOCUMENT.exists() else None) == published


def test_every_proof_names_a_program_that_is_there() -> None:
    """A module of ours, or a script."""
    root = Path(__file__).parents[2]
    for each in PROOFS:
        words = [word for word in each.command if word != "env" and not word.startswith("LOG_")]
        if words[1] == "-m" and words[2] not in ("pytest", "screening"):
            place = root.joinpath(*words[2].split("."))
            assert place.with_suffix(".py").exists() or (place / "__main__.py").exists(), words
