"""Recording what was really paid: what fits, what does not, and what it counts against."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from approvals.models import Authorization
from approvals.selectors.books import faults
from approvals.services.booking import Recorded, Report
from approvals.services.expire import expire_due
from approvals.services.record import record_spend, record_unauthorized
from approvals.services.void import mark_in_doubt, void_authorization
from core.actor import Actor, ActorKind
from core.errors import Conflict, Invalid
from spend.models import Counter, Hold
from spend.payee import PayeeClaim
from tests.approvals.world import World, ask, make_world, say_no, stored
from tests.factories import NOW

pytestmark = pytest.mark.django_db

DAILY = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}}
REVIEW = {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}}
LATER = NOW + timedelta(minutes=20)
BACK_END = Actor(ActorKind.ORGANIZATION_KEY, "key_x", "back end", None)


def record(world: World, authorization: Authorization, amount: str = "10", *, now: Any = NOW, **more: Any) -> Recorded:
    actor = more.pop("actor", world.actor)
    return record_spend(
        authorization.id,
        Report(Decimal(amount), more.pop("currency", "USD"), **more),
        organization_id=world.organization_id,
        agent_id=None if actor is BACK_END else world.agent.id,
        actor=actor,
        now=now,
    )


def used() -> Decimal:
    return Counter.objects.get(currency="USD", measure="amount").used


def status(authorization: Authorization) -> str:
    return Authorization.objects.get(id=authorization.id).status


@pytest.fixture(autouse=True)
def books_are_right() -> Any:
    yield
    assert faults() == []


def test_less_than_was_held_releases_the_rest() -> None:
    world = make_world(DAILY)
    one = stored(ask(world, "10"))

    recorded = record(world, one, "7.25")

    assert (recorded.record.flags, status(one), used()) == ((), "recorded", Decimal("7.25"))


def test_parts_keep_the_rest_set_aside_until_the_last() -> None:
    world = make_world(DAILY)
    one = stored(ask(world, "10"))

    record(world, one, "4", is_final=False)
    assert (status(one), used(), Hold.objects.get().held) == ("approved", Decimal(10), Decimal(6))
    record(world, one, "4")

    assert (status(one), used()) == ("recorded", Decimal(8))


def test_expiry_after_parts_ends_recorded() -> None:
    world = make_world(DAILY)
    one = stored(ask(world, "10"))
    record(world, one, "4", is_final=False)

    assert expire_due(now=LATER) == 1

    assert (status(one), used()) == ("recorded", Decimal(4))


def test_over_the_hold_is_stored_and_flagged() -> None:
    world = make_world(DAILY)
    one = stored(ask(world, "10"))

    assert record(world, one, "150").record.flags == ("over",)
    assert used() == Decimal(150)
    assert ask(world, "1").answer.status == "declined"


def test_late_is_stored_and_flagged_whether_the_clock_was_here_or_not() -> None:
    world = make_world(DAILY)
    first, second = stored(ask(world, "10")), stored(ask(world, "11"))
    expire_due(now=NOW)
    assert record(world, first, "10", now=LATER).record.flags == ("late",)
    expire_due(now=LATER)
    assert status(second) == "expired"
    assert record(world, second, "11", now=LATER).record.flags == ("late",)
    assert (status(first), status(second), used()) == ("recorded", "recorded", Decimal(21))


def test_a_part_paid_to_somebody_else_counts_as_a_part_when_it_expires() -> None:
    world = make_world({"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100", "EUR": "100"}})
    one = stored(ask(world, "10"))
    record(world, one, "4", currency="EUR", is_final=False)

    assert expire_due(now=LATER) == 1

    assert status(one) == "recorded"


def test_after_the_final_record_more_is_flagged() -> None:
    world = make_world(DAILY)
    one = stored(ask(world, "10"))
    record(world, one, "5")

    assert record(world, one, "2").record.flags == ("after_final",)
    assert used() == Decimal(7)


def test_a_voided_one_keeps_its_status_and_counts() -> None:
    world = make_world(DAILY)
    one = stored(ask(world, "10"))
    void_authorization(
        one.id, organization_id=world.organization_id, agent_id=None, reason="", actor=world.actor, now=NOW
    )
    assert used() == Decimal(0)

    assert record(world, one, "10").record.flags == ("voided",)
    assert (status(one), used()) == ("voided", Decimal(10))


def test_a_declined_one_keeps_its_status_and_counts() -> None:
    world = make_world(DAILY)
    one = stored(ask(world, "101"))

    assert record(world, one, "101").record.flags == ("declined",)
    assert (status(one), used()) == ("declined", Decimal(101))


def test_a_record_for_a_pending_review_closes_the_question() -> None:
    world = make_world(DAILY, REVIEW)
    one = stored(ask(world, "60"))

    assert record(world, one, "60").record.flags == ("unapproved",)
    assert status(one) == "recorded"
    assert Authorization.objects.get(id=one.id).approval_request.closed_as == "recorded"


def test_a_rejected_one_releases_and_may_still_be_recorded() -> None:
    world = make_world(DAILY, REVIEW)
    one = stored(ask(world, "60"))
    say_no(one, world.cast.rui, "too dear")

    assert (status(one), Hold.objects.get().held) == ("declined", Decimal(0))
    assert record(world, one, "60").record.flags == ("declined",)


def test_another_currency_or_payee_is_a_mismatch_and_counts_where_it_went() -> None:
    world = make_world({"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100", "EUR": "100"}})
    one, two = stored(ask(world, "10")), stored(ask(world, "11"))

    assert record(world, one, "10", currency="EUR").record.flags == ("mismatch",)
    other = PayeeClaim("Evil", ("domain:evil.example",))
    assert record(world, two, "11", payee=other).record.flags == ("mismatch",)

    assert {counter.currency: counter.used for counter in Counter.objects.all()} == {"USD": 11, "EUR": 10}
    assert (status(one), status(two)) == ("recorded", "recorded")


def test_without_an_authorization_it_is_accepted_flagged_and_counted() -> None:
    world = make_world(DAILY)

    recorded = record_unauthorized(
        Report(Decimal(150), "USD"),
        organization_id=world.organization_id,
        agent_id=world.agent.id,
        actor=world.actor,
        now=NOW,
    )

    assert (recorded.record.flags, used()) == (("unauthorized",), Decimal(150))
    assert ask(world, "1").answer.status == "declined"


def test_the_same_reference_replays_and_another_body_conflicts() -> None:
    world = make_world(DAILY)
    one = stored(ask(world, "10"))
    first = record(world, one, "10", reference="r1")

    assert record(world, one, "10.00", reference="r1") == Recorded(first.record, is_replay=True)
    with pytest.raises(Conflict) as caught:
        record(world, one, "9", reference="r1")
    assert caught.value.code == "reference_conflict"


def test_a_refund_gives_room_back_only_on_the_word_of_a_back_end() -> None:
    world = make_world(DAILY)
    one = stored(ask(world, "10"))
    record(world, one, "10")

    record(world, one, "3", kind="refund")
    assert used() == Decimal(10)
    record(world, one, "4", kind="refund", actor=BACK_END)
    assert used() == Decimal(6)
    with pytest.raises(Invalid) as caught:
        record(world, one, "4", kind="refund", actor=BACK_END)
    assert caught.value.code == "refund_exceeds_recorded"


def test_in_doubt_holds_without_a_clock_until_it_is_known() -> None:
    world = make_world(DAILY)
    one = stored(ask(world, "10"))
    mark_in_doubt(one.id, organization_id=world.organization_id, agent_id=None, reason="", actor=world.actor, now=NOW)

    assert expire_due(now=NOW + timedelta(days=30)) == 0
    assert (status(one), used()) == ("in_doubt", Decimal(10))
    with pytest.raises(Invalid):
        void_authorization(
            one.id, organization_id=world.organization_id, agent_id=None, reason=" ", actor=world.actor, now=NOW
        )
    record(world, one, "10")
    assert status(one) == "recorded"
