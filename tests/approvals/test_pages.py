"""The pages of requests to spend, as people of each role meet them."""

import csv
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from agents.services import retire_agent
from approvals.lifecycle import UNDO_TIME
from approvals.models import Authorization
from core.ids import Prefix, to_public
from people.models import Member, Organization
from spend.payee import PayeeClaim
from tests.approvals.world import World, add_agent, ask, finalised, make_world, put_policy, republish, stored
from tests.factories import NOW, actor_for

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


def outside_dialogs(response: Any) -> str:
    """What is seen of a page at once: dialogs are closed until their button is pressed."""
    return re.sub(r'<div class="dialog".*?</form>', "", response.content.decode(), flags=re.DOTALL)


def test_the_inbox_shows_what_waits_and_escapes_the_agents_words() -> None:
    world = make_world(REVIEW)
    waiting(world)

    html = page(world.cast.rui, "/approvals/").content.decode()

    assert "OpenAI" in html
    assert "&lt;script&gt;" in html
    assert "<script>alert" not in html


def test_a_day_that_is_over_is_not_told_as_if_it_were_today(time_machine: Any) -> None:
    world = make_world(REVIEW, {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "500"}})
    _, public_id = waiting(world)
    address, over = f"/approvals/{public_id}/", "in a time that ended"

    assert over not in page(world.cast.rui, address).content.decode()
    time_machine.move_to(NOW + timedelta(days=1), tick=False)
    assert re.search(
        rf"<code>daily</code> {over} <time[^>]*>23 Nov 2026", page(world.cast.rui, address).content.decode()
    )


def test_approving_what_was_shown_approves() -> None:
    world = make_world(REVIEW)
    one, public_id = waiting(world)
    shown = evidence(page(world.cast.rui, f"/approvals/{public_id}/").content.decode())

    response = page(world.cast.rui, f"/approvals/{public_id}/approve/", evidence=shown)

    assert response.status_code == 302
    assert finalised(one, now=NOW + UNDO_TIME) == "approved"


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

    again = page(world.cast.rui, f"/approvals/{public_id}/reject/", reason=" ")
    assert again.status_code == 422
    assert "Say why" in outside_dialogs(again)
    assert Authorization.objects.get(id=one.id).status == "pending_review"
    assert page(world.cast.rui, f"/approvals/{public_id}/reject/", reason="too dear").status_code == 302
    assert finalised(one, now=NOW + UNDO_TIME) == "declined"
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


def test_voiding_without_a_reason_says_so_on_the_page_and_voids_nothing() -> None:
    world = make_world(REVIEW)
    one, public_id = waiting(world)

    again = page(world.cast.olu, f"/authorizations/{public_id}/void/", reason=" ")

    assert again.status_code == 422
    assert "Say why" in outside_dialogs(again)
    assert Authorization.objects.get(id=one.id).status == "pending_review"


def test_the_reasons_of_a_rejection_and_of_a_void_have_fields_of_their_own() -> None:
    world = make_world(REVIEW)
    _, public_id = waiting(world)

    ids = re.findall(r'id="([^"]+)"', page(world.cast.ada, f"/authorizations/{public_id}/").content.decode())

    assert {"reject_reason", "void_reason"} <= set(ids)
    assert len(ids) == len(set(ids))


def test_only_who_may_void_is_offered_to() -> None:
    world = make_world(REVIEW)
    _, public_id = waiting(world)
    address = f"/authorizations/{public_id}/"

    assert f"{address}void/" in page(world.cast.olu, address).content.decode()
    for member in (world.cast.vera, world.cast.rui):
        assert f"{address}void/" not in page(member, address).content.decode()


def test_a_retired_agents_link_lists_its_payments_and_no_others() -> None:
    world = make_world(REVIEW)
    other = add_agent(world.cast, "Other")
    mine, others = stored(ask(world, "10")), stored(ask(other, "11"))
    organization_id = world.organization_id
    retire_agent(organization_id=organization_id, agent_id=world.agent.id, actor=actor_for(world.cast.olu), now=NOW)

    html = page(world.cast.vera, f"/authorizations/?agent={to_public(Prefix.AGENT, world.agent.id)}").content.decode()

    assert "Research (retired)" in html
    assert to_public(Prefix.AUTHORIZATION, mine.id) in html
    assert to_public(Prefix.AUTHORIZATION, others.id) not in html


@pytest.mark.parametrize("query", ["agent=agt_1", "status=great", "since=yesterday", "rail=pigeon", "outcome=maybe"])
def test_a_filter_that_cannot_be_understood_shows_nothing_and_says_so(query: str) -> None:
    world = make_world(REVIEW)
    _, public_id = waiting(world)

    html = page(world.cast.vera, f"/authorizations/?{query}&category=ai").content.decode()

    assert public_id not in html
    assert "form-error" in html
    assert 'value="ai"' in html


def test_a_foreign_agent_is_no_filter() -> None:
    world = make_world(REVIEW)
    _, public_id = waiting(world)

    html = page(
        world.cast.mallory, f"/authorizations/?agent={to_public(Prefix.AGENT, world.agent.id)}"
    ).content.decode()

    assert "form-error" in html
    assert "Research" not in html
    assert public_id not in html


def confirming_above(world: World, amount: str, currency: str = "USD") -> None:
    Organization.objects.filter(id=world.organization_id).update(confirmation_amount=Decimal(amount), currency=currency)


def test_an_approval_above_the_confirmation_amount_has_to_be_confirmed() -> None:
    world = make_world(REVIEW)
    one, public_id = waiting(world)
    confirming_above(world, "59.99")
    shown = evidence(page(world.cast.rui, f"/approvals/{public_id}/").content.decode())

    asked = page(world.cast.rui, f"/approvals/{public_id}/approve/", evidence=shown)

    assert asked.status_code == 422
    assert Authorization.objects.get(id=one.id).status == "pending_review"
    step = asked.content.decode().split('id="confirm-approval"')[1].split("</form>")[0]
    for fact in ("60.00", "OpenAI", "domain:api.openai.com", "Research", 'name="confirmed"'):
        assert fact in step
    again = page(world.cast.rui, f"/approvals/{public_id}/approve/", evidence=evidence(step), confirmed="yes")
    assert again.status_code == 302
    assert finalised(one, now=NOW + UNDO_TIME) == "approved"


@pytest.mark.parametrize(("above", "currency", "status"), [("60", "USD", 302), ("1000", "EUR", 422)])
def test_up_to_that_amount_one_yes_is_enough_and_what_cannot_be_compared_is_confirmed(
    above: str, currency: str, status: int
) -> None:
    world = make_world(REVIEW)
    _, public_id = waiting(world)
    confirming_above(world, above, currency)
    shown = evidence(page(world.cast.rui, f"/approvals/{public_id}/").content.decode())

    assert page(world.cast.rui, f"/approvals/{public_id}/approve/", evidence=shown).status_code == status


def test_a_payment_that_was_decided_again_shows_the_checks_of_both_decisions() -> None:
    world = make_world()
    policy = put_policy(world.cast, "Research agents", [REVIEW])
    one, public_id = waiting(world)
    republish(world.cast, policy, [REVIEW, {"key": "roomy", "type": "SPEND_LIMIT", "daily": {"USD": "900"}}])
    shown = evidence(page(world.cast.rui, f"/approvals/{public_id}/").content.decode())
    page(world.cast.rui, f"/approvals/{public_id}/approve/", evidence=shown)
    finalised(one, now=NOW + UNDO_TIME)

    now, _, then = page(world.cast.vera, f"/authorizations/{public_id}/").content.decode().partition("As asked")

    assert ("version 2" in now, "roomy" in now) == (True, True)
    assert ("version 1" in then, "roomy" in then) == (True, False)


def test_a_payment_decided_once_shows_its_checks_once() -> None:
    world = make_world(REVIEW)
    one = stored(ask(world, "10"))

    html = page(world.cast.vera, f"/authorizations/{to_public(Prefix.AUTHORIZATION, one.id)}/").content.decode()

    assert "As asked" not in html


def exported(member: Member, query: str = "") -> list[dict[str, str]]:
    return list(csv.DictReader(page(member, f"/authorizations/export/{query}").getvalue().decode().splitlines()))


def test_the_list_leaves_as_csv_as_it_is_filtered_page_after_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("approvals.selectors.lists.LARGEST_PAGE", 2)
    world = make_world(REVIEW)
    payee = PayeeClaim("@Cash", ("domain:cash.example",))
    for minutes, amount in enumerate(("10", "11", "12", "13", "60")):
        ask(world, amount, purpose="=1+1", payee=payee, now=NOW - timedelta(minutes=9 - minutes))

    every = exported(world.cast.vera)
    waiting_ones = exported(world.cast.vera, "?status=pending_review")

    assert [one["amount"] for one in every] == ["60.00", "13.00", "12.00", "11.00", "10.00"]
    assert {(one["purpose"], one["payee"]) for one in every} == {("'=1+1", "'@Cash")}
    assert [(one["amount"], one["status"], one["agent"]) for one in waiting_ones] == [
        ("60.00", "pending_review", "Research")
    ]
    assert exported(world.cast.mallory) == []


def test_a_filter_that_cannot_be_understood_exports_nothing() -> None:
    world = make_world(REVIEW)
    waiting(world)

    refused = page(world.cast.vera, "/authorizations/export/?status=great")

    assert refused.status_code == 422
    assert "OpenAI" not in refused.content.decode()


def test_the_list_leads_to_its_own_export() -> None:
    world = make_world(REVIEW)
    waiting(world)

    html = page(world.cast.vera, "/authorizations/?status=pending_review&category=").content.decode()

    assert 'href="/authorizations/export/?status=pending_review"' in html
