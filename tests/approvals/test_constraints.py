"""Every constraint and trigger of the life cycle's tables, violated with raw SQL."""

import os
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

import orjson
import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, transaction

from agents.models import SealedCredential
from approvals.lifecycle import UNDO_TIME
from approvals.models import ApprovalRequest, Authorization, CredentialRelease, Review
from core.db import rows
from core.ids import new_id
from tests import plugin
from tests.approvals.world import World, ask, click_yes, make_world, stored
from tests.factories import NOW

pytestmark = pytest.mark.django_db

RULES: Final = (
    {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "1000"}},
    {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}, "review": {"approvals": 2}},
)


@pytest.fixture
def world() -> World:
    """An approved payment of 10 under the key `order-1`, one of 60 to which Rui said yes, and one that was declined."""
    made = make_world(*RULES)
    ask(made, "10", key="order-1")
    waiting = stored(ask(made, "60"))
    ask(made, "2000")
    click_yes(waiting, made.cast.rui)
    return made


def refuse(constraint: str, sql: str, *params: object) -> None:
    with pytest.raises(IntegrityError, match=f'"{constraint}"'), transaction.atomic():
        rows(sql, params)


def again(table: str, **changes: object) -> tuple[str, str]:
    """Return the statement that stores a row of this table once more, changed so, under a fresh id; and the change.

    Of authorizations one that was allowed: ids made in the same millisecond say nothing of what came first.
    """
    order = "outcome, id" if table == "approvals_authorization" else "id"
    sql = f"""
        insert into {table}
        select (jsonb_populate_record(one, %s::jsonb)).* from {table} one order by {order} limit 1
    """
    return sql, orjson.dumps({"id": str(new_id(NOW)), "idempotency_key": None} | changes).decode()


@pytest.mark.usefixtures("world")
def test_what_an_authorization_must_hold() -> None:
    wrong: list[tuple[str, dict[str, object]]] = [
        ("key_is_unique_per_agent", {"idempotency_key": "order-1"}),
        ("authorization_amount_is_positive", {"amount": 0}),
        ("authorization_amount_is_positive", {"amount": -1}),
        ("authorization_status_is_known", {"status": "lost"}),
        ("authorization_outcome_is_known", {"outcome": "maybe"}),
        ("authorization_rail_is_known", {"rail": "pigeon"}),
        ("waiting_authorization_has_a_clock", {"status": "approved", "expires_at": None}),
        ("waiting_authorization_has_a_clock", {"status": "pending_review", "expires_at": None}),
        ("denied_authorization_is_declined", {"outcome": "deny", "status": "approved"}),
        ("authorization_is_given_up_with_a_word", {"given_up_as": "recorded"}),
    ]
    for constraint, changes in wrong:
        refuse(constraint, *again("approvals_authorization", **changes))


@pytest.mark.usefixtures("world")
def test_a_copy_with_nothing_wrong_is_stored() -> None:
    """The control: what is refused above is refused for the one thing that is wrong with it."""
    rows(*_listed(again("approvals_authorization")))
    assert Authorization.objects.count() == 4


def _listed(statement: tuple[str, str]) -> tuple[str, list[str]]:
    return statement[0], [statement[1]]


@pytest.mark.usefixtures("world")
def test_what_an_approval_request_must_hold() -> None:
    wrong = [
        ("approval_request_closes_with_a_word", "closed_at = now()"),
        ("approval_request_closes_with_a_word", "closed_as = 'approved'"),
        ("approval_request_closes_with_a_word", "closed_at = now(), closed_as = 'forgotten'"),
        ("approval_request_has_time", "expires_at = opened_at"),
    ]
    for constraint, change in wrong:
        refuse(constraint, f"update approvals_approvalrequest set {change}")
    refuse("approvals_approvalrequest_authorization_id_key", *again("approvals_approvalrequest"))


def test_what_a_review_must_hold(world: World) -> None:
    rui, ada = (str(member.person_id) for member in (world.cast.rui, world.cast.ada))
    wrong: list[tuple[str, dict[str, object]]] = [
        ("review_is_one_per_person", {"person_id": rui, "verdict": "reject", "reason": "no"}),
        ("review_verdict_is_known", {"person_id": ada, "verdict": "shrug"}),
        ("rejection_has_a_reason", {"person_id": ada, "verdict": "reject", "reason": ""}),
        ("review_can_be_taken_back", {"person_id": ada, "effective_at": NOW}),
        ("review_closes_with_a_word", {"person_id": ada, "closed_at": NOW}),
        ("review_closes_with_a_word", {"person_id": ada, "closed_at": NOW, "closed_as": "forgotten"}),
        ("review_counts_once_effective", {"person_id": ada, "closed_at": NOW, "closed_as": "counted"}),
        (
            "review_is_withdrawn_in_time",
            {"person_id": ada, "closed_at": NOW + UNDO_TIME, "closed_as": "withdrawn"},
        ),
    ]
    for constraint, changes in wrong:
        refuse(constraint, *again("approvals_review", **changes))


@pytest.mark.parametrize(("end", "at"), [("withdrawn", NOW), ("set_aside", NOW + UNDO_TIME)])
@pytest.mark.usefixtures("world")
def test_who_took_an_answer_back_may_answer_again(end: str, at: datetime) -> None:
    rows("update approvals_review set closed_at = %s, closed_as = %s", [at, end])

    sql, changes = again("approvals_review", verdict="reject", reason="no", closed_at=None, closed_as="")
    rows(sql, [changes])

    refuse("review_is_one_per_person", *again("approvals_review", closed_at=None, closed_as=""))


def is_refused(sql: str, *params: object) -> None:
    with pytest.raises(DatabaseError, match="is refused"), transaction.atomic():
        rows(sql, params)


KEPT: Final = (
    "id = gen_random_uuid()",
    "organization_id = gen_random_uuid()",
    "agent_id = gen_random_uuid()",
    "key_id = null",
    "idempotency_key = 'another'",
    "body_digest = 'another'",
    "amount = amount + 1",
    "currency = 'EUR'",
    "counting_currency = 'EUR'",
    "counterparty_id = null",
    "payee = '{}'",
    "payee_digest = 'another'",
    "category = 'another'",
    "rail = 'bank'",
    "country = 'DE'",
    "session = 'another'",
    "purpose = 'another'",
    """context = '{"a": 1}'""",
    "outcome = 'review' where outcome = 'allow'",
    "reasons = '{}' where outcome = 'deny'",
    "decision = '{}'",
    "facts = '{}'",
    "versions = '{}'",
    "possible_duplicate_of = id",
    "asked_at = asked_at + interval '1 day'",
)
"""What may not change once it was answered."""


@pytest.mark.usefixtures("world")
def test_approvals_authorization_keeps_its_answer() -> None:
    for change in KEPT:
        is_refused(f"update approvals_authorization set {change}")


@pytest.mark.usefixtures("world")
def test_what_lives_of_an_authorization_may_change() -> None:
    rows("update approvals_authorization set status = 'voided', closed_at = now() where status = 'approved'")
    assert Authorization.objects.filter(status="voided").count() == 1


@pytest.mark.usefixtures("world")
def test_approvals_authorization_is_not_deleted() -> None:
    is_refused("delete from approvals_authorization")


@pytest.mark.usefixtures("world")
def test_approvals_review_is_immutable() -> None:
    given = (
        *("id = gen_random_uuid()", "organization_id = gen_random_uuid()", "request_id = gen_random_uuid()"),
        *("person_id = gen_random_uuid()", "verdict = 'reject', reason = 'no'", "reason = 'because'"),
        *("evidence_digest = ''", "at = at - interval '1 hour'", "effective_at = effective_at + interval '1 hour'"),
    )
    for change in given:
        is_refused(f"update approvals_review set {change}")
    assert Review.objects.get().verdict == "approve"


@pytest.mark.usefixtures("world")
def test_what_became_of_a_review_is_said_once() -> None:
    rows("update approvals_review set closed_at = effective_at, closed_as = 'counted'")

    is_refused("update approvals_review set closed_at = null, closed_as = ''")
    is_refused("update approvals_review set closed_at = at, closed_as = 'withdrawn'")


@pytest.mark.usefixtures("world")
def test_approvals_review_is_not_deleted() -> None:
    is_refused("delete from approvals_review")


@pytest.mark.usefixtures("django_db_setup")
def test_what_was_asked_and_answered_is_not_truncated() -> None:
    """`approvals_authorization_is_not_truncated` and `approvals_review_is_not_truncated`, in an installation.

    A test database may be emptied, and is known by its name.
    """
    name = f"conto_installed_approvals_{os.getpid()}"
    with plugin.maintenance(os.environ["DATABASE_URL"]) as server:
        plugin.make_database(name)
        try:
            address = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
            for table in ("approvals_authorization", "approvals_review"):
                with psycopg.connect(address) as inside, pytest.raises(psycopg.DatabaseError, match="is refused"):
                    inside.execute(f"truncate {table} cascade".encode())
        finally:
            plugin.drop(server, name)


def test_a_credential_is_released_once_per_authorization(world: World) -> None:
    one = Authorization.objects.get(idempotency_key="order-1")
    credential = a_credential(world)
    release = CredentialRelease(
        authorization=one,
        organization_id=world.organization_id,
        credential_id=credential,
        released_to="key_1",
        released_at=NOW,
    )
    release.save(force_insert=True)

    refuse(
        "approvals_credentialrelease_pkey",
        "insert into approvals_credentialrelease select * from approvals_credentialrelease",
    )


def a_credential(world: World) -> UUID:
    return SealedCredential.objects.create(
        id=new_id(NOW),
        organization_id=world.organization_id,
        agent=world.agent,
        name="card",
        kind="card_token",
        rails=["card"],
        created_at=NOW,
        revoked_at=NOW,
    ).id


@pytest.mark.usefixtures("world")
def test_what_an_answer_rests_on_cannot_be_deleted() -> None:
    for table, constraint in (("approvals_approvalrequest", "request_id"), ("agents_agentkey", "key_id")):
        rows("set constraints all immediate")
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            rows(f"delete from {table}")
    assert ApprovalRequest.objects.count() == 1
