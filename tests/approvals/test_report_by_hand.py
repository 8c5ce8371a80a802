"""A person reports what was paid or refunded, where the app does not."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from approvals.models import Authorization
from approvals.selectors.books import faults
from approvals.services.booking import Report
from approvals.services.record import record_spend
from audit.models import Event
from core.ids import Prefix, to_public
from people.models import Member
from spend.models import Counter, SpendRecord
from tests.approvals.world import World, ask, make_world, stored
from tests.factories import NOW

pytestmark = pytest.mark.django_db

DAILY = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}}


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> Any:
    time_machine.move_to(NOW, tick=False)
    yield
    assert faults() == []


def address(one: Authorization) -> str:
    return f"/authorizations/{to_public(Prefix.AUTHORIZATION, one.id)}/report/"


def said(**other: str) -> dict[str, str]:
    return {"key": str(uuid4()), "kind": "payment", "amount": "10", "extent": "all"} | other


def page(member: Member, path: str, data: dict[str, str] | None = None) -> Any:
    client = Client()
    client.force_login(member.person)
    return client.get(path) if data is None else client.post(path, data)


def used() -> Decimal:
    return Counter.objects.get(currency="USD", measure="amount").used


def paid_by_the_app(world: World) -> Authorization:
    one = stored(ask(world, "10"))
    record_spend(
        one.id,
        Report(Decimal(10), "USD", reference="ch_1"),
        organization_id=world.organization_id,
        agent_id=world.agent.id,
        actor=world.actor,
        now=NOW,
    )
    return one


def test_a_refund_that_an_operator_reports_gives_room_back() -> None:
    world = make_world(DAILY)
    one = paid_by_the_app(world)
    assert used() == Decimal(10)

    answer = page(world.cast.olu, address(one), said(kind="refund", amount="4", reference="re_1", note="Returned"))

    assert answer.status_code == 302
    assert used() == Decimal(6)
    refund = SpendRecord.objects.get(kind="refund")
    assert (refund.gives_room_back, refund.reference, refund.note) == (True, "re_1", "Returned")
    event = Event.objects.get(actor_id=to_public(Prefix.PERSON, world.cast.olu.person_id), after__kind="refund")
    assert event.action == "record.stored"


def test_a_part_keeps_the_rest_set_aside() -> None:
    world = make_world(DAILY)
    one = stored(ask(world, "10"))

    page(world.cast.olu, address(one), said(amount="4", extent="part"))

    assert Authorization.objects.get(id=one.id).status == "approved"
    assert SpendRecord.objects.get().is_final is False


def test_a_payment_over_the_amount_is_stored_flagged_and_told() -> None:
    world = make_world(DAILY)
    one = stored(ask(world, "10"))
    client = Client()
    client.force_login(world.cast.olu.person)

    after = client.post(address(one), said(amount="12.50"), follow=True)

    assert SpendRecord.objects.get().flags == ["over"]
    assert "with a flag: " in after.content.decode()
    assert used() == Decimal("12.50")


@pytest.mark.parametrize("reference", ["", "re_1"])
def test_a_second_click_stores_one_record(reference: str) -> None:
    world = make_world(DAILY)
    one = paid_by_the_app(world)
    clicked = said(kind="refund", amount="4", reference=reference)

    assert [page(world.cast.olu, address(one), clicked).status_code for _ in range(2)] == [302, 302]

    assert SpendRecord.objects.filter(kind="refund").count() == 1
    assert used() == Decimal(6)


def test_the_same_form_with_another_amount_stores_nothing_more() -> None:
    world = make_world(DAILY)
    one = paid_by_the_app(world)
    clicked = said(kind="refund", amount="4")
    page(world.cast.olu, address(one), clicked)

    again = page(world.cast.olu, address(one), clicked | {"amount": "5"})

    assert again.status_code == 409
    assert "Open it anew" in again.content.decode()
    assert used() == Decimal(6)


@pytest.mark.parametrize(
    ("wrong", "status", "at", "words"),
    [
        ({"amount": "1,50"}, 422, "amount", "An amount has at most"),
        ({"amount": ""}, 422, "amount", "Say how much"),
        ({"kind": ""}, 422, "kind", "Say whether"),
        ({"kind": "refund", "amount": "11"}, 422, "amount", "At most 10.00 USD"),
        ({"reference": "ch_1"}, 409, "reference", "This reference was used"),
        ({"occurred_at": "yesterday"}, 422, "occurred_at", "Enter a valid date"),
    ],
)
def test_what_is_refused_stands_at_its_field_and_nothing_typed_is_lost(
    wrong: dict[str, str], status: int, at: str, words: str
) -> None:
    world = make_world(DAILY)
    one = paid_by_the_app(world)
    typed = said(amount="3", note="Read me again") | wrong

    again = page(world.cast.olu, address(one), typed)

    assert again.status_code == status
    assert words in " ".join(again.context["form"].errors[at])
    html = again.content.decode()
    assert "Read me again" in html
    assert typed["key"] in html
    assert SpendRecord.objects.count() == 1


def test_nothing_is_refunded_where_nothing_was_paid() -> None:
    world = make_world(DAILY)
    one = stored(ask(world, "10"))

    again = page(world.cast.olu, address(one), said(kind="refund"))

    assert again.status_code == 404
    assert "Nothing was recorded" in " ".join(again.context["form"].errors["kind"])


def test_a_form_without_its_key_is_refused_in_words() -> None:
    world = make_world(DAILY)
    one = stored(ask(world, "10"))

    again = page(world.cast.olu, address(one), said(key=""))

    assert again.status_code == 422
    assert "Open it anew" in again.content.decode()
    assert not SpendRecord.objects.exists()


def test_who_may_not_report_is_not_offered_it_and_is_refused() -> None:
    world = make_world(DAILY)
    one = stored(ask(world, "10"))

    for member, may in ((world.cast.vera, False), (world.cast.rui, False), (world.cast.olu, True)):
        offered = page(member, address(one).removesuffix("report/")).content.decode()
        assert ("Report a payment or refund…" in offered) is may
        assert page(member, address(one)).status_code == (200 if may else 403)
    assert page(world.cast.vera, address(one), said()).status_code == 403
    assert page(world.cast.mallory, address(one), said()).status_code == 404
    assert not SpendRecord.objects.exists()
