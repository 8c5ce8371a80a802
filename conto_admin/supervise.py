"""Start programs, watch them, stop them in reverse: `demo`, `serve`, `worker` and the embedded servers run so."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
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


@dataclass(frozen=True, slots=True)
class Child:
    """A running program."""

    program: Program
    process: subprocess.Popen[bytes]


class Supervisor:
    """Keeps programs running together: all of them, or none."""

    def __init__(self, must_end: Callable[[], bool] = lambda: False) -> None:
        self.must_end = must_end
        self.children: list[Child] = []

    def start(self, *programs: Program, ready_seconds: float = READY_SECONDS) -> None:
        """Start programs side by side; return when all answer, raise `ProgramFailed` if one does not."""
        for program in programs:
            self.children.append(Child(program, spawn(program)))
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


def run(programs: Sequence[Program], *, when_ready: Callable[[], None]) -> None:
    """Run programs until Ctrl-C, SIGTERM or the end of `when_ready` by an exception; none of them is left behind."""
    with signals() as received:
        supervisor = Supervisor(must_end=received.have_come)
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
    before = {one: signal.signal(one, received.receive) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
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
