"""Each kind of fault planted by raw SQL is found by its name; `check_books` exits non-zero."""

from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any, Final

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import F

from approvals.selectors.books import QUESTIONS, faults
from approvals.services.booking import Report
from approvals.services.record import record_spend, record_unauthorized
from core.actor import Actor, ActorKind
from core.db import rows
from core.ids import new_id
from insight.models import BooksCheck
from people.models import Organization
from spend.models import Counterparty, Identifier, Posting
from tests.approvals.world import World, add_agent, ask, click_no, make_world, put_policy, say_yes, stored
from tests.factories import NOW

RULES: Final[tuple[dict[str, Any], ...]] = (
    {"key": "limit", "type": "SPEND_LIMIT", "daily": {"USD": "100"}, "when": {"categories": ["ai"]}},
    {"key": "hour", "type": "SPEND_LIMIT", "hourly": {"USD": "100"}, "window": "rolling"},
    {"key": "payee", "type": "SPEND_LIMIT", "monthly": {"USD": "100"}, "per": "agent_counterparty"},
    {"key": "run", "type": "BUDGET_ALLOCATION", "amount": {"USD": "90"}, "period": "session"},
    {"key": "pot", "type": "BUDGET_ALLOCATION", "amount": {"USD": "80"}, "period": "month"},
    {"key": "pace", "type": "VELOCITY", "limit": 20, "period_minutes": 60},
)
EARLIER: Final = NOW - timedelta(hours=1)
BACK_END: Final = Actor(ActorKind.ORGANIZATION_KEY, "key_1", "back end", None)
A_PAYMENT: Final = "(select id from approvals_authorization where amount = 10)"


def lost_in_pots(which: str) -> str:
    """Holds never came to their pots, and the pots agree."""
    return f"""with gone as (
            delete from spend_posting p using spend_counter c, spend_hold h
            where c.id = p.counter_id and h.id = p.hold_id and c.subject = 'pot' and {which}
            returning p.counter_id, p.amount)
        update spend_counter c set used = c.used - gone.amount from gone where c.id = gone.counter_id"""


def posted_to(which: str) -> str:
    """A hold came to one more counter, and the counter agrees."""
    return f"""with more as (
            insert into spend_posting (hold_id, counter_id, amount)
            select h.id, c.id, h.held + h.spent - h.returned from spend_hold h, spend_counter c where {which}
            returning counter_id, amount)
        update spend_counter c set used = c.used + more.amount from more where c.id = more.counter_id"""


PLANTED: Final[dict[str, tuple[str, ...]]] = {
    "counter differs from its postings": (
        "update spend_counter set used = used + 1 where subject = 'agent' and used > 0",
        "update spend_counter set used = 0 where subject = 'pot'",
        "delete from spend_posting where bucket is null",
    ),
    "bucket differs from its postings": (
        "update spend_counter set buckets[1] = buckets[1] + 1 where head is not null",
        "update spend_counter set buckets = array_fill(0::numeric, array[64]) where head is not null",
        "update spend_counter set head = head - 1 where head is not null",
    ),
    "posting is in the wrong bucket": (
        "update spend_posting set bucket = bucket - 1 where bucket is not null",
        "update spend_posting set bucket = null where bucket is not null",
        "update spend_posting set bucket = 7 where bucket is null",
    ),
    # The counter is made to agree, so that nothing but the one thing is wrong.
    "posting differs from its hold": (
        """with changed as (
               update spend_posting p set amount = p.amount + 1 from spend_counter c
               where c.id = p.counter_id and c.subject = 'pot' returning counter_id)
           update spend_counter set used = used + (select count(*) from changed where counter_id = id)""",
    ),
    "posting is missing": (
        """with gone as (
               delete from spend_posting p using spend_counter c
               where c.id = p.counter_id and c.subject = 'agent' and c.head is null returning counter_id)
           update spend_counter c set used = 0 from gone where c.id = gone.counter_id""",
        """update spend_counter set condition = jsonb_set(condition, '{categories}', '[]')
           where subject = 'agent' and head is null""",
    ),
    "posting to a counter of the decision is missing": (
        """with gone as (
               delete from spend_posting p using spend_counter c
               where c.id = p.counter_id and c.subject = 'pot' returning counter_id)
           update spend_counter c set used = 0 from gone where c.id = gone.counter_id""",
    ),
    "posting is in the counter of another currency": (
        "update spend_counter set currency = 'EUR' where subject = 'pot'",
    ),
    "posting is in a counter that does not count its hold": (
        "update spend_counter set span_end = span_start where subject = 'pot' and span_end is not null",
        "update spend_counter set session = 'other' where session is not null",
        """update spend_counter set agent_id = (select id from agents_agent where name = 'Other')
           where subject = 'agent'""",
        "update spend_hold set is_ask = false",
        posted_to("h.amount = 10 and c.counterparty = 'unknown'"),
        posted_to("h.amount = 7 and c.condition->'categories' = '[\"ai\"]'"),
    ),
    "posting is in a pot that no decision names": (
        """with other as (
               insert into spend_counter (key, organization_id, measure, subject, currency, pot, condition, span_start,
                   span_end, used, opened_at, has_gap)
               select 'other', organization_id, measure, subject, currency, 'other/pot', condition, span_start,
                   span_end, 10, opened_at, false
               from spend_counter where pot is not null and session is null returning id)
           insert into spend_posting (hold_id, counter_id, amount)
           select h.id, other.id, 10 from other, spend_hold h where h.amount = 10""",
    ),
    "posting of spend that no decision allowed is missing in a pot": (
        lost_in_pots("h.authorization_id is null"),
        lost_in_pots("h.amount = 999"),
    ),
    "hold is missing": (f"update spend_hold set authorization_id = null where id = {A_PAYMENT}",),
    "hold differs from its authorization": (
        f"update spend_hold set amount = amount + 1 where id = {A_PAYMENT}",
        f"update spend_hold set asked_at = asked_at + interval '40 days' where id = {A_PAYMENT}",
        f"update spend_hold set category = 'other' where id = {A_PAYMENT}",
    ),
    "hold is not what its authorization needs": (
        f"update spend_hold set held = held - 1 where id = {A_PAYMENT}",
        f"update approvals_authorization set status = 'voided' where id = {A_PAYMENT}",
    ),
    "hold differs from its records": (
        "update spend_hold set spent = spent + 1 where spent > 0",
        "update spend_hold set returned = 0 where returned > 0",
        "update spend_hold set spent = 0, returned = 0 where authorization_id is null",
    ),
    "authorization is not where its records have brought it": (
        f"update approvals_authorization set status = 'recorded' where id = {A_PAYMENT}",
        "update approvals_authorization set status = 'in_doubt' where status = 'recorded'",
    ),
}
"""By the name of the fault: statements that bring it about."""


def set_up() -> World:
    """A payment of 10 still to be made; one of 20 recorded as 15, of which 5 came back; 7 that nobody authorized.

    And 3 paid though 999 had been declined.
    """
    world = make_world(*RULES, now=EARLIER)
    add_agent(world.cast, "Other", now=EARLIER)
    ask(world, "10", category="ai", session="run_1")
    paid = stored(ask(world, "20", category="ai", session="run_1"))
    for kind, amount in (("payment", 15), ("refund", 5)):
        record_spend(
            paid.id,
            Report(Decimal(amount), "USD", kind=kind),
            organization_id=world.organization_id,
            agent_id=None,
            actor=BACK_END,
            now=NOW,
        )
    declined = stored(ask(world, "999", category="ai", session="run_1"))
    record_spend(
        declined.id,
        Report(Decimal(3), "USD"),
        organization_id=world.organization_id,
        agent_id=None,
        actor=BACK_END,
        now=NOW,
    )
    record_unauthorized(
        Report(Decimal(7), "USD", session="run_1", category="other"),
        organization_id=world.organization_id,
        agent_id=world.agent.id,
        actor=BACK_END,
        now=NOW,
    )
    return world


@pytest.mark.django_db(transaction=True)
def test_the_command_says_that_the_books_are_right_and_fails_where_they_are_not() -> None:
    set_up()
    out, err = StringIO(), StringIO()

    call_command("check_books", "--by", " olu ", stdout=out)
    assert out.getvalue().startswith("The books are right: ")
    rows("update spend_counter set used = used + 1 where subject = 'pot'")

    with pytest.raises(CommandError, match="2 faults in the books") as failed:
        call_command("check_books", stderr=err)
    assert failed.value.returncode != 0
    noted = BooksCheck.objects.order_by("pk").values_list("by", "faults")
    assert list(noted) == [("olu", 0), ("command line", 2)]
    assert {line.partition(":")[0] for line in err.getvalue().splitlines()} == {"counter differs from its postings"}


@pytest.mark.django_db
def test_a_counter_with_a_gap_is_no_fault_but_must_agree_with_what_it_has() -> None:
    set_up()
    rows("update spend_counter set has_gap = true where subject = 'agent'")
    rows("delete from spend_posting p using spend_counter c where c.id = p.counter_id and c.measure = 'count'")

    found = {fault.what for fault in faults()}

    assert "posting is missing" not in found
    assert "bucket differs from its postings" in found


@pytest.mark.django_db
def test_a_planted_fault_is_found_by_its_name() -> None:
    set_up()
    for what, statements in PLANTED.items():
        for sql in statements:
            assert faults() == []
            with transaction.atomic():
                rows(sql)
                assert what in {fault.what for fault in faults()}, sql
                transaction.set_rollback(True)


PLANTED_IN_REVIEWS: Final[dict[str, tuple[str, ...]]] = {
    "clock of a waiting authorization is not that of its question": (
        "update approvals_authorization set expires_at = expires_at + interval '1 minute' where amount = 60",
        "update approvals_authorization set expires_at = expires_at - interval '1 minute' where amount = 61",
    ),
    "question was not answered as its reviews say": (
        "update approvals_review set closed_at = effective_at, closed_as = 'counted' where verdict = 'reject'",
        "update approvals_approvalrequest set closed_as = 'rejected' where closed_as = 'approved'",
        "update approvals_approvalrequest set closed_at = now(), closed_as = 'voided' where closed_at is null",
        "update approvals_approvalrequest set closed_at = now(), closed_as = 'approved' where closed_at is null",
    ),
}


@pytest.mark.django_db
def test_a_fault_planted_in_reviews_is_found_by_its_name() -> None:
    world = make_world({"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}})
    ask(world, "60")
    click_no(stored(ask(world, "61")), world.cast.rui)
    say_yes(stored(ask(world, "62")), world.cast.rui)
    for what, statements in PLANTED_IN_REVIEWS.items():
        for sql in statements:
            assert faults() == []
            with transaction.atomic():
                rows(sql)
                assert what in {fault.what for fault in faults()}, sql
                transaction.set_rollback(True)


def test_every_kind_of_fault_was_planted() -> None:
    assert {*PLANTED, *PLANTED_IN_REVIEWS} == set(QUESTIONS)


@pytest.mark.django_db
def test_a_policy_published_in_between_leaves_open_which_pots_a_spend_belongs_to() -> None:
    world = set_up()
    put_policy(world.cast, "Later", RULES[4:5])
    rows(lost_in_pots("h.authorization_id is null"))

    assert faults() == []


@pytest.mark.django_db
def test_a_payee_that_became_another_until_the_quorum_is_no_fault() -> None:
    people = {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "5"}}
    world = make_world(RULES[2], people)
    one = stored(ask(world, "10"))
    other = Counterparty.objects.create(
        id=new_id(NOW), organization_id=world.organization_id, name="Other", first_seen_at=NOW
    )
    Identifier.objects.update(counterparty=other)
    Organization.objects.filter(id=world.organization_id).update(epoch=F("epoch") + 1)

    say_yes(one, world.cast.rui)

    assert Posting.objects.filter(hold_id=one.id, counter__counterparty=str(other.id)).exists()
    assert faults() == []
