"""What a decision looks at: who the payee is, whether it was paid before, and which equal payments there are."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from approvals.models import Authorization
from approvals.selectors import situation as selectors
from approvals.selectors.situation import Ask, look, read_asker
from approvals.services.booking import Report
from approvals.services.expire import expire_due
from approvals.services.record import record_spend, record_unauthorized
from approvals.services.void import mark_in_doubt
from core.db import rows
from people.services import at_once
from policies.engine.types import Facts
from spend.payee import PayeeClaim
from spend.services.changes import CounterpartyChange, create_counterparty
from tests.approvals.world import OPENAI, World, ask, make_world, stored
from tests.factories import NOW, actor_for

pytestmark = pytest.mark.django_db

DAILY = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100000"}}
ADDRESS = "address:0x00000000000000000000000000000000000000ee"
EVIL = "domain:evil.example.com"
COPY = """
insert into approvals_authorization
select (jsonb_populate_record(a, jsonb_build_object('id', gen_random_uuid(), 'idempotency_key', null,
    'asked_at', %(since)s::timestamptz + n * %(step)s::interval))).*
from approvals_authorization a, generate_series(1, %(number)s) n where a.id = %(id)s
"""


def once(**more: Any) -> Mapping[str, Any]:
    return {"key": "once", "type": "DUPLICATE", "minutes": 60, "on_breach": "deny", **more}


def known(world: World, *identifiers: str) -> UUID:
    """A counterparty that somebody entered with these identifiers."""
    return at_once(
        create_counterparty(
            organization_id=world.organization_id,
            change=CounterpartyChange(name="Known", identifiers=identifiers),
            actor=actor_for(world.cast.olu),
            now=NOW,
        )
    )


def record(world: World, authorization: UUID, amount: str = "10", *, now: datetime = NOW, final: bool = True) -> None:
    record_spend(
        authorization,
        Report(Decimal(amount), "USD", is_final=final),
        organization_id=world.organization_id,
        agent_id=world.agent.id,
        actor=world.actor,
        now=now,
    )


def paid(world: World, *, now: datetime = NOW, **more: Any) -> Authorization:
    """An authorization that was approved and recorded."""
    row = stored(ask(world, now=now, **more))
    assert row.status == "approved"
    record(world, row.id, now=now)
    return row


def copies(of: Authorization, number: int, *, since: datetime, step: timedelta) -> None:
    """As many more of the same, one `step` after the other from `since` on."""
    rows(COPY, {"id": of.id, "number": number, "since": since, "step": step})


def said(world: World, **more: Any) -> tuple[str, list[str]]:
    row = stored(ask(world, **more))
    return row.status, row.reasons


def facts_of(world: World, **more: Any) -> Facts:
    asked = Ask(Decimal(10), "USD", OPENAI, **more)
    return look(read_asker(world.agent.id, key_id=world.key_id), asked, asked_at=NOW, now=NOW).facts


# --- Who is paid ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [EVIL, ADDRESS])
def test_who_is_blocked_under_one_identifier_is_blocked_under_each(sent: str) -> None:
    world = make_world(DAILY, {"key": "payee", "type": "COUNTERPARTY", "blocked": [EVIL]})
    known(world, EVIL, ADDRESS)

    row = stored(ask(world, payee=PayeeClaim("Friendly", (sent,))))

    assert (row.status, row.reasons) == ("declined", ["counterparty_blocked"])
    assert row.facts["payment"]["other_identifiers"] == [ADDRESS if sent == EVIL else EVIL]


def test_conto_s_own_id_of_who_is_blocked_is_blocked() -> None:
    world = make_world(DAILY, {"key": "payee", "type": "COUNTERPARTY", "blocked": [EVIL]})
    known(world, EVIL, ADDRESS)
    public = stored(ask(world, payee=PayeeClaim("Friendly", (ADDRESS,)))).facts["payment"]["counterparty"]

    assert said(world, payee=PayeeClaim("", (), public)) == ("declined", ["counterparty_blocked"])


def test_a_payee_with_only_a_name_cannot_be_told_from_those_that_are_blocked() -> None:
    world = make_world(DAILY, {"key": "payee", "type": "COUNTERPARTY", "blocked": [EVIL]})

    assert said(world, payee=PayeeClaim("Evil", ())) == ("declined", ["identifier_missing"])
    assert said(world, payee=OPENAI) == ("approved", [])


def test_an_identifier_that_was_not_sent_gets_nobody_past_a_whitelist() -> None:
    world = make_world(DAILY, {"key": "vendors", "type": "WHITELIST", "allowed": [EVIL]})
    known(world, EVIL, ADDRESS)

    assert said(world, payee=PayeeClaim("Known", (EVIL,))) == ("approved", [])
    assert said(world, payee=PayeeClaim("Known", (ADDRESS,))) == ("declined", ["not_whitelisted"])


# --- Whether it was paid before ---------------------------------------------------------------------------------------

FIRST = {"key": "first", "type": "COUNTERPARTY", "first_payment": "review"}
SMALL = {"key": "small", "type": "SPEND_LIMIT", "per_transaction": {"USD": "50"}}


def is_first(world: World) -> bool:
    return "first_payment" in stored(ask(world, "1", now=NOW + timedelta(hours=1))).reasons


def test_a_payment_on_an_approval_makes_a_payee_known() -> None:
    world = make_world(DAILY, {**FIRST, "first_payment": "allow"})
    known(world, *OPENAI.identifiers)
    assert not facts_of(world).has_paid_counterparty

    paid(world)

    assert facts_of(world).has_paid_counterparty


def test_an_agent_does_not_make_a_payee_known_by_paying_it_unasked() -> None:
    world = make_world(DAILY, FIRST)
    known(world, *OPENAI.identifiers)
    record_unauthorized(
        Report(Decimal("0.01"), "USD", payee=OPENAI),
        organization_id=world.organization_id,
        agent_id=world.agent.id,
        actor=world.actor,
        now=NOW,
    )

    assert is_first(world)


@pytest.mark.parametrize(("amount", "status"), [("60", "declined"), ("40", "pending_review")])
def test_an_agent_does_not_make_a_payee_known_by_paying_without_a_yes(amount: str, status: str) -> None:
    world = make_world(DAILY, SMALL, FIRST)
    known(world, *OPENAI.identifiers)
    row = stored(ask(world, amount))
    assert row.status == status

    record(world, row.id, amount)

    assert is_first(world)


# --- Equal payments ---------------------------------------------------------------------------------------------------


def test_the_same_purpose_is_found_behind_any_number_of_others() -> None:
    world = make_world(DAILY, once(match=["purpose"]))
    ask(world, purpose="first")
    for number in range(selectors.EARLIER_LIMIT + 1):
        assert said(world, purpose=f"other {number}") == ("approved", [])

    assert said(world, purpose="first") == ("declined", ["duplicate"])
    assert said(world, purpose="new") == ("approved", [])


def test_more_equal_payments_than_are_searched_count_as_a_duplicate() -> None:
    world = make_world(DAILY, once(match=["session"]))
    row = paid(world, session="run_0", now=NOW - timedelta(minutes=59))
    number = selectors.EARLIER_SEARCHED - 2
    copies(row, number, since=NOW - timedelta(minutes=50), step=timedelta(seconds=1))

    assert said(world, session="run_1") == ("approved", [])

    last = stored(ask(world, session="run_2"))
    assert (last.status, last.reasons) == ("declined", ["duplicate"])
    assert last.facts["facts"]["earlier"] == []
    assert datetime.fromisoformat(last.facts["facts"]["unread_before"]) == row.asked_at


def test_a_rule_that_looks_less_far_than_was_read_is_not_troubled() -> None:
    world = make_world(DAILY, once(match=["session"]), once(key="shorter", match=["session"], minutes=5))
    row = paid(world, session="run_0", now=NOW - timedelta(minutes=59))
    copies(row, selectors.EARLIER_SEARCHED, since=NOW - timedelta(minutes=50), step=timedelta(seconds=1))

    checks = stored(ask(world, session="run_1")).decision["checks"]

    assert [check["outcome"] for check in checks] == ["allow", "deny", "allow"]


@pytest.mark.parametrize(
    ("when", "earlier", "now", "status"),
    [
        ({"rails": ["card"]}, {"rail": "x402"}, {"rail": "card"}, "approved"),
        ({"rails": ["card"]}, {"rail": "card"}, {"rail": "card"}, "declined"),
        ({"rails": ["card"]}, {}, {"rail": "card"}, "declined"),
        ({"categories": ["Travel"]}, {"category": "software"}, {"category": "travel"}, "approved"),
        ({"categories": ["Travel"]}, {"category": "travel"}, {"category": "travel"}, "declined"),
    ],
)
def test_a_condition_holds_for_the_earlier_payment_too(
    when: Mapping[str, Any], earlier: Mapping[str, Any], now: Mapping[str, Any], status: str
) -> None:
    world = make_world(DAILY, once(when=when))
    ask(world, **earlier)

    assert said(world, **now)[0] == status


def test_rules_that_count_different_payments_are_both_served() -> None:
    world = make_world(DAILY, once(when={"rails": ["card"]}), once(key="other", when={"rails": ["x402", "mpp"]}))
    ask(world, rail="x402")

    assert said(world, rail="mpp") == ("declined", ["duplicate"])
    assert said(world, rail="card") == ("approved", [])


def test_an_approval_that_ran_out_is_no_duplicate_even_before_it_is_swept_up() -> None:
    world = make_world(DAILY, once())
    first = ask(world).answer
    assert first.expires_at is not None

    assert said(world, now=first.expires_at - timedelta(seconds=1)) == ("declined", ["duplicate"])
    again = ask(world, now=first.expires_at).answer
    assert (again.status, again.possible_duplicate_of) == ("approved", None)


def test_an_approval_that_ran_out_after_a_part_was_paid_is_a_duplicate() -> None:
    world = make_world(DAILY, once())
    first = ask(world).answer
    record(world, first.id, "4", final=False)
    assert first.expires_at is not None

    assert said(world, now=first.expires_at) == ("declined", ["duplicate"])
    expire_due(now=first.expires_at)
    assert said(world, now=first.expires_at) == ("declined", ["duplicate"])
    assert said(world, now=NOW + timedelta(minutes=61)) == ("approved", [])


def test_one_in_doubt_has_no_clock() -> None:
    world = make_world(DAILY, once())
    first = ask(world).answer
    mark_in_doubt(
        first.id,
        organization_id=world.organization_id,
        agent_id=world.agent.id,
        reason="time-out",
        actor=world.actor,
        now=NOW,
    )

    assert said(world, now=NOW + timedelta(minutes=60)) == ("declined", ["duplicate"])
    late = ask(world, now=NOW + timedelta(minutes=61)).answer
    assert (late.status, late.possible_duplicate_of) == ("approved", first.id)


def test_a_recorded_one_counts_for_the_whole_of_its_minutes() -> None:
    world = make_world(DAILY, once())
    paid(world)

    assert said(world, now=NOW + timedelta(minutes=60)) == ("declined", ["duplicate"])
    assert said(world, now=NOW + timedelta(minutes=60, microseconds=1)) == ("approved", [])


# --- What it costs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rules", [(DAILY,), (DAILY, once()), (DAILY, once(match=["purpose"]))])
def test_what_is_read_does_not_grow_with_the_past(rules: tuple[Mapping[str, Any], ...]) -> None:
    world = make_world(*rules)
    known(world, *OPENAI.identifiers)
    row = paid(world, now=NOW - timedelta(days=400), purpose="nightly")
    copies(row, 3_000, since=NOW - timedelta(days=300), step=timedelta(hours=1))
    rows("analyze approvals_authorization")

    explained = Explained()
    with connection.execute_wrapper(explained):
        facts = facts_of(world, purpose="nightly")

    assert facts.earlier == ()
    assert 0 < explained.most_read <= 10


class Explained:
    """Runs what is read again under EXPLAIN ANALYZE and keeps the most rows that a part of its plan went through."""

    most_read = 0.0

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "counted" in sql:
            ((plan,),) = execute("explain (analyze, timing off, format json) " + sql, params, many, context)
            self.most_read = most_read(plan[0]["Plan"])
        return execute(sql, params, many, context)


def most_read(plan: Mapping[str, Any]) -> float:
    here = float((plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"])
    return max([here, *(most_read(part) for part in plan.get("Plans", ()))])
