"""`backtest --as-was`: history follows from itself; where it came at once each difference is named with its cause."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from approvals.models import Authorization
from approvals.replay.as_was import Difference, Followed, as_was
from conto_admin.management.commands.seed_demo import make
from core.db import rows
from tests.approvals.history import History
from tests.approvals.world import World, ask, make_world, put_policy
from tests.factories import NOW

pytestmark = pytest.mark.django_db(transaction=True)

LIMIT = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}}


def differences(world: World, *, until: datetime = NOW + timedelta(days=9)) -> list[Difference]:
    return list(as_was(world.organization_id, Followed(), until=until))


def test_a_varied_history_with_changes_in_between_follows_from_itself() -> None:
    history = History()
    history.live()
    counted = Followed()

    found = list(as_was(history.world.organization_id, counted, until=history.now + timedelta(days=1)))

    assert found == []
    assert counted.asks == Authorization.objects.count()


@pytest.mark.parametrize(
    "now",
    [
        pytest.param(datetime(2026, 11, 27, 15, 20, tzinfo=UTC), id="a Friday afternoon"),
        pytest.param(datetime(2027, 1, 2, 23, 5, tzinfo=UTC), id="a Saturday night after the holidays"),
    ],
)
def test_every_ask_of_the_demo_is_answered_as_it_was(now: datetime) -> None:
    company = make(now, days=4)

    assert list(as_was(company.organization_id, Followed(), until=now)) == []


def test_asks_that_came_at_once_and_were_stored_in_another_order_are_named_with_the_cause() -> None:
    world = make_world(LIMIT)
    later, sooner = NOW + timedelta(seconds=2), NOW + timedelta(seconds=1)
    ask(world, "70", now=later)
    ask(world, "60", now=sooner)

    found = differences(world)

    assert {(one.stored, one.again) for one in found} == {("deny", "allow"), ("allow", "deny")}
    assert all("counter" in str(one) for one in found)
    assert all("asked within 10 s: 1 others" in str(one) for one in found)


def test_a_change_at_the_moment_of_an_ask_is_the_cause() -> None:
    world = make_world(LIMIT)
    put_policy(world.cast, "Stricter", [{**LIMIT, "daily": {"USD": "5"}}], now=NOW + timedelta(seconds=5))
    ask(world, "60", now=NOW + timedelta(seconds=5))

    (one,) = differences(world)

    assert (one.stored, one.again) == ("deny", "allow")
    assert "version Stricter 1 was in force" in str(one)
    assert "policy.published" in str(one)


def test_the_command_says_how_many_and_fails_where_there_is_no_cause() -> None:
    world = make_world(LIMIT)
    ask(world, "60", now=NOW + timedelta(seconds=1))
    out, told = StringIO(), StringIO()
    call_command("backtest", "--as-was", stdout=out)
    assert out.getvalue() == "1 asks were followed: each answered as it was.\n"
    rows("set session_replication_role = replica")
    rows("update approvals_authorization set outcome = 'deny', status = 'declined'")
    rows("set session_replication_role = origin")

    with pytest.raises(CommandError, match="1 of 1 differences have no cause"):
        call_command("backtest", "--as-was", stderr=told)

    assert "answered deny, in the order of time allow: no cause was found" in told.getvalue()
