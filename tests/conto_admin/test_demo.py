"""The demo starts whatever was left behind, says clearly why it cannot, and leaves nothing behind."""

import http.client
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from conto_admin import embedded
from conto_admin.embedded import ROOT, command_line

pytestmark = pytest.mark.process

WAIT_SECONDS = 60.0
OF_TESTS = (
    "DATABASE_URL",
    "BROKER_URL",
    "SECRET_KEY",
    "CONTO_KEKS",
    "CONTO_KEY_PEPPER",
    "CONTO_NAMESPACE",
    "CONTO_DEMO",
)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "state"
    assert eventually(lambda: not embedded.postgresql_answers(tmp_path / "state")), "servers were left behind"


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free: int = probe.getsockname()[1]
        return free


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def start(state: Path, port: int, *options: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name not in OF_TESTS}
    return subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--port", str(port), *options],
        env=environment | {"CONTO_STATE": str(state)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def answers(port: int, address: str = "/readyz") -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", address)
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


def is_filled(state: Path) -> bool:
    """Whether seeding is under way: the organization is there."""
    return embedded.postgresql_answers(state) and (state / "seeding").exists() and number_of(state, "agents_agent") > 0


def number_of(state: Path, table: str) -> int:
    address = embedded.addresses(state).database_url
    with psycopg.connect(address) as connection:
        found = connection.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(table))).fetchone()
        assert found is not None
        return int(found[0])


def descendants(pid: int) -> list[int]:
    children = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*children, *(inner for child in children for inner in descendants(child))]


def wait_until_up(demo: subprocess.Popen[str], port: int) -> str:
    """What was printed until it was up."""
    assert demo.stdout is not None
    said: list[str] = []
    for line in demo.stdout:
        said.append(line)
        if "Ctrl-C ends it" in line:
            assert eventually(lambda: answers(port))
            return "".join(said)
    pytest.fail("the demo ended: " + "".join(said))


def ask_as_printed(said: str, port: int) -> tuple[int, dict[str, object]]:
    """Send what the printed curl would send: the machine that tests needs no curl."""
    (command,) = re.findall(r"^curl .*?'$", said, re.MULTILINE | re.DOTALL)
    program, address, *options = shlex.split(command.replace("\\\n", ""))
    given = list(zip(options[::2], options[1::2], strict=True))
    headers = dict(value.split(": ", 1) for option, value in given if option == "-H")
    (body,) = (value for option, value in given if option == "-d")
    assert (program, len(given)) == ("curl", len(headers) + 1)
    assert address == f"http://localhost:{port}/api/v1/authorizations"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_SECONDS)
    connection.request("POST", urlsplit(address).path, body, headers)
    answer = connection.getresponse()
    found: dict[str, object] = json.loads(answer.read())
    connection.close()
    return answer.status, found


def test_the_demo_comes_up_ends_at_a_signal_and_comes_up_again_after_a_kill(state: Path, port: int) -> None:
    first = start(state, port, "--no-history")
    status, answer = ask_as_printed(wait_until_up(first, port), port)
    assert (status, answer["status"], answer["may_pay"]) == (201, "approved", True), answer
    everything = descendants(first.pid)
    second = start(state, port + 1)
    assert "runs from this folder already: http://localhost:" in second.communicate()[0]
    assert second.returncode == 1

    first.kill()
    third = start(state, port)
    wait_until_up(third, port)
    first.communicate()
    assert not any(command_line(pid) for pid in everything)
    everything = descendants(third.pid)
    third.send_signal(signal.SIGTERM)
    third.communicate()
    assert third.returncode == 0
    assert not any(command_line(pid) for pid in everything)
    assert not answers(port)


def test_a_start_broken_off_while_it_seeds_is_begun_anew_by_the_next_one(state: Path, port: int) -> None:
    killed = start(state, port)
    assert eventually(lambda: is_filled(state))
    killed.kill()
    killed.communicate()
    assert (state / "seeding").exists()

    ended = start(state, port)
    assert ended.stdout is not None
    assert "broken off while it made the example company: beginning anew" in ended.stdout.readline()
    assert eventually(lambda: is_filled(state))
    ended.send_signal(signal.SIGTERM)
    said = ended.communicate()[0]
    assert ended.returncode == 1
    assert "Ended before it was done." in said
    assert "Traceback" not in said

    whole = start(state, port, "--no-history", "--once")
    said = whole.communicate()[0]
    assert whole.returncode == 0, said
    assert "beginning anew" in said
    assert not (state / "seeding").exists()


def test_the_proof_ends_well_or_says_what_is_wrong_and_a_fresh_start_makes_up_for_it(state: Path, port: int) -> None:
    first = start(state, port, "--no-history", "--once")
    said = first.communicate()[0]
    assert first.returncode == 0, said
    assert "The main job works." in said

    file = state / "demo.json"
    demo = json.loads(file.read_text())
    forged = [agent | {"key": agent["key"][:-1] + "!"} for agent in demo["agents"]]
    file.write_text(json.dumps(demo | {"agents": forged}))
    second = start(state, port, "--once")
    said = second.communicate()[0]
    assert second.returncode == 1
    assert "GET /api/v1/status answered 401" in said
    assert "The main job works." not in said

    third = start(state, port, "--no-history", "--once", "--fresh")
    said = third.communicate()[0]
    assert third.returncode == 0, said
    assert "The main job works." in said
    fresh = json.loads(file.read_text())
    assert {agent["id"] for agent in fresh["agents"]}.isdisjoint(agent["id"] for agent in demo["agents"])


def test_a_busy_port_is_named_with_a_way_out(state: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        demo = start(state, port)
        said = demo.communicate()[0]

    assert demo.returncode == 1
    assert f"Port {port} cannot be used (Address already in use). Choose another: --port {port + 1}" in said


def test_a_leftover_data_folder_of_another_version_is_named_with_a_way_out(state: Path, port: int) -> None:
    (state / "postgres").mkdir(parents=True)
    (state / "postgres" / "PG_VERSION").write_text("9.6\n")
    demo = start(state, port)
    said = demo.communicate()[0]

    assert demo.returncode == 1
    assert f"{state / 'postgres'} was made by PostgreSQL 9.6, and this is 18" in said
    assert "demo --fresh" in said
