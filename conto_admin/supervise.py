"""Start programs, watch them, stop them in reverse: `demo`, `serve`, `worker` and the embedded servers run so."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

LOOK_EVERY_SECONDS: Final = 0.05
READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 10.0
"""How long a program may take to end by itself before it is killed."""

TAIL_LINES: Final = 15
ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, the polite end, and a terminal that closes."""
PR_SET_PDEATHSIG: Final = 1


class ProgramFailed(Exception):
    """A program did not come up, or ended while it was needed; worded for the person at the terminal."""


class AskedToEnd(Exception):
    """Ctrl-C or SIGTERM came while programs were still starting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One child: what to run, how to see that it answers, how to end it."""

    name: str
    command: Sequence[str | Path]
    log: Path
    is_ready: Callable[[], bool] = lambda: True
    environment: Mapping[str, str] | None = None
    folder: Path | None = None
    user: int | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    inside: Callable[[], None] | None = None
    """Does the same as the command in a process that has read the code already: `Supervisor(is_forking=True)`."""


class Forked:
    """A child that goes on with what this process has read; as much of `subprocess.Popen` as is needed here."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return how it ended, `None` while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return how it ended when it has; raises `subprocess.TimeoutExpired`."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if timeout is not None and deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(LOOK_EVERY_SECONDS)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal to a child that runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End a child that runs, at once."""
        self.send_signal(signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Child:
    """A running program."""

    program: Program
    process: subprocess.Popen[bytes] | Forked


class Supervisor:
    """Keeps programs running together: all of them, or none."""

    def __init__(self, must_end: Callable[[], bool] = lambda: False, *, is_forking: bool = False) -> None:
        self.must_end = must_end
        self.is_forking = is_forking
        self.children: list[Child] = []

    def start(self, *programs: Program, ready_seconds: float = READY_SECONDS) -> None:
        """Start programs side by side; return when all answer, raise `ProgramFailed` if one does not."""
        for program in programs:
            start = fork if self.is_forking and program.inside else spawn
            self.children.append(Child(program, start(program)))
        for program in programs:
            self.wait_for(program, time.monotonic() + ready_seconds)
        self.must_all_run()

    def wait_for(self, program: Program, deadline: float) -> None:
        """Return when `program` answers; raise `AskedToEnd` when it is time to end before."""
        while not program.is_ready():
            self.must_all_run()
            if self.must_end():
                raise AskedToEnd
            if time.monotonic() > deadline:
                raise ProgramFailed(f"{program.name} did not answer in time.\n{tail(program.log)}")
            time.sleep(LOOK_EVERY_SECONDS)

    def must_all_run(self) -> None:
        """Raise `ProgramFailed` if a program has ended."""
        for child in self.children:
            code = child.process.poll()
            if code is not None:
                raise ProgramFailed(f"{child.program.name} ended ({ending(code)}).\n{tail(child.program.log)}")

    def watch(self) -> None:
        """Return when it is time to end; raise `ProgramFailed` when a program ends before."""
        while not self.must_end():
            self.must_all_run()
            time.sleep(LOOK_EVERY_SECONDS)

    def stop(self) -> None:
        """End the programs, the last started first; kill what does not end by itself, with all its descendants."""
        for child in reversed(self.children):
            stop(child)
        self.children.clear()


def run(programs: Sequence[Program], *, when_ready: Callable[[], None], is_forking: bool = False) -> None:
    """Run programs until Ctrl-C, SIGTERM or the end of `when_ready` by an exception; none of them is left behind."""
    with signals() as received:
        supervisor = Supervisor(must_end=received.have_come, is_forking=is_forking)
        try:
            supervisor.start(*programs)
            when_ready()
            supervisor.watch()
        except AskedToEnd:
            return
        finally:
            supervisor.stop()


def spawn(program: Program) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, so that Ctrl-C reaches this process alone.

    It ends when this process does. To be called from the main thread: Linux tells children of the end of the thread
    that started them.
    """
    program.log.parent.mkdir(parents=True, exist_ok=True)
    parent = os.getpid()
    with program.log.open("ab") as log:
        return subprocess.Popen(
            [str(word) for word in program.command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=None if program.environment is None else {**os.environ, **program.environment},
            cwd=program.folder,
            user=program.user,
            group=program.user,
            extra_groups=None if program.user is None else [],
            start_new_session=True,
            preexec_fn=lambda: die_with(parent, program.stop_signal),  # noqa: PLW1509 - no threads here
        )


def fork(program: Program) -> Forked:
    """Start a program as a copy of this process, otherwise as `spawn` does. Nothing that is open here is open there."""
    assert program.inside is not None, program.name
    program.log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    # Until the child ends by them a signal waits: this process's handler would take note of it in the child, in vain.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    if pid := os.fork():
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        return Forked(pid)
    code = 1
    try:
        os.setsid()
        die_with(parent, program.stop_signal)
        for one in ENDING:
            signal.signal(one, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        open_streams(program.log)
        os.environ.update(program.environment or {})
        os.chdir(program.folder or ".")
        program.inside()
        code = 0
    except SystemExit as end:
        code = exit_code_of(end)
    except BaseException:  # noqa: BLE001 - told in the log, as an interpreter tells it at its end
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # Past everything that the process it comes from would still do at its own end.
        os._exit(code)


def exit_code_of(end: SystemExit) -> int:
    """Return the exit code as an interpreter does: words are an error, and told."""
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    sys.stderr.write(f"{end.code}\n")
    return 1


def open_streams(log: Path) -> None:
    """Read nothing, write into a log, and close all else that is open, such as locks."""
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))


def die_with(parent: int, how: signal.Signals) -> None:
    """Let Linux send `how` to this process when its parent dies, however the parent dies."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(how))
    if os.getppid() != parent:
        os._exit(1)


def stop(child: Child) -> None:
    process = child.process
    if process.poll() is None:
        process.send_signal(child.program.stop_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Signals:
    """Whether somebody asked this process to end."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None

    def receive(self, number: int, _frame: FrameType | None) -> None:
        self.received = signal.Signals(number)

    def have_come(self) -> bool:
        return self.received is not None


@contextlib.contextmanager
def signals() -> Iterator[Signals]:
    """Collect Ctrl-C, SIGTERM and a closed terminal instead of dying from them."""
    received = Signals()
    before = {one: signal.signal(one, received.receive) for one in ENDING}
    try:
        yield received
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@contextlib.contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Let SIGTERM and a closed terminal break off what goes on in the block as Ctrl-C does: by `KeyboardInterrupt`."""
    before = {one: signal.signal(one, signal.default_int_handler) for one in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def tail(log: Path) -> str:
    """The end of a log, for a person."""
    lines = log.read_text(errors="replace").splitlines()[-TAIL_LINES:] if log.exists() else []
    return "\n".join([f"The end of {log}:", *lines])


def ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
