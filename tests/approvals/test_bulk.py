"""Several requests answered at once: shown before, one transaction each, a result for each."""

import re
from datetime import timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents.models import Agent
from approvals.lifecycle import UNDO_TIME
from approvals.models import Authorization, Review
from approvals.selectors.books import faults
from approvals.selectors.bulk import MOST_AT_ONCE, preview
from approvals.selectors.inbox import detail, why_here
from approvals.services.finalise import finalise_reviews
from core.ids import Prefix, to_public
from people.models import Member, Organization
from spend.payee import PayeeClaim
from tests.approvals.world import World, ask, click_no, click_yes, make_world, put_policy, republish, say_yes, stored
from tests.factories import NOW
from tests.spend.samples import a_counterparty, public

pytestmark = pytest.mark.django_db

REVIEW: dict[str, Any] = {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50", "EUR": "50"}}
DAILY: dict[str, Any] = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "500", "EUR": "500"}}
EACH_SHOWN, EACH_ANSWERED, EACH_UNDONE = 1, 22, 11
"""Statements that one more payment costs: a look at its situation, its transaction with another look, its way back."""
POT: dict[str, Any] = {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": {"USD": "140"}, "period": "month"}


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> Any:
    time_machine.move_to(NOW, tick=False)
    yield
    assert faults() == []


def pending(world: World, *amounts: str, **more: Any) -> list[Authorization]:
    return [stored(ask(world, amount, **more)) for amount in amounts]


def send(member: Member, path: str = "", **data: Any) -> Any:
    client = Client()
    client.force_login(member.person)
    return client.post(f"/approvals/bulk/{path}", data)


def names(*ones: Authorization) -> list[str]:
    return [to_public(Prefix.AUTHORIZATION, one.id) for one in ones]


def step_two(html: str) -> dict[str, Any]:
    """What the form of the preview sends."""
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', html.split('id="bulk-answer"')[1])
    sent = {name: value for name, value in fields if name.startswith("evidence-") or name == "verdict"}
    return {**sent, "chosen": [value for name, value in fields if name == "chosen"], "answer": "yes"}


def statuses() -> dict[int, str]:
    finalise_reviews(now=NOW + UNDO_TIME)
    return {int(amount): status for amount, status in Authorization.objects.values_list("amount", "status")}


def test_the_whole_is_shown_before_it_is_done_and_then_each_is_decided() -> None:
    world = make_world(REVIEW, DAILY)
    ones = pending(world, "60", "70")

    first = send(world.cast.rui, chosen=names(*ones), verdict="approve")
    html = first.content.decode()
    assert first.status_code == 200
    assert "Approve 2 payments?" in html
    assert Review.objects.count() == 0
    done = send(world.cast.rui, **step_two(html)).content.decode()

    assert "2 of 2 approved" in done
    assert statuses() == {60: "approved", 70: "approved"}


def test_each_payment_costs_a_preview_and_an_answer_the_same_however_many_there_are() -> None:
    world = make_world(REVIEW, DAILY | {"daily": {"USD": "5000"}})
    previews, answers, undone = {}, {}, {}
    send(world.cast.rui)
    for number in (2, 3, 6):
        ones = pending(world, *("60" for _ in range(number)))
        with CaptureQueriesContext(connection) as shown:
            html = send(world.cast.rui, chosen=names(*ones), verdict="approve").content.decode()
        with CaptureQueriesContext(connection) as given:
            done = send(world.cast.rui, **step_two(html))
        with CaptureQueriesContext(connection) as taken_back:
            send(world.cast.rui, "undo/", review=done.context["reviews"])
        assert len(done.context["reviews"]) == number
        previews[number], answers[number], undone[number] = len(shown), len(given), len(taken_back)

    for found, each in ((previews, EACH_SHOWN), (answers, EACH_ANSWERED), (undone, EACH_UNDONE)):
        assert (found[3] - found[2], found[6] - found[3]) == (each, 3 * each), (previews, answers, undone)


@pytest.mark.parametrize("viewer", ["rui", "ada", "vera", "olu"])
def test_each_of_several_is_shown_as_it_is_alone(viewer: str) -> None:
    named = REVIEW | {"key": "named", "above": {"USD": "85"}, "review": {"roles": ["owner"]}}
    two = REVIEW | {"key": "two", "above": {"USD": "75"}, "review": {"approvals": 2}}
    world = make_world(REVIEW, two, named, DAILY | {"daily": {"USD": "500"}})
    ones = pending(world, "60", "61", "62", "70", "80", "90") + pending(world, "63", now=NOW - timedelta(days=2))
    agent = Agent.objects.get(id=world.agent.id)
    agent.owner = world.cast.olu.person
    agent.save()
    click_no(ones[0], world.cast.ada)
    click_yes(ones[1], world.cast.rui)
    say_yes(ones[2], world.cast.rui)
    click_yes(ones[4], world.cast.ada)
    member: Member = getattr(world.cast, viewer)

    seen = preview(member, [one.id for one in ones], now=NOW)
    together = {one.authorization.id: one for one in (*seen.answerable, *seen.others)}

    for one in ones:
        alone = detail(world.organization_id, one.id, member=member, now=NOW)
        shown = together[one.id]
        told = (shown.digest, shown.refusal, shown.is_waiting, shown.is_to_be_confirmed)
        assert told == (alone.digest, alone.refusal, alone.is_waiting, alone.is_to_be_confirmed)
        if alone.is_waiting:
            assert (shown.outcome, shown.reasons, shown.checks) == (alone.outcome, alone.reasons, alone.checks)


def test_each_of_several_says_what_is_to_be_known_of_its_payee_and_of_its_agent() -> None:
    world = make_world(REVIEW)
    known = a_counterparty(world.cast.olu, "Foundry", identifiers=["domain:foundry.example"], standing="verified")
    (plain,) = pending(world, "60", payee=PayeeClaim("Bakery", ("domain:bakery.example",)))
    (same,) = pending(world, "61", payee=PayeeClaim("FOUNDRY", ("domain:other.example",)))
    (alike,) = pending(world, "62", payee=PayeeClaim("F0undry", ("domain:third.example",)))
    Agent.objects.filter(id=world.agent.id).update(frozen_at=NOW, frozen_reason="odd")
    member = world.cast.rui

    html = send(member, chosen=names(plain, same, alike), verdict="approve").content.decode()
    rows = [row for row in html.split("<tr>")[1:] if "bulk-payee" in row]

    assert ["Another counterparty has this name:" in row for row in rows] == [False, True, False]
    assert ["Another counterparty’s name looks like this one:" in row for row in rows] == [False, False, True]
    assert [f'href="/counterparties/{public(known)}/"' in row for row in rows] == [False, True, True]
    for one, row in zip((plain, same, alike), rows, strict=True):
        alone = detail(world.organization_id, one.id, member=member, now=NOW)
        assert alone.obstacle
        assert alone.obstacle in unescape(row)


def test_totals_are_per_currency_and_limits_are_shown_without_and_with_them() -> None:
    world = make_world(REVIEW, DAILY)
    ask(world, "10")
    ones = pending(world, "60", "70") + pending(world, "80", currency="EUR")

    seen = preview(world.cast.rui, [one.id for one in ones], now=NOW)

    assert [(one.currency, one.amount, one.number) for one in seen.totals] == [
        ("EUR", Decimal(80), 1),
        ("USD", Decimal(130), 2),
    ]
    effects = {str(one.check.currency): (one.before, one.after, one.left, one.number) for one in seen.effects}
    assert effects == {
        "USD": (Decimal(10), Decimal(140), Decimal(360), 2),
        "EUR": (Decimal(0), Decimal(80), Decimal(420), 1),
    }


@pytest.mark.parametrize("is_open", [True, False])
def test_a_pot_that_came_later_shows_that_not_all_of_them_fit(is_open: bool) -> None:
    world = make_world()
    policy = put_policy(world.cast, "P", [REVIEW])
    ones = pending(world, "60", "90")
    republish(world.cast, policy, [REVIEW, POT])
    if is_open:
        ask(world, "1")

    effect = preview(world.cast.rui, [one.id for one in ones], now=NOW).effects[0]
    used = Decimal(is_open)
    assert (effect.before, effect.after, effect.left) == (used, used + 150, -10 - used)

    html = send(world.cast.rui, chosen=names(*ones), verdict="approve").content.decode()
    assert "does not fit" in html
    send(world.cast.rui, **step_two(html))
    assert sorted(statuses()[amount] for amount in (60, 90)) == ["approved", "declined"]


def test_one_that_was_decided_meanwhile_keeps_no_other_from_being_stored() -> None:
    world = make_world(REVIEW)
    ones = pending(world, "60", "70")
    html = send(world.cast.rui, chosen=names(*ones), verdict="approve").content.decode()
    click_no(ones[0], world.cast.ada)

    done = send(world.cast.rui, **step_two(html)).content.decode()

    assert "1 of 2 approved" in done
    assert "Ada was faster" in done
    assert statuses() == {60: "declined", 70: "approved"}


def test_the_reason_is_that_of_the_queue_and_each_limit_says_what_it_is() -> None:
    unknown = {"key": "known", "type": "COUNTERPARTY", "unknown": "review"}
    caps = {"key": "caps", "type": "SPEND_LIMIT", "daily": {"USD": "500"}, "monthly": {"USD": "900"}}
    world = make_world({"key": "large", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}}, caps, unknown)
    (one,) = pending(world, "60")

    found = preview(world.cast.rui, [one.id], now=NOW)

    assert [each.why for each in found.answerable] == [why_here(one)]
    html = send(world.cast.rui, chosen=names(one)).content.decode().split("What they take")[1]
    for name in ("Daily limit", "Monthly limit"):
        assert html.count(f"<span>{name}<") == 1
    assert html.split("Daily limit")[1].split("</tr>")[0].count("until <time") == 1


def test_taking_them_back_leads_to_where_one_was() -> None:
    world = make_world({"key": "large", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}})
    _, one, other = pending(world, "60", "70", "80")
    at = to_public(Prefix.AUTHORIZATION, other.id)
    html = send(world.cast.rui, chosen=names(one), at=at).content.decode()
    assert f'name="at" value="{at}"' in html

    back = send(world.cast.rui, "undo/", review=[], at=at)

    assert back.headers["Location"] == f"/approvals/{at}/"
    for nowhere in ("", "somewhere", "atz_\0"):
        assert send(world.cast.rui, "undo/", review=[], at=nowhere).headers["Location"] == "/approvals/"


def test_nothing_is_approved_blind() -> None:
    world = make_world(REVIEW, DAILY)
    ones = pending(world, "60", "70")
    html = send(world.cast.rui, chosen=names(*ones), verdict="approve").content.decode()
    ask(world, "5")

    changed = send(world.cast.rui, **step_two(html)).content.decode()
    without = send(world.cast.rui, chosen=names(*ones), verdict="approve", answer="yes").content.decode()

    assert changed.count("Look again") == 2
    assert without.count("Look again") == 2
    assert Review.objects.count() == 0


def test_what_has_to_be_confirmed_is_confirmed_one_by_one() -> None:
    world = make_world(REVIEW)
    Organization.objects.filter(id=world.organization_id).update(confirmation_amount=65)
    ones = pending(world, "60", "70", "80")
    html = send(world.cast.rui, chosen=names(*ones), verdict="approve").content.decode()
    assert html.count('name="confirmed"') == 2

    done = send(world.cast.rui, **step_two(html), confirmed=names(ones[1])).content.decode()

    assert "2 of 3 approved" in done
    assert statuses() == {60: "approved", 70: "approved", 80: "pending_review"}


def test_several_are_rejected_for_one_reason() -> None:
    world = make_world(REVIEW)
    ones = pending(world, "60", "70")
    html = send(world.cast.rui, chosen=names(*ones), verdict="reject").content.decode()

    again = send(world.cast.rui, **step_two(html), reason=" ")
    assert (again.status_code, Review.objects.count()) == (422, 0)
    send(world.cast.rui, **step_two(html), reason="The project has ended.")

    assert statuses() == {60: "declined", 70: "declined"}
    assert set(Authorization.objects.values_list("status_reason", flat=True)) == {"The project has ended."}


def test_all_of_them_are_taken_back_at_once() -> None:
    world = make_world(REVIEW)
    ones = pending(world, "60", "70")
    html = send(world.cast.rui, chosen=names(*ones), verdict="approve").content.decode()
    done = send(world.cast.rui, **step_two(html)).content.decode()

    send(world.cast.rui, "undo/", review=re.findall(r'name="review" value="([^"]+)"', done))

    assert statuses() == {60: "pending_review", 70: "pending_review"}


def test_no_more_than_a_page_of_the_queue_is_answered_at_once() -> None:
    world = make_world(REVIEW)
    one = pending(world, "60")[0]
    many = [to_public(Prefix.AUTHORIZATION, one.id), *(f"atz_{number:026}" for number in range(MOST_AT_ONCE))]

    for chosen in ([], many):
        assert send(world.cast.rui, chosen=chosen, verdict="approve", answer="yes").status_code == 302
    assert Review.objects.count() == 0
