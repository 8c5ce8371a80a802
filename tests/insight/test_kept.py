"""Rendered parts of pages serve all processes through the cache server, which learns nothing and adds nothing."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client, override_settings

from agents.models import Agent
from insight.views import kept
from insight.views.kept import MOST_KEPT, SHARED, Part, forget_own, is_my_turn, keep, newest_part, own_part, share
from tests.approvals.world import add_agent
from tests.factories import NOW, make_cast

FRAGMENT = Part("state", NOW, '"tag"', "<p>42.00 USD to Example</p>")
LATER = NOW + timedelta(seconds=1)


@pytest.fixture(autouse=True)
def empty_caches(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # The cache server measures by its own clock, which does not stand still while a test waits for a processor.
    monkeypatch.setattr(kept, "TURN_SECONDS", 120)
    forget_own()
    caches[SHARED].clear()
    kept._Rest.until = 0.0
    yield
    kept._Rest.until = 0.0


def as_another_process() -> None:
    forget_own()


@pytest.mark.django_db
def test_one_process_serves_what_another_one_has_rendered(client: Client, time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)
    cast = make_cast()
    add_agent(cast, "Alma")
    client.force_login(cast.vera.person)
    poll = {"HX-Request": "true", "If-None-Match": "none"}
    rendered = client.get("/agents/", headers=poll)
    Agent.objects.filter(name="Alma").update(name="Bela")

    as_another_process()
    served = client.get("/agents/", headers=poll)
    assert (served["ETag"], served.content) == (rendered["ETag"], rendered.content)

    as_another_process()
    caches[SHARED].clear()
    assert "Bela" in client.get("/agents/", headers=poll).content.decode()


def test_a_process_keeps_the_last_renderings_and_no_more() -> None:
    for number in range(MOST_KEPT + 1):
        keep(f"page {number}", FRAGMENT)
    assert own_part("page 0") is None
    assert own_part("page 1") == own_part(f"page {MOST_KEPT}") == FRAGMENT


def test_the_newest_rendering_of_all_processes_counts() -> None:
    share("page", FRAGMENT)
    old = Part("before", NOW - timedelta(seconds=10), '"old"', "<p>before</p>")
    keep("page", old)

    assert own_part("page") == old, "a page that is opened rests on nobody else"
    assert newest_part("page", LATER) == FRAGMENT


@pytest.mark.django_db
def test_one_process_renders_anew_and_the_others_show_what_there_is_meanwhile(
    client: Client, time_machine: Any
) -> None:
    time_machine.move_to(NOW, tick=False)
    cast = make_cast()
    add_agent(cast, "Alma")
    client.force_login(cast.vera.person)
    poll = {"HX-Request": "true", "If-None-Match": "none"}
    rendered = client.get("/agents/", headers=poll).content
    Agent.objects.filter(name="Alma").update(name="Bela")
    [key] = server().scan_iter("*part-*")
    page = key.decode().rpartition(":")[2]
    known = own_part(page)
    assert known

    time_machine.move_to(NOW + kept.FRESH, tick=False)
    assert is_my_turn(page, known)
    assert client.get("/agents/", headers=poll).content == rendered, "somebody else renders it"

    # Whoever had the turn has died, or is slow: what is shown does not get any older.
    time_machine.move_to(NOW + kept.FRESH + timedelta(seconds=kept.TURN_SECONDS), tick=False)
    assert not is_my_turn(page, known)
    assert "Bela" in client.get("/agents/", headers=poll).content.decode()


def test_the_cache_server_sees_nothing_of_a_page(settings: Any) -> None:
    share("page", FRAGMENT)
    stored = raw("page")
    assert stored
    assert b"42.00" not in stored
    assert b"tag" not in stored

    as_another_process()
    settings.SECRET_KEY = "another installation's"
    kept._cipher.cache_clear()
    assert newest_part("page", LATER) is None
    kept._cipher.cache_clear()


@pytest.mark.parametrize("write", [b"", b"<p>pay me</p>", b"x" * 100])
def test_nobody_else_puts_text_into_a_page(write: bytes) -> None:
    share("page", FRAGMENT)
    as_another_process()
    put("page", write)
    assert newest_part("page", LATER) is None


@pytest.mark.parametrize("fields", [{}, {"name": "page"}, {"name": "page", "at": "now"}, {"name": "page", "more": 1}])
def test_what_another_version_has_sealed_is_not_there(fields: dict[str, Any]) -> None:
    caches[SHARED].set("page", fields, 60)
    assert newest_part("page", LATER) is None


def test_a_part_serves_under_its_own_name_only() -> None:
    share("others-page", FRAGMENT)
    stored = raw("others-page")
    put("page", stored)
    assert newest_part("others-page", LATER) == FRAGMENT
    assert newest_part("page", LATER) is None


def test_without_the_cache_server_each_process_keeps_its_own_and_leaves_the_server_alone(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    away = settings.CACHES[SHARED] | {"LOCATION": "unix:///nowhere/valkey.sock"}
    with override_settings(CACHES=settings.CACHES | {SHARED: away}):
        share("page", FRAGMENT)
        assert is_my_turn("page", FRAGMENT), "nobody else can have it"
        keep("page", FRAGMENT)
        assert newest_part("page", LATER) == FRAGMENT
        assert newest_part("another-page", LATER) is None
    assert [one.message for one in caplog.records].count(
        "Each process renders for itself for the next 5 s: ConnectionError"
    ) == 1


def test_what_is_shared_ends_with_its_freshness() -> None:
    share("page", FRAGMENT)
    left = server().pttl(caches[SHARED].make_key("page"))
    assert 0 < left <= (kept.FRESH.total_seconds() + kept.TURN_SECONDS) * 1000


def server() -> Any:
    shared: Any = caches[SHARED]
    return shared._cache.get_client()


def raw(name: str) -> bytes:
    stored: bytes = server().get(caches[SHARED].make_key(name))
    return stored


def put(name: str, stored: bytes) -> None:
    server().set(caches[SHARED].make_key(name), stored, ex=60)
