"""Programs start together, end together, and outlive nobody."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from conto_admin.embedded import command_line
from conto_admin.supervise import AskedToEnd, Program, ProgramFailed, Supervisor

pytestmark = pytest.mark.process

WAIT_SECONDS = 10.0
SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)
HOLDER = """
import sys, time
from pathlib import Path
from conto_admin.supervise import Program, run
log = Path(sys.argv[1])
is_up = lambda: "up" in log.read_text()
child = Program(name="child", command=[sys.executable, "-c", sys.argv[2]], log=log, is_ready=is_up)
run([child], when_ready=lambda: print("ready", flush=True))
"""


def program(log: Path, code: str, is_ready: Callable[[], bool] | None = None) -> Program:
    return Program(
        name="the child",
        command=[sys.executable, "-c", code],
        log=log,
        is_ready=is_ready or (lambda: "up" in log.read_text()),
    )


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def start_holder(log: Path, code: str) -> subprocess.Popen[str]:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(log), code], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "ready\n"
    return holder


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_program_runs_until_it_is_stopped(tmp_path: Path) -> None:
    supervisor = Supervisor()
    supervisor.start(program(tmp_path / "log", SLEEPER))
    process = supervisor.children[0].process
    supervisor.must_all_run()

    supervisor.stop()

    assert process.returncode == -signal.SIGTERM


def test_a_program_that_ends_too_early_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    supervisor = Supervisor()

    with pytest.raises(ProgramFailed, match=r"the child ended \(exit code 3\)[^$]*no luck"):
        supervisor.start(program(tmp_path / "log", "print('no luck', flush=True); raise SystemExit(3)"))

    supervisor.stop()


def test_a_program_that_never_answers_is_reported(tmp_path: Path) -> None:
    supervisor = Supervisor()

    with pytest.raises(ProgramFailed, match="did not answer in time"):
        supervisor.start(program(tmp_path / "log", SLEEPER, is_ready=lambda: False), ready_seconds=0.3)

    supervisor.stop()


def test_a_start_can_be_broken_off(tmp_path: Path) -> None:
    supervisor = Supervisor(must_end=lambda: True)

    with pytest.raises(AskedToEnd):
        supervisor.start(program(tmp_path / "log", SLEEPER, is_ready=lambda: False))

    supervisor.stop()


def test_a_program_that_dies_ends_the_watch(tmp_path: Path) -> None:
    supervisor = Supervisor()
    supervisor.start(program(tmp_path / "log", SLEEPER))
    supervisor.children[0].process.send_signal(signal.SIGKILL)

    with pytest.raises(ProgramFailed, match="SIGKILL"):
        supervisor.watch()

    supervisor.stop()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_the_children_too(tmp_path: Path, how: signal.Signals) -> None:
    holder = start_holder(tmp_path / "log", SLEEPER)
    (child,) = children_of(holder.pid)

    holder.send_signal(how)

    assert holder.wait(WAIT_SECONDS) == 0
    assert command_line(child) == ""


def test_a_child_that_ignores_the_signal_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conto_admin.supervise.STOP_SECONDS", 0.2)
    supervisor = Supervisor()
    supervisor.start(program(tmp_path / "log", STUBBORN))
    process = supervisor.children[0].process

    supervisor.stop()

    assert process.returncode == -signal.SIGKILL


def test_children_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    holder = start_holder(tmp_path / "log", SLEEPER)
    (child,) = children_of(holder.pid)

    holder.kill()
    holder.wait()

    assert eventually(lambda: command_line(child) == "")


def test_descendants_of_a_stopped_program_end_with_it(tmp_path: Path) -> None:
    code = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]); time.sleep(600)"
    supervisor = Supervisor()
    supervisor.start(program(tmp_path / "log", code))
    (grandchild,) = children_of(supervisor.children[0].process.pid)

    supervisor.stop()

    assert eventually(lambda: command_line(grandchild) == "")
