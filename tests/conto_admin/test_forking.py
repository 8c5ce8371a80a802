"""A program may go on from what this process has read: it ends with it, and shares nothing that is open."""

import fcntl
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from conto_admin.embedded import command_line
from tests.conto_admin.test_supervise import WAIT_SECONDS, children_of, eventually

pytestmark = pytest.mark.process

HOLDER = """
import fcntl, os, signal, sys, time
from pathlib import Path
from conto_admin.supervise import Program, ProgramFailed, run

log, place, what = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
kept = place.open("a")
fcntl.flock(kept, fcntl.LOCK_EX)

def inside():
    if what == "raise":
        raise LookupError("no luck")
    if what == "exit":
        sys.exit(3)
    if what == "say":
        sys.exit("unsafe settings")
    print(os.environ["WHO"], os.getcwd() == str(log.parent), "up", flush=True)
    if what == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)

child = Program(
    name="the child", command=["false"], inside=inside, log=log, folder=log.parent, environment={"WHO": "it is"},
    is_ready=lambda: log.exists() and "up" in log.read_text(),
)
try:
    run([child], when_ready=lambda: print("ready", flush=True), is_forking=True)
except ProgramFailed as failure:
    sys.exit(str(failure))
"""


def start_holder(folder: Path, what: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", HOLDER, str(folder / "log"), str(folder / "lock"), what]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def started(folder: Path, what: str = "stay") -> tuple["subprocess.Popen[str]", int]:
    holder = start_holder(folder, what)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "ready\n"
    (child,) = children_of(holder.pid)
    return holder, child


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_ends_with_the_process_it_comes_from(tmp_path: Path, how: signal.Signals) -> None:
    holder, child = started(tmp_path)
    assert (tmp_path / "log").read_text() == "it is True up\n"

    holder.send_signal(how)

    assert holder.wait(WAIT_SECONDS) == 0
    assert command_line(child) == ""


def test_it_does_not_outlive_a_killed_parent_and_holds_none_of_its_locks(tmp_path: Path) -> None:
    holder, child = started(tmp_path, "stubborn")

    holder.kill()
    holder.wait()

    with (tmp_path / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    subprocess.run(["kill", "-9", str(child)], check=True)
    assert eventually(lambda: command_line(child) == "")


def test_a_killed_parent_ends_it(tmp_path: Path) -> None:
    holder, child = started(tmp_path)

    holder.kill()
    holder.wait()

    assert eventually(lambda: command_line(child) == "")


@pytest.mark.parametrize(
    ("what", "told"),
    [("raise", "LookupError: no luck"), ("exit", "the child ended (exit code 3)"), ("say", "unsafe settings")],
)
def test_one_that_fails_is_reported(tmp_path: Path, what: str, told: str) -> None:
    holder = start_holder(tmp_path, what)
    _, errors = holder.communicate(timeout=WAIT_SECONDS)
    assert holder.returncode == 1
    assert told in errors
