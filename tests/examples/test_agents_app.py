"""The app as a command: a few rounds against a freshly seeded Conto."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from approvals.models import Authorization
from conto_admin.embedded import ROOT
from spend.models import SpendRecord
from tests.examples.server import LiveConto

pytestmark = pytest.mark.process

APP = str(ROOT / "examples" / "agents_app.py")


def run_app(demo: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, APP, "--demo", str(demo), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_some_rounds_end_with_nothing_open_and_what_was_served_is_recorded(conto: LiveConto, tmp_path: Path) -> None:
    demo = tmp_path / "demo.json"
    call_command("seed_demo", url=conto.url, no_history=True, file=demo)

    done = run_app(demo, "--rounds", "12", "--patience", "0", "--seed", "11")

    assert done.returncode == 0, done.stderr
    counted = re.search(r"The service served (\d+); recorded are (\d+)", done.stdout)
    assert counted is not None, done.stdout
    assert int(counted[1]) == int(counted[2]) == SpendRecord.objects.count() > 0
    assert not Authorization.objects.filter(status__in=["approved", "pending_review", "in_doubt"]).exists()
