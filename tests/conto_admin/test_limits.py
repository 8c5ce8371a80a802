"""One key calls so often a minute, whoever of the processes it meets; a counter that is away stops nobody."""

import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic, process_time
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as shipped
from django.test import Client
from pytest_django import Settings

from agents.services import revoke_key
from conto_admin.limits import WINDOW_SECONDS, ByAddressWithTls, Counter, Place, connection_to, network_of, place_of
from core.db import rows
from tests.agents.samples import back_end, bearer
from tests.approvals.world import World, add_agent, make_world
from tests.examples.server import LiveConto
from tests.factories import NOW, actor_for

PATIENT_SECONDS = 5.0
"""For tests of counting: on a busy machine 20 ms may pass in which this process does not run at all."""


@pytest.fixture
def patient(settings: Settings) -> Settings:
    settings.RATE_WAIT_SECONDS = PATIENT_SECONDS
    return settings


# --- Keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_every_answer_tells_the_limit_and_the_one_too_many_when_to_come_back(patient: Settings) -> None:
    patient.RATE_PER_MINUTE = 2
    world = make_world()
    client = Client(headers=bearer(world.secret))

    first, second, third = (client.get("/api/v1/status") for _ in range(3))

    assert [answer.status_code for answer in (first, second, third)] == [200, 200, 429]
    assert {answer["RateLimit-Policy"] for answer in (first, second, third)} == {'"key";q=2;w=60'}
    left = [answer["RateLimit"].split(";")[:2] for answer in (first, second, third)]
    assert left == [['"key"', "r=1"], ['"key"', "r=0"], ['"key"', "r=0"]]
    assert 0 < int(third["Retry-After"]) <= WINDOW_SECONDS
    assert third["RateLimit"].endswith(f";t={third['Retry-After']}")
    assert third["Content-Type"] == "application/problem+json"
    assert (third.json()["code"], third.json()["status"]) == ("rate_limited", 429)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "status"), [("get", "authorizations/nothing", 404), ("post", "authorizations", 422)]
)
def test_refusals_tell_the_limit_too(patient: Settings, method: str, path: str, status: int) -> None:
    client = Client(headers=bearer(make_world().secret))

    answer = getattr(client, method)(
        f"/api/v1/{path}", **({"data": {}, "content_type": "application/json"} if method == "post" else {})
    )

    assert answer.status_code == status
    assert answer["RateLimit-Policy"] == f'"key";q={shipped.RATE_PER_MINUTE};w=60'
    assert "RateLimit" in answer


@pytest.mark.django_db
def test_keys_count_apart(patient: Settings) -> None:
    patient.RATE_PER_MINUTE = 1
    world = make_world()
    other = add_agent(world.cast, "Other")

    answers = [Client(headers=bearer(one.secret)).get("/api/v1/status") for one in (world, other, world, other)]

    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]


@pytest.mark.django_db
def test_what_is_refused_does_nothing(patient: Settings) -> None:
    patient.RATE_PER_MINUTE = 1
    client = Client(headers=bearer(make_world().secret))
    body = {"amount": "1", "currency": "USD", "counterparty": {"domain": "a.example"}}

    answers = [client.post("/api/v1/authorizations", body, content_type="application/json") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [201, 429, 429]
    assert rows("select count(*) from approvals_authorization") == [(1,)]


@pytest.mark.django_db
def test_zero_is_no_limit(patient: Settings) -> None:
    patient.RATE_PER_MINUTE = 0
    answer = Client(headers=bearer(make_world().secret)).get("/api/v1/status")

    assert answer.status_code == 200
    assert "RateLimit-Policy" not in answer


@pytest.mark.process
@pytest.mark.django_db(transaction=True)
def test_processes_share_the_count(patient: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CONTO_RATE_PER_MINUTE", "6")
    patient.RATE_PER_MINUTE = 6
    world = make_world()
    here = Client(headers=bearer(world.secret))
    conto = LiveConto(tmp_path / "web.log")
    conto.start()
    try:
        answers = [status_of(conto, world) if turn % 2 else here.get("/api/v1/status").status_code for turn in range(8)]
    finally:
        conto.supervisor.stop()

    assert answers == [200] * 6 + [429] * 2


def status_of(conto: LiveConto, world: World) -> int:
    request = urllib.request.Request(f"{conto.url}/api/v1/status", headers=bearer(world.secret))
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with closing(refused):
            return refused.code


# --- Addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_who_fails_again_and_again_is_told_to_wait_and_a_known_key_passes(patient: Settings) -> None:
    patient.FAILURES_PER_MINUTE = 2
    address, world = f"2001:db8:{uuid4().hex[:4]}:1::7", make_world()
    stranger = Client(REMOTE_ADDR=address, headers=bearer("conto_agent_nothing"))

    answers = [stranger.get("/api/v1/status") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert answers[2].json()["code"] == "rate_limited"
    assert answers[2]["RateLimit-Policy"] == '"address";q=2;w=60'
    assert int(answers[2]["Retry-After"]) > 0
    assert "RateLimit" not in answers[0]
    assert Client(REMOTE_ADDR=address, headers=bearer(world.secret)).get("/api/v1/status").status_code == 200
    assert Client(REMOTE_ADDR="203.0.113.9").get("/api/v1/status").status_code == 401


@pytest.mark.django_db
@pytest.mark.parametrize("is_agent", [True, False])
def test_a_key_of_the_other_kind_is_told_so_and_counts_for_itself_and_not_for_its_address(
    patient: Settings, is_agent: bool
) -> None:
    patient.FAILURES_PER_MINUTE, patient.RATE_PER_MINUTE = 1, 2
    world, address = make_world(), f"2001:db8:{uuid4().hex[:4]}:2::7"
    client = (
        Client(headers=bearer(world.secret)) if is_agent else back_end(world.cast.ada, "read", "provision", "policies")
    )
    path = "/api/v1/agents" if is_agent else "/api/v1/status"

    answers = [client.get(path, REMOTE_ADDR=address) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [403, 403, 429]
    assert answers[0].json()["code"] == "other_key_needed"
    assert ("organization key of the scope" if is_agent else "the agent's key") in answers[0].json()["detail"]
    assert answers[2]["RateLimit-Policy"] == '"key";q=2;w=60'
    assert Client(REMOTE_ADDR=address).get(path).status_code == 401


@pytest.mark.django_db
def test_a_key_of_the_other_kind_that_has_ended_is_refused_as_one(patient: Settings) -> None:
    world = make_world()
    revoke_key(organization_id=world.organization_id, key_id=world.key_id, actor=actor_for(world.cast.olu), now=NOW)

    answer = Client(headers=bearer(world.secret)).get("/api/v1/agents")

    assert (answer.status_code, answer.json()["code"]) == (401, "key_revoked")


@pytest.mark.django_db
def test_failures_may_go_uncounted(patient: Settings) -> None:
    patient.FAILURES_PER_MINUTE = 0

    assert {Client().get("/api/v1/status").status_code for _ in range(5)} == {401}


def test_a_network_is_counted_as_one() -> None:
    assert network_of("2001:db8:1:2::1") == network_of("2001:db8:1:2:ffff::9") == network_of("2001:db8:1:2::1%eth0")
    assert network_of("2001:db8:1:3::1") != network_of("2001:db8:1:2::1")
    assert network_of("203.0.113.8") == "203.0.113.8"
    assert network_of("") == ""


# --- The counter ------------------------------------------------------------------------------------------------------


def test_a_window_ends_by_itself() -> None:
    counter, name = Counter(shipped.RATE_URL, PATIENT_SECONDS), uuid4().hex
    first, second = counter.count(name, 0.2), counter.count(name, 0.2)
    ends = monotonic() + PATIENT_SECONDS

    assert first is not None
    assert second is not None
    assert (first[0], second[0]) == (1, 2)
    assert 0 <= second[1] <= first[1] <= 200
    while (again := counter.count(name, 0.2)) is None or again[0] != 1:
        assert monotonic() < ends, "the window never ended"


def test_counting_costs_little() -> None:
    counter, name = Counter(shipped.RATE_URL, PATIENT_SECONDS), uuid4().hex
    counter.count(name)
    began = process_time()
    for _ in range(300):
        counter.count(name)

    assert (process_time() - began) / 300 < 0.000_5  # about 0.000_05 on a machine that does nothing else


@contextmanager
def listening(*, reply_after: float | None = None, steps: bytes = b"") -> Iterator[str]:
    """A server that takes connections, answers the handshake with `steps`, and its first question late or never."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []

        def serve() -> None:
            while not ended.is_set():
                try:
                    taken.append(server.accept()[0])
                except OSError:
                    return
                if reply_after is not None:
                    taken[-1].sendall(steps)
                    ended.wait(reply_after)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"redis://127.0.0.1:{server.getsockname()[1]}/1"
        finally:
            ended.set()
            server.shutdown(socket.SHUT_RDWR)
            for one in taken:
                one.close()
            thread.join()


def quickest(url: str) -> float:
    """The seconds until a counter gives up, without the moments in which this machine did something else."""
    spent = []
    for _ in range(5):
        counter, began = Counter(url, 0.02), monotonic()
        assert counter.count("anybody") is None
        spent.append(monotonic() - began)
        assert counter.rests_until > monotonic()
    return min(spent)


def test_a_counter_that_is_away_costs_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    assert quickest(f"redis://127.0.0.1:{port}/1") < 0.025
    assert quickest("unix:///nowhere/valkey.sock?db=1") < 0.025


def test_a_counter_that_does_not_answer_costs_twenty_milliseconds() -> None:
    with listening() as url:
        assert quickest(url) < 0.025
    with listening(reply_after=1, steps=b"+OK\r\n") as url:
        assert quickest(url) < 0.025
    with listening(reply_after=1, steps=b"+OK\r\n*2\r\n:1\r") as url:
        assert quickest(url) < 0.025


def test_a_name_server_that_does_not_answer_holds_up_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is looked up beside the requests, which pass meanwhile; they are counted once it is known."""
    asked, answered, real = threading.Event(), threading.Event(), socket.getaddrinfo
    name = f"counter-{uuid4().hex}.example"

    def slow(host: str | None, *rest: Any, **more: Any) -> Any:
        if host != name:
            return real(host, *rest, **more)
        asked.set()
        assert answered.wait(PATIENT_SECONDS)
        return real("127.0.0.1", *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with listening(reply_after=PATIENT_SECONDS, steps=b"+OK\r\n*2\r\n:1\r\n:60000\r\n") as there:
        url = there.replace("127.0.0.1", name)
        assert quickest(url) < 0.025
        assert asked.wait(PATIENT_SECONDS)
        answered.set()
        lookup = place_of(name).lookup
        assert lookup is not None
        lookup.join()

        assert Counter(url, PATIENT_SECONDS).count("anybody") == (1, 60_000)


def test_of_several_addresses_the_next_is_tried_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"counter-{uuid4().hex}.example"
    both = [(socket.AF_INET6, ("::1", 0, 0, 0)), (socket.AF_INET, ("127.0.0.1", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(family, 1, 6, "", place) for family, place in both])
    place = Place(name)

    tried = []
    for _ in range(3):
        assert place.lookup is not None
        place.lookup.join()
        tried.append(place.address())
        place.move_on()

    assert tried == ["::1", "127.0.0.1", "::1"]


def test_an_address_is_not_looked_up_and_a_name_stays_what_a_certificate_is_compared_with() -> None:
    assert place_of("192.0.2.7").lookup is None
    made = connection_to("rediss://counter.example:6380/1", 0.02)
    assert isinstance(made, ByAddressWithTls)
    assert made.host == "counter.example"
    made.place = place_of("192.0.2.7")
    assert made.place.address() == "192.0.2.7"


def test_what_failed_is_left_alone_for_a_second() -> None:
    counter = Counter("unix:///nowhere/valkey.sock?db=1", 0.02)
    counter.count("anybody")
    counter.url = shipped.RATE_URL

    assert counter.count("anybody") is None
    counter.rests_until = 0.0
    counter.wait_seconds = PATIENT_SECONDS
    assert counter.count(uuid4().hex) == (1, WINDOW_SECONDS * 1000)


@pytest.mark.django_db
@pytest.mark.parametrize("url", ["unix:///nowhere/valkey.sock?db=1", ""])
def test_without_a_counter_every_request_passes_and_is_told_the_policy_only(settings: Settings, url: str) -> None:
    settings.RATE_URL, settings.RATE_PER_MINUTE, settings.FAILURES_PER_MINUTE = url, 1, 1
    client = Client(headers=bearer(make_world().secret))

    answers = [client.get("/api/v1/status") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert answers[2]["RateLimit-Policy"] == '"key";q=1;w=60'
    assert "RateLimit" not in answers[2]
    assert [Client().get("/api/v1/status").status_code for _ in range(3)] == [401, 401, 401]
