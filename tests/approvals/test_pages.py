"""The pages of requests to spend, as people of each role meet them."""

from typing import Any

import pytest
from django.test import Client

from approvals.models import Authorization
from core.ids import Prefix, to_public
from people.models import Member
from tests.approvals.world import World, ask, make_world, stored
from tests.factories import NOW

pytestmark = pytest.mark.django_db

REVIEW = {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}, "review": {"timeout_minutes": 43200}}


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)


def page(member: Member, path: str, **data: str) -> Any:
    client = Client()
    client.force_login(member.person)
    return client.post(path, data) if data else client.get(path)


def waiting(world: World) -> tuple[Authorization, str]:
    one = stored(ask(world, "60", purpose="<script>alert(1)</script>"))
    return one, to_public(Prefix.AUTHORIZATION, one.id)


def evidence(html: str) -> str:
    return html.split('name="evidence" value="')[1].split('"', maxsplit=1)[0]


def test_the_inbox_shows_what_waits_and_escapes_the_agents_words() -> None:
    world = make_world(REVIEW)
    waiting(world)

    html = page(world.cast.rui, "/approvals/").content.decode()

    assert "OpenAI" in html
    assert "&lt;script&gt;" in html
    assert "<script>alert" not in html


def test_approving_what_was_shown_approves() -> None:
    world = make_world(REVIEW)
    one, public_id = waiting(world)
    shown = evidence(page(world.cast.rui, f"/approvals/{public_id}/").content.decode())

    response = page(world.cast.rui, f"/approvals/{public_id}/approve/", evidence=shown)

    assert response.status_code == 302
    assert Authorization.objects.get(id=one.id).status == "approved"


def test_approving_something_else_shows_the_new_evidence() -> None:
    world = make_world(REVIEW)
    one, public_id = waiting(world)

    response = page(world.cast.rui, f"/approvals/{public_id}/approve/", evidence="0" * 64)

    assert response.status_code == 409
    assert "Look again" in response.content.decode()
    assert Authorization.objects.get(id=one.id).status == "pending_review"


def test_a_rejection_without_a_reason_is_asked_again() -> None:
    world = make_world(REVIEW)
    one, public_id = waiting(world)

    assert page(world.cast.rui, f"/approvals/{public_id}/reject/", reason=" ").status_code == 422
    assert page(world.cast.rui, f"/approvals/{public_id}/reject/", reason="too dear").status_code == 302
    assert Authorization.objects.get(id=one.id).status_reason == "too dear"


def test_a_viewer_sees_and_cannot_answer() -> None:
    world = make_world(REVIEW)
    _, public_id = waiting(world)

    assert 'name="evidence"' not in page(world.cast.vera, f"/approvals/{public_id}/").content.decode()
    assert page(world.cast.vera, f"/approvals/{public_id}/approve/", evidence="x").status_code == 403


def test_another_organization_finds_nothing() -> None:
    world = make_world(REVIEW)
    _, public_id = waiting(world)

    assert page(world.cast.mallory, f"/approvals/{public_id}/").status_code == 404
    assert page(world.cast.mallory, f"/authorizations/{public_id}/").status_code == 404
    assert "OpenAI" not in page(world.cast.mallory, "/authorizations/").content.decode()


def test_the_list_filters_and_an_agents_sections_show() -> None:
    world = make_world(REVIEW)
    waiting(world)
    agent = to_public(Prefix.AGENT, world.agent.id)

    assert "OpenAI" in page(world.cast.vera, "/authorizations/?status=pending_review").content.decode()
    assert "OpenAI" not in page(world.cast.vera, "/authorizations/?status=recorded").content.decode()
    assert page(world.cast.vera, f"/agents/{agent}/limits/").status_code == 200
    assert "OpenAI" in page(world.cast.vera, f"/agents/{agent}/authorizations/").content.decode()


def test_voiding_frees_what_was_held() -> None:
    world = make_world(REVIEW)
    one = stored(ask(world, "10"))
    public_id = to_public(Prefix.AUTHORIZATION, one.id)

    assert page(world.cast.rui, f"/authorizations/{public_id}/void/", reason="no").status_code == 403
    assert page(world.cast.olu, f"/authorizations/{public_id}/void/", reason="gone").status_code == 302
    assert Authorization.objects.get(id=one.id).status == "voided"
