"""What comes late finds the same whether the worker has been there or not: the clock decides, not who came first."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest

from approvals.models import Authorization
from approvals.selectors.answers import Answer, answer
from approvals.selectors.books import faults
from approvals.services.booking import Report
from approvals.services.expire import expire_due
from approvals.services.record import record_spend
from approvals.services.void import mark_in_doubt, void_authorization
from core.errors import Conflict
from spend.models import Counter, Hold
from tests.approvals.world import World, ask, make_world, stored
from tests.factories import NOW
from tests.races.acts import BACK_END, path_of

pytestmark = pytest.mark.django_db

DAILY: Final = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100", "EUR": "100"}}
REVIEW: Final = {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}}
LATER: Final = NOW + timedelta(hours=25)
"""Behind every clock."""
Swept = Callable[[], int]


@pytest.fixture(autouse=True)
def books_are_right() -> Any:
    yield
    assert faults() == []


@pytest.fixture(params=[False, True], ids=["before the sweep", "after the sweep"])
def swept(request: pytest.FixtureRequest) -> Swept:
    """The worker comes, or is down."""
    return (lambda: expire_due(now=LATER)) if request.param else (lambda: 0)


@pytest.fixture
def world() -> World:
    return make_world(DAILY, REVIEW)


def record(one: Authorization, amount: str = "1", *, now: datetime = LATER, **more: Any) -> tuple[str, ...]:
    """The flags of a record."""
    report = Report(Decimal(amount), more.pop("currency", "USD"), **more)
    recorded = record_spend(one.id, report, organization_id=one.organization_id, agent_id=None, actor=BACK_END, now=now)
    return recorded.record.flags


def void(one: Authorization, *, now: datetime = LATER) -> None:
    void_authorization(
        one.id, organization_id=one.organization_id, agent_id=None, reason="over", actor=BACK_END, now=now
    )


def doubt(one: Authorization, *, now: datetime = LATER) -> None:
    mark_in_doubt(one.id, organization_id=one.organization_id, agent_id=None, reason="", actor=BACK_END, now=now)


def shown(one: Authorization) -> Answer:
    return answer(one.organization_id, one.id, now=LATER)


def used() -> Decimal:
    return Counter.objects.get(currency="USD", measure="amount").used


def test_what_nobody_approved_in_time_is_late_and_unapproved(world: World, swept: Swept) -> None:
    one = stored(ask(world, "60"))
    swept()

    assert record(one, "60") == ("late", "unapproved")
    assert path_of(one.id) == ["pending_review", "expired", "recorded"]
    assert Authorization.objects.get(id=one.id).approval_request.closed_as == "expired"


def test_what_was_approved_by_a_rule_is_only_late(world: World, swept: Swept) -> None:
    one = stored(ask(world, "10"))
    swept()

    assert record(one, "10") == ("late",)
    assert record(one, "1") == ("late", "after_final", "over")


@pytest.mark.parametrize("currency", ["USD", "EUR"])
def test_a_part_that_comes_when_the_time_of_the_others_is_over_is_late(
    world: World, swept: Swept, currency: str
) -> None:
    one = stored(ask(world, "10"))
    record(one, "4", now=NOW, currency=currency, is_final=False)
    swept()

    assert record(one, "2", is_final=False) == ("late",)
    assert record(one, "2") == ("late",)
    assert record(one, "2") == ("late", "after_final")


def test_a_part_that_comes_after_a_void_is_that_and_not_after_a_final_one(world: World) -> None:
    one = stored(ask(world, "10"))
    record(one, "4", now=NOW, is_final=False)
    void(one, now=NOW)

    assert record(one, "2", now=NOW, is_final=False) == ("voided",)
    assert record(one, "2", now=NOW) == ("voided",)


def test_a_record_of_what_was_voided_while_it_waited_says_both(world: World) -> None:
    one = stored(ask(world, "60"))
    void(one, now=NOW)

    assert record(one, "60", now=NOW) == ("voided", "unapproved")


@pytest.mark.parametrize("amount", ["10", "60"], ids=["approved", "waiting"])
def test_what_has_expired_cannot_be_voided(world: World, swept: Swept, amount: str) -> None:
    one = stored(ask(world, amount))
    swept()

    with pytest.raises(Conflict) as caught:
        void(one)
    assert (caught.value.code, caught.value.facts["status_now"]) == ("status_conflict", "expired")
    assert (shown(one).status, shown(one).status_reason) == ("expired", "expired")


def test_a_doubt_that_comes_when_the_approval_has_expired_is_heard_and_holds_again(world: World, swept: Swept) -> None:
    one = stored(ask(world, "10"))
    swept()

    doubt(one)

    assert path_of(one.id) == ["approved", "expired", "in_doubt"]
    assert used() == 10
    assert Hold.objects.get(authorization_id=one.id).held == 10
    assert expire_due(now=LATER + timedelta(days=9)) == 0
    assert record(one, "10") == ("late",)
    assert shown(one).status == "recorded"
    assert used() == 10


def test_a_late_doubt_takes_room_past_the_cap_and_later_asks_are_refused(world: World) -> None:
    one = stored(ask(world, "40"))
    late = NOW + timedelta(hours=1)
    expire_due(now=late)
    for amount in ("44", "46"):
        assert ask(world, amount, now=late).answer.status == "approved"

    doubt(one, now=late)

    assert used() == 130
    assert ask(world, "1", now=late).answer.status == "declined"


def test_what_nobody_approved_cannot_be_in_doubt(world: World, swept: Swept) -> None:
    one = stored(ask(world, "60"))
    swept()

    with pytest.raises(Conflict) as caught:
        doubt(one)
    assert (caught.value.code, caught.value.facts["status_now"]) == ("status_conflict", "expired")


@pytest.mark.parametrize("amount", ["10", "60"], ids=["approved", "waiting"])
def test_an_answer_read_late_is_that_of_the_clock(world: World, swept: Swept, amount: str) -> None:
    one = stored(ask(world, amount))
    swept()

    late = shown(one)

    assert (late.status, late.status_reason, late.expires_at) == ("expired", "expired", None)
    assert not late.may_pay
    assert not late.held


def test_an_answer_read_late_after_parts_is_recorded(world: World, swept: Swept) -> None:
    one = stored(ask(world, "10"))
    record(one, "4", now=NOW, is_final=False)
    swept()

    assert (shown(one).status, shown(one).status_reason) == ("recorded", "expired")
    assert shown(one).spent == 4
