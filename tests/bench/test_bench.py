"""The benchmark's ask runs to its end on a small world: every answer approved, the ledger with exactly these."""

import fcntl
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """Wait for the benchmark of another worker: they all have one database."""
    lock = ROOT / ".conto" / "bench-tests.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def test_what_the_benchmark_was_answered_is_what_the_ledger_has() -> None:
    command = [sys.executable, "-m", "bench", "--only", "ask", "--seconds", "1", "--agents", "10"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    # How fast this machine is at the moment is not the question here.
    missed = re.sub(
        r"0\.\d+ of pgbench at 32 clients", "", "".join(re.findall(r"^Missed: (.*)$", done.stdout, re.MULTILINE))
    )
    assert missed == "", done.stdout + done.stderr
    told = re.findall(
        r"(\d+) approvals were answered; the ledger has (\d+), for ([\d.]+),\nand holds ([\d.]+)\.", done.stdout
    )
    assert len(told) == 2, done.stdout + done.stderr
    assert all(answered == stored and asked == held and int(answered) > 0 for answered, stored, asked, held in told)


def test_pages_of_a_small_past_are_measured_and_their_sums_are_those_of_the_ledger() -> None:
    command = [sys.executable, "-m", "bench", "--only", "pages", "--past", "2000"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    # How fast this machine is at the moment is not the question here.
    missed = re.sub(r"\S+ takes \d+ ms(; )?", "", "".join(re.findall(r"^Missed: (.*)$", done.stdout, re.MULTILINE)))
    assert missed == "", done.stdout + done.stderr
    for by in ("label", "policy"):
        assert len(re.findall(rf"^\| \S+by={by} \|", done.stdout, re.MULTILINE)) >= 3, done.stdout
    assert re.search(r"^\| /analytics/payments/export/\S* \| \d+ \| [1-9]", done.stdout, re.MULTILINE), done.stdout
    assert re.search(r"[1-9]\d+ sums of pages and files were compared", done.stdout), done.stdout + done.stderr


def test_viewers_look_while_agents_ask() -> None:
    command = [sys.executable, "-m", "bench", "--only", "viewers", "--seconds", "1", "--agents", "4", "--viewers", "10"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    # How fast this machine is at the moment is not the question here.
    missed = re.sub(
        r"([\d.]+ of its rate while watched|\d+ of \d+ looks a second)(; )?",
        "",
        "".join(re.findall(r"^Missed: (.*)$", done.stdout, re.MULTILINE)),
    )
    assert missed == "", done.stdout + done.stderr
    assert re.search(r"^\| 10 \| [1-9]\d* \|.*\| [1-9]\d* \| \d+% \|", done.stdout, re.MULTILINE), (
        done.stdout + done.stderr
    )
    assert re.search(r"^Watched, asking keeps \d\.\d\d of its rate\.$", done.stdout, re.MULTILINE)


def test_a_small_past_is_followed_under_a_draft() -> None:
    command = [sys.executable, "-m", "bench", "--only", "backtests", "--followed", "300"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    # How fast this machine is at the moment is not the question here.
    missed = re.sub(
        r"a backtest takes \d+ s(; )?", "", "".join(re.findall(r"^Missed: (.*)$", done.stdout, re.MULTILINE))
    )
    assert missed == "", done.stdout + done.stderr
    assert re.search(r"^300 asks of 100 agents", done.stdout, re.MULTILINE), done.stdout + done.stderr


def test_a_budget_is_raced_for_and_never_overspent() -> None:
    command = [sys.executable, "-m", "bench", "--only", "race", "--rounds", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"^\| ([124]) \| 10 to 10 \| 0 \| 20\.0+ \|$", done.stdout, re.MULTILINE) == ["1", "2", "4"]


def test_asking_behind_a_past_is_measured_with_every_ask_approved() -> None:
    command = [sys.executable, "-m", "bench", "--only", "growth", "--past", "1500", "--seconds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    # How fast this machine is at the moment is not the question here.
    missed = re.sub(
        r"p50 grew from \S+ to \S+ ms", "", "".join(re.findall(r"^Missed: (.*)$", done.stdout, re.MULTILINE))
    )
    assert missed == "", done.stdout + done.stderr
    assert re.search(r"^\| 1,500 \| [1-9]", done.stdout, re.MULTILINE), done.stdout
