"""`run.py` says what it can do, and never leaves the journeys out unnoticed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conto_admin.embedded import ROOT

pytestmark = pytest.mark.process


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-S", "run.py", *words],
        env=os.environ | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_command_it_lists_them() -> None:
    done = run()

    assert done.returncode == 0
    assert all(
        f"run.py {name}" in done.stdout
        for name in ("demo", "test", "serve", "worker", "migrate", "check", "bench", "photos")
    )


def test_an_unknown_command_is_refused() -> None:
    done = run("dmeo")

    assert done.returncode == 2
    assert "python3 run.py demo" in done.stderr


def test_it_needs_nothing_but_the_standard_library() -> None:
    imports = {
        line.split()[1] for line in (ROOT / "run.py").read_text().splitlines() if line.startswith(("import ", "from "))
    }

    assert {name.partition(".")[0] for name in imports} <= sys.stdlib_module_names


def test_without_chromium_the_journeys_are_left_out_and_that_is_said(tmp_path: Path) -> None:
    done = run("test", "--version", PATH=str(tmp_path), CHROMIUM="", CI="")

    assert "the browser journeys are deselected" in done.stdout


def test_without_chromium_ci_fails(tmp_path: Path) -> None:
    done = run("test", "--version", PATH=str(tmp_path), CHROMIUM="", CI="true")

    assert done.returncode == 1
    assert "in CI they are not optional" in done.stderr
