import sys
from pathlib import Path

import pytest

from deploy.assurance import PROOFS, Proof, assure


def proof(name: str, program: str) -> Proof:
    """Return a proof that runs a line of Python."""
    return Proof(name, "A claim", (sys.executable, "-c", program), r"\d+ things", "nothing")


def test_what_held_is_not_run_again_and_what_failed_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """So that a run that was broken off can go on; the document says how each stands, with its figures."""
    ran = tmp_path / "ran"
    count = f"open({str(ran)!r}, 'a').write('x'); print('noise\\n12 things')"
    proofs = [proof("good", count), proof("bad", f"open({str(ran)!r}, 'a').write('y'); raise SystemExit(1)")]
    document = tmp_path / "ASSURANCE.md"
    assert assure(proofs, ["good"], tmp_path / "kept", document, "abc") == 1
    assert "Bad: not run" in document.read_text()
    assert assure(proofs, [], tmp_path / "kept", document, "abc") == 1
    assert assure(proofs, [], tmp_path / "kept", document, "abc") == 1
    assert ran.read_text() == "xyy"
    written = document.read_text()
    assert "Good: holds" in written
    assert "Bad: does not hold" in written
    assert "\n12 things\n" in written
    assert "noise" not in written
    assert "revision `abc`" in written
    assert "good: holds" in capsys.readouterr().out


def test_another_revision_is_proved_anew(tmp_path: Path) -> None:
    """What held for other code says nothing."""
    ran = tmp_path / "ran"
    proofs = [proof("good", f"open({str(ran)!r}, 'a').write('x')")]
    for revision in ("a", "b"):
        assert assure(proofs, [], tmp_path / revision, tmp_path / "ASSURANCE.md", revision) == 0
    assert ran.read_text() == "xx"


def test_every_proof_names_a_program_that_is_there() -> None:
    """A module of ours, or a script."""
    root = Path(__file__).parents[2]
    for each in PROOFS:
        words = each.command
        if words[1] == "-m" and words[2] not in ("pytest", "screening"):
            place = root.joinpath(*words[2].split("."))
            assert place.with_suffix(".py").exists() or (place / "__main__.py").exists(), words
