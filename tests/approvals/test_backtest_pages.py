"""Backtests on pages and over the API: started by who may write policies, read by everybody of the organization."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from django.test import Client

from approvals.models import Backtest
from approvals.selectors.backtests import ASSUMPTIONS, SUPPOSED, summary_of_draft
from approvals.services.backtests import run_backtests
from core.clock import now as clock_now
from core.ids import Prefix, to_public
from people.models import Organization
from people.roles import Scope
from people.services import issue_organization_key
from policies.models import Policy
from policies.services import save_draft
from tests.approvals.world import World, ask, make_world, put_policy
from tests.factories import actor_for

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
LIMIT = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "5000"}}
LOWER = {"schema": 1, "rules": [LIMIT | {"daily": {"USD": "1500"}}]}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def world() -> World:
    """Four payments, of 1200, 1000, 7 and 1000 dollars, of which a drafted limit of 1500 would deny two."""
    began = clock_now() - 2 * HOUR
    world = make_world(LIMIT, now=began)
    pace = {"key": "pace", "type": "VELOCITY", "limit": 99, "period_minutes": 60}
    put_policy(world.cast, "Pace", [pace], now=began)
    for number, amount in enumerate(("1200", "1000", "7", "1000")):
        ask(world, amount, purpose="<b>data</b>", now=began + timedelta(seconds=number))
    save_draft(
        organization_id=world.organization_id,
        policy_id=policy(world).pk,
        document=LOWER,
        actor=actor_for(world.cast.olu),
        now=began + HOUR,
    )
    return world


def policy(world: World) -> Policy:
    return Policy.objects.get(organization_id=world.organization_id, name="Research agents")


def address(world: World) -> str:
    return f"/policies/{to_public(Prefix.POLICY, policy(world).pk)}/backtests/"


def signed_in(member: Any) -> Client:
    client = Client()
    client.force_login(member.person)
    return client


def test_an_operator_asks_the_last_30_days_and_looks_until_the_answer_is_there(world: World) -> None:
    olu = signed_in(world.cast.olu)
    assert "Start the backtest" in olu.get(address(world)).text

    started = olu.post(f"{address(world)}start/", {"days": "30"})
    page = started["Location"]
    waiting = olu.get(page).text
    assert "It waits for the worker." in waiting
    part = olu.get(page, headers=HTMX).text
    assert "<html" not in part
    assert 'hx-trigger="every 2s, wake"' in part
    seen = part.partition("?seen=")[2].partition('"')[0]
    assert olu.get(f"{page}?seen={seen}", headers=HTMX).status_code == 204

    run_backtests(clock=clock_now)

    done = olu.get(f"{page}?seen={seen}", headers=HTMX)
    assert (done.status_code, done["HX-Refresh"]) == (204, "true")
    shown = olu.get(page).text
    assert "Of 4 asks, 2 payments (2,000.00 USD) that were allowed would be denied." in shown
    assert all(one in shown for one in ASSUMPTIONS)
    assert SUPPOSED not in shown
    assert "Allowed over time" in shown
    assert shown.count("/changes/") == 2
    assert "2 payments (2,000.00 USD)" in olu.get(address(world)).text


def test_a_changed_payment_shows_both_traces(world: World) -> None:
    olu = signed_in(world.cast.olu)
    page = olu.post(f"{address(world)}start/", {"days": "7"})["Location"]
    run_backtests(clock=clock_now)

    shown = olu.get(f"{page}changes/1/").text

    assert shown.index("of $5,000.00") < shown.index("With the draft") < shown.index("of $1,500.00")
    assert "Research agents, draft" in shown
    assert (
        shown.index("of $1,500.00")
        < shown.index("1 check that says the same both times")
        < shown.index("of at most 99")
    )
    assert olu.get(f"{page}changes/99/").status_code == 404
    assert olu.get(f"{page}?change=allow-deny&currency=USD").status_code == 200


def test_a_second_one_at_a_time_is_refused_where_it_was_asked_for(world: World) -> None:
    olu = signed_in(world.cast.olu)
    page = olu.post(f"{address(world)}start/", {"days": "30"})["Location"]

    again = signed_in(world.cast.ada).post(f"{address(world)}start/", {"days": "30"})

    assert again.status_code == 409
    assert "Olu has a backtest under way" in again.text
    assert page in again.text
    assert olu.post(f"{page}cancel/").status_code == 302
    assert "nothing of it was kept" in olu.get(page).text
    assert run_backtests(clock=clock_now) == 0


def test_a_form_that_was_not_sent_by_us_is_refused(world: World) -> None:
    refused = signed_in(world.cast.olu).post(f"{address(world)}start/", {"days": "31", "agent": "agt_nobody"})

    assert refused.status_code == 422
    assert not Backtest.objects.exists()


def test_any_days_are_asked_as_the_organization_counts_them(world: World) -> None:
    Organization.objects.update(time_zone="Asia/Tokyo")
    days = {"days": "30", "since": "2026-11-02", "until": "2026-11-03"}
    assert signed_in(world.cast.olu).post(f"{address(world)}start/", days).status_code == 302
    asked = Backtest.objects.get()
    tokyo = ZoneInfo("Asia/Tokyo")
    assert asked.since == datetime(2026, 11, 2, tzinfo=tokyo)
    assert asked.until == datetime(2026, 11, 4, tzinfo=tokyo)


@pytest.mark.parametrize("until", ["9999-12-31", ""])
def test_days_to_come_end_now(world: World, until: str) -> None:
    days = {"days": "30", "since": "2026-11-02", "until": until}
    assert signed_in(world.cast.olu).post(f"{address(world)}start/", days).status_code == 302
    assert Backtest.objects.get().until <= clock_now()


@pytest.mark.parametrize(
    ("days", "field", "words"),
    [
        ({"since": "0001-01-01"}, "since", "begins before 1970"),
        ({"until": "2026-11-03"}, "since", "Say from which day, or leave both empty."),
        ({"since": "2026-11-04", "until": "2026-11-03"}, "until", "The last day lies before the first."),
        ({"since": "2999-01-01"}, "since", "The period ends before it begins"),
        ({"since": "the third"}, "since", "Enter a valid date."),
    ],
)
def test_days_that_cannot_be_meant_are_refused_at_their_field(
    world: World, days: dict[str, str], field: str, words: str
) -> None:
    refused = signed_in(world.cast.olu).post(f"{address(world)}start/", {"days": "30"} | days)
    assert refused.status_code in (409, 422)
    assert words in str(refused.context["form"].errors[field])
    assert not Backtest.objects.exists()
    assert all(value in refused.content.decode() for value in days.values())


def test_the_page_says_why_a_backtest_failed(world: World) -> None:
    olu = signed_in(world.cast.olu)
    page = olu.post(f"{address(world)}start/", {"days": "30"})["Location"]
    Backtest.objects.update(status="failed", ended_at=clock_now(), why="Something went wrong")

    assert "Something went wrong" in olu.get(page).text


def test_pages_of_policies_say_in_short_what_exactly_this_draft_would_have_done(world: World) -> None:
    olu, vera = signed_in(world.cast.olu), signed_in(world.cast.vera)
    summary = f"{address(world)}summary/"
    assert "Ask the last 30 days" in olu.get(summary).text
    assert "Ask the last 30 days" not in vera.get(summary).text
    draft = olu.get(f"{address(world).removesuffix('backtests/')}draft/").text
    assert f'hx-get="{summary}"' in draft
    assert f'href="{address(world)}"' in draft

    olu.post(f"{address(world)}start/", {"days": "30"})
    run_backtests(clock=clock_now)

    assert "2 payments (2,000.00 USD) that were allowed would be denied" in vera.get(summary).text
    found = summary_of_draft(policy(world))
    assert found is not None
    assert (found.asks, found.stricter.number, found.looser.number) == (4, 2, 0)
    Policy.objects.update(draft={"schema": 1, "rules": [LIMIT]})
    assert summary_of_draft(policy(world)) is None


def test_a_back_end_asks_over_the_api_and_reads_what_came_out(world: World) -> None:
    call = api(world)
    name = to_public(Prefix.POLICY, policy(world).pk)

    started = call("POST", "backtests", {"policy": name, "document": LOWER})
    assert (started.status_code, started.json()["status"], started.json()["result"]) == (202, "waiting", None)
    at = f"backtests/{started.json()['id']}"
    run_backtests(clock=clock_now)

    done = call("GET", at).json()
    assert (done["status"], done["total"], done["done"]) == ("done", 4, 4)
    assert done["result"]["stricter"] == {"number": 2, "sums": {"USD": "2000"}}
    assert done["result"]["cells"][1] == {"before": "allow", "after": "deny", "number": 2, "sums": {"USD": "2000"}}
    assert done["assumptions"] == list(ASSUMPTIONS)
    changes = call("GET", f"{at}/changes").json()["data"]
    assert [one["decision"]["outcome"] for one in changes] == ["deny", "deny"]
    assert [one["id"] for one in call("GET", f"backtests?policy={name}").json()["data"]] == [done["id"]]
    assert call("POST", f"{at}/cancel").json()["status"] == "done"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"assigned_to": {}}, 422, "targets_missing"),
        ({"since": "2099-01-01T00:00:00Z"}, 422, "period_invalid"),
        ({"until": "yesterday"}, 422, "invalid"),
        ({"until": "0001-01-02T00:00:00Z"}, 422, "period_invalid"),
        ({"since": "0001-01-01T00:00:00Z", "until": "0005-01-01T00:00:00Z"}, 422, "period_invalid"),
        ({"document": {"schema": 2}}, 422, "schema_unknown"),
        ({"agent": "agt_nobody"}, 422, "id_unknown"),
        ({"policy": "pol_nobody"}, 422, "id_unknown"),
        ({"colour": "red"}, 422, "field_unknown"),
    ],
)
def test_a_call_that_cannot_be_meant_is_refused(world: World, body: dict[str, Any], status: int, code: str) -> None:
    name = to_public(Prefix.POLICY, policy(world).pk)

    refused = api(world)("POST", "backtests", {"policy": name, "document": LOWER} | body)

    assert refused.status_code == status
    assert code in refused.text
    assert not Backtest.objects.exists()


def api(world: World) -> Any:
    issued = issue_organization_key(
        organization_id=world.organization_id,
        name="back end",
        scopes=[Scope.POLICIES],
        expires_at=None,
        by=world.cast.oona.person,
        actor=actor_for(world.cast.oona),
        now=clock_now() - HOUR,
    )
    client, headers = Client(), {"Authorization": f"Bearer {issued.secret}"}

    def call(method: str, path: str, body: object = None) -> Any:
        sent = b"" if body is None else orjson.dumps(body)
        return client.generic(method, f"/api/v1/{path}", sent, "application/json", headers=headers)

    return call
