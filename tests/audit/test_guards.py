"""The database itself refuses to change history: raw SQL against every trigger and constraint."""

import os
from collections.abc import Iterator
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from psycopg import Connection, sql

from audit.catalogue import Action
from audit.models import Leaf
from audit.services import NewEvent, event_clause, events_json
from audit.services.sealing import seal
from conto_admin.embedded import ROOT
from core.db import rows
from core.ids import new_id
from tests import plugin
from tests.audit.logbook import ADA, sealed_log, tell
from tests.factories import NOW
from tests.furnished import furnish

HISTORY = ("audit_event", "audit_leaf", "audit_checkpoint")
TABLES = (*HISTORY, "audit_pending")


# --- As in an installation: a database that is no test database -------------------------------------------------------


@pytest.fixture(scope="module")
def installation(django_db_setup: None) -> Iterator[Connection[tuple[object, ...]]]:
    """A connection of a superuser to a fresh database as it is shipped, whatever its name; it holds one event."""
    name = f"test_conto_{os.getpid()}_shipped"
    with plugin.maintenance(os.environ["DATABASE_URL"]) as server:
        plugin.make_database(name)
        try:
            address = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
            with psycopg.connect(address, autocommit=True) as inside:
                write_one_event(inside)
                yield inside
        finally:
            plugin.drop(server, name)


def write_one_event(inside: Connection[tuple[object, ...]]) -> None:
    told = NewEvent(
        organization_id=uuid4(),
        actor=ADA,
        action=Action.AGENT_CHANGED,
        subject_kind="agent",
        subject_id="agt_1",
        now=NOW,
    )
    inside.execute(f"with {event_clause()} select from audit_written".encode(), {"events": events_json([told])})


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("cascade", ["", " cascade"])
def test_truncate_is_refused(installation: Connection[tuple[object, ...]], table: str, cascade: str) -> None:
    refused = f"TRUNCATE on {table} is refused" if not cascade else "TRUNCATE on audit_"
    statement = sql.SQL("truncate {}" + cascade).format(sql.Identifier(table))
    if table == "audit_event" and not cascade:
        refused = "cannot truncate a table referenced in a foreign key constraint"
    with pytest.raises(psycopg.Error, match=refused):
        installation.execute(statement)
    assert installation.execute("select count(*) from audit_event").fetchone() == (1,)


@pytest.mark.parametrize(
    "statement",
    [
        "update audit_event set actor_name = 'Mallory'",
        "delete from audit_leaf",
        "truncate audit_event cascade",
        "alter table audit_event disable trigger all",
        "drop trigger audit_event_is_append_only on audit_event",
        "create or replace function conto_refuse_change() returns trigger language plpgsql as 'begin return new; end'",
        "set session_replication_role = replica",
        "create table public.mine (id int)",
    ],
)
def test_the_role_of_the_application_cannot_take_the_guards_away(
    installation: Connection[tuple[object, ...]], statement: str
) -> None:
    with installation.transaction(force_rollback=True):
        installation.execute(grants().encode())
        installation.execute("set local role conto_app")
        assert installation.execute("select count(*) from audit_event").fetchone() == (1,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            installation.execute(statement.encode())


@pytest.mark.django_db
def test_the_role_of_the_application_can_do_what_the_application_does() -> None:
    with connection.cursor() as cursor:
        cursor.execute(grants())
        cursor.execute("set local role conto_app")
    furnished = furnish(NOW)
    organization_id = furnished.cast.organization.pk
    tell(organization_id, after={"step": 1})

    assert seal(organization_id, now=NOW) > 0
    assert Leaf.objects.filter(organization_id=organization_id).count() > 10


def grants() -> str:
    """What docs/operations.md tells the owner of a database to run."""
    return (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").partition("```sql\n")[2].partition("```")[0]


def test_truncating_everything_at_once_is_refused(installation: Connection[tuple[object, ...]]) -> None:
    with pytest.raises(psycopg.errors.RestrictViolation, match="is a part of history"):
        installation.execute("truncate audit_event, audit_leaf, audit_pending, audit_checkpoint")


# --- Rows -------------------------------------------------------------------------------------------------------------


def refused(match: str, statement: str, *values: object) -> None:
    """The statement fails and leaves the connection usable."""
    with pytest.raises(DatabaseError, match=match), transaction.atomic():
        rows(statement, list(values))


@pytest.mark.django_db
@pytest.mark.parametrize("table", HISTORY)
def test_a_row_of_history_is_neither_changed_nor_deleted(table: str) -> None:
    sealed_log(2)
    refused(f"UPDATE on {table} is refused", f"update {table} set organization_id = organization_id")
    refused(f"DELETE on {table} is refused", f"delete from {table}")
    assert rows(f"select count(*) > 0 from {table}") == [(True,)]


@pytest.mark.django_db
def test_an_event_waits_until_a_leaf_covers_it() -> None:
    tell(uuid4())
    refused("DELETE on audit_pending is refused: no leaf covers event", "delete from audit_pending")
    refused("UPDATE on audit_pending is refused", "update audit_pending set organization_id = organization_id")


EVENT = (
    "insert into audit_event (id, organization_id, at, action, actor_kind, actor_id, actor_name, subject_kind,"
    " subject_id, request_id, address) values (%s, %s, now(), %s, %s, 'per_1', 'Ada', 'agent', 'agt_1', '', '')"
)
LEAF = "insert into audit_leaf (organization_id, index, event_id, hash) values (%s, %s, %s, '')"
CHECKPOINT = (
    "insert into audit_checkpoint (organization_id, size, root, frontier, text, at) values (%s, %s, '', '', '', now())"
)
VERIFICATION = "insert into audit_verification (organization_id, at, size, faults) values (%s, now(), %s, 0)"


@pytest.mark.django_db
def test_an_event_needs_an_action_and_a_known_kind_of_actor() -> None:
    refused("event_has_an_action", EVENT, uuid4(), uuid4(), "", "person")
    refused("event_actor_kind_is_known", EVENT, uuid4(), uuid4(), "agent.changed", "ghost")


@pytest.mark.django_db
def test_a_place_in_the_log_is_taken_once_and_never_negative() -> None:
    organization_id, event_id = sealed_log(2), waiting_event()
    refused("leaf_index_is_unique", LEAF, organization_id, 1, event_id)
    refused("leaf_index_is_not_negative", LEAF, organization_id, -1, event_id)
    ((sealed_id,),) = rows("select event_id from audit_leaf where index = 0")
    refused("audit_leaf_event_id_key", LEAF, organization_id, 2, sealed_id)


@pytest.mark.django_db
def test_a_checkpoint_covers_something_and_each_size_has_one() -> None:
    organization_id = sealed_log(2)
    refused("checkpoint_covers_something", CHECKPOINT, organization_id, 0)
    refused("checkpoint_size_is_unique", CHECKPOINT, organization_id, 2)


@pytest.mark.django_db
def test_a_verification_reaches_somewhere() -> None:
    refused("verification_size_is_not_negative", VERIFICATION, uuid4(), -1)


def waiting_event() -> UUID:
    organization_id = new_id(NOW)
    tell(organization_id)
    ((event_id,),) = rows("select event_id from audit_pending where organization_id = %s", [organization_id])
    return UUID(str(event_id))
