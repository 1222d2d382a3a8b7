"""`make demo-ops` in short."""

import subprocess
import sys

import pytest
import yaml

from deploy import dashboards
from deploy.local_prometheus import FOLDER
from tests.deploy.conftest import DEPLOY


@pytest.mark.usefixtures("tools")
def test_the_demo_shows_a_trace_the_alerts_and_the_headline_numbers() -> None:
    """As a person would look at them; it ends by itself, and says what was not run."""
    command = [sys.executable, "-m", "deploy.demo_ops", "--seconds", "8"]
    done = subprocess.run(command, cwd=DEPLOY.parent, capture_output=True, text=True, check=False, timeout=120)
    shown = done.stdout
    assert done.returncode == 0, shown + done.stderr
    for stage in ("ScreenInformationRequest", "request.check", "law.evaluate", "log.append"):
        assert stage in shown, stage
    rules = yaml.safe_load((FOLDER / "rules.yaml").read_text(encoding="utf-8"))["groups"]
    for name in (rule["alert"] for group in rules for rule in group["rules"] if "alert" in rule):
        assert name in shown, name
    assert "inactive" in shown
    for dashboard in dashboards.DASHBOARDS:
        assert dashboard.title in shown
        for panel in dashboard.headline:
            assert panel.title in shown, panel.title
    assert "No collector ran" in shown
    assert "exit code 0" in shown
