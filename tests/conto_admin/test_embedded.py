"""The embedded servers are shared, start from any leftover, and end when nobody uses them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from conto_admin import embedded
from conto_admin.supervise import ProgramFailed

pytestmark = pytest.mark.process

WAIT_SECONDS = 15.0
USER = """
import sys, time
from pathlib import Path
from conto_admin import embedded
with embedded.use(Path(sys.argv[1]), embedded.FAST_SETTINGS):
    print("using", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "state"
    assert eventually(lambda: not is_up(tmp_path / "state")), "servers were left behind"


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def is_up(folder: Path) -> bool:
    return embedded.postgresql_answers(folder) or embedded.valkey_answers(folder)


def start_user(folder: Path) -> subprocess.Popen[str]:
    user = subprocess.Popen(
        [sys.executable, "-c", USER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=embedded.ROOT,
    )
    assert user.stdout is not None
    assert user.stdout.readline() == "using\n"
    return user


def end_user(user: subprocess.Popen[str]) -> None:
    user.communicate("")


def run(folder: Path, sql: str) -> object:
    with psycopg.connect(embedded.addresses(folder).database_url, autocommit=True) as connection:
        answer = connection.execute(sql.encode())
        return answer.fetchone() if answer.description else None


def keeper_of(folder: Path) -> int:
    """The process that owns the servers: the parent of PostgreSQL."""
    pid = int((folder / "postgres" / "postmaster.pid").read_text().split()[0])
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def test_data_stays_and_servers_end_with_their_last_user(folder: Path) -> None:
    with embedded.use(folder, embedded.FAST_SETTINGS):
        run(folder, "create table kept as select 7 as number")
        with embedded.use(folder):
            pass
        assert is_up(folder)
    assert eventually(lambda: not embedded.socket_folder(folder).exists())

    with embedded.use(folder, embedded.FAST_SETTINGS):
        assert run(folder, "select number from kept") == (7,)


def test_a_killed_user_leaves_nothing_that_runs(folder: Path) -> None:
    user = start_user(folder)
    user.kill()
    user.wait()

    assert eventually(lambda: not is_up(folder))
    end_user(start_user(folder))


def test_servers_stay_for_the_others_when_the_one_who_started_them_is_killed(folder: Path) -> None:
    first = start_user(folder)
    second = start_user(folder)
    first.kill()
    first.wait()

    assert run(folder, "select 1") == (1,)
    end_user(second)


def test_a_killed_keeper_takes_the_servers_along_and_does_not_block_the_next(folder: Path) -> None:
    user = start_user(folder)
    run(folder, "create table kept as select 7 as number")
    os.kill(keeper_of(folder), signal.SIGKILL)

    other = start_user(folder)

    assert run(folder, "select number from kept") == (7,)
    end_user(other)
    end_user(user)


def test_a_pid_file_that_names_somebody_elses_process_does_not_block(folder: Path) -> None:
    end_user(start_user(folder))
    assert eventually(lambda: not (folder / "postgres" / "postmaster.pid").exists())
    (folder / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{folder / 'postgres'}\n0\n5432\n\n\n\nready\n")

    end_user(start_user(folder))


def test_a_broken_off_first_start_does_not_block(folder: Path) -> None:
    (folder / "postgres.unfinished" / "base").mkdir(parents=True)

    end_user(start_user(folder))


def test_data_of_another_version_is_refused_with_a_clear_message(folder: Path) -> None:
    (folder / "postgres").mkdir(parents=True)
    (folder / "postgres" / "PG_VERSION").write_text("12\n")

    with pytest.raises(ProgramFailed, match="was made by PostgreSQL 12, and this is 18"), embedded.use(folder):
        pass


def test_a_folder_without_a_database_in_its_place_is_refused(folder: Path) -> None:
    (folder / "postgres").mkdir(parents=True)

    with pytest.raises(ProgramFailed, match="holds no database"), embedded.use(folder):
        pass


def test_data_is_not_thrown_away_under_somebody_who_uses_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "LOCK_WAIT_SECONDS", 0.2)
    user = start_user(folder)
    with pytest.raises(ProgramFailed, match="in use by another command"):
        embedded.throw_away(folder)
    monkeypatch.undo()
    end_user(user)

    embedded.throw_away(folder)

    assert not (folder / "postgres").exists()


def test_the_folder_of_sockets_is_short_and_private(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(folder / ("deep" * 30)))

    assert len(str(embedded.socket_folder(folder) / ".s.PGSQL.5432")) < 107


def test_a_folder_of_sockets_that_is_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    sockets = embedded.socket_folder(folder)
    (tmp_path / "elsewhere").mkdir()
    sockets.symlink_to(tmp_path / "elsewhere")
    try:
        with pytest.raises(ProgramFailed, match="belongs to somebody else"):
            embedded.make_sockets_folder(sockets)
    finally:
        sockets.unlink()
