"""Statements of the hot path: prepared once each, kept together or not at all, and an error at the commit is heard."""

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Final
from uuid import UUID

import pytest
from django.db import DatabaseError, connection

from core.db import commit_together, is_unavailable, prepared_rows, rows, sqlstate_of
from core.prepared import text_of

EVERY_TYPE: Final = """
select %(number)s::bigint, %(amount)s::numeric, %(moment)s::timestamptz, %(id)s::uuid, %(text)s::text, %(flag)s::bool,
    %(texts)s::text[], %(amounts)s::numeric[]
"""
PREPARED: Final = (
    "select count(*) from pg_prepared_statements where statement like '%%$1::bigint, $2::numeric, $3::timestamptz%%'"
)
MOMENT: Final = datetime(2026, 1, 31, 9, 30, tzinfo=timezone(timedelta(hours=2)))
VALUES: Final[dict[str, object]] = {
    "number": 7,
    "amount": Decimal("0.000001"),
    "moment": MOMENT,
    "id": UUID(int=5),
    "text": 'a "b" \\ {c},d',
    "flag": True,
    "texts": ['a "b" \\ {c},d', "", "NULL", "null"],
    "amounts": [Decimal("1.50"), None],
}
INSERT: Final = "insert into core_db_child values (%(parent)s::int)"


@pytest.fixture
def tables(transactional_db: None) -> Iterator[None]:
    """A child whose parent is looked for only at the commit."""
    rows("create table core_db_parent (id int primary key)")
    rows("create table core_db_child (id int references core_db_parent deferrable initially deferred)")
    yield
    rows("drop table core_db_child, core_db_parent")


@pytest.mark.django_db
def test_values_of_every_type_come_back_as_they_went() -> None:
    assert prepared_rows(EVERY_TYPE, VALUES) == [tuple(VALUES.values())]


@pytest.mark.django_db
def test_a_statement_is_prepared_once_whatever_its_values() -> None:
    for number in (1, 2**20, 2**40):
        prepared_rows(EVERY_TYPE, VALUES | {"number": number})
    for name in VALUES:
        prepared_rows(EVERY_TYPE, VALUES | {name: None})
    prepared_rows(EVERY_TYPE, VALUES | {"texts": []})
    assert rows(PREPARED) == [(1,)]


def test_a_value_without_a_text_is_refused() -> None:
    with pytest.raises(TypeError, match="float"):
        text_of(1.5)


@pytest.mark.parametrize("value", ["paid\0 in full", ["late", "\0"]])
def test_a_text_with_nul_is_refused_and_not_cut_off_there(value: object) -> None:
    with pytest.raises(ValueError, match="NUL"):
        text_of(value)


@pytest.mark.parametrize(
    "send", [lambda: prepared_rows("select 1", {}), lambda: commit_together(("select 1", {}))], ids=["one", "together"]
)
@pytest.mark.django_db(transaction=True)
def test_a_statement_behind_a_lost_connection_is_unavailable_and_refuses_nothing(send: Callable[[], object]) -> None:
    ((server,),) = rows("select pg_backend_pid()")
    with contextlib.closing(connection.copy()) as other, other.cursor() as cursor:
        cursor.execute("select pg_terminate_backend(%s, 20000)", [str(server)])

    with pytest.raises(DatabaseError) as lost:
        send()

    assert is_unavailable(lost.value)
    connection.close()


@pytest.mark.usefixtures("tables")
def test_statements_are_kept_together_or_not_at_all() -> None:
    with pytest.raises(DatabaseError):
        commit_together(("insert into core_db_parent values (1)", {}), ("select 1 / %(no)s::int", {"no": 0}))
    assert rows("select id from core_db_parent") == []
    commit_together(("insert into core_db_parent values (1)", {}), (INSERT, {"parent": 1}))
    assert rows("select id from core_db_child") == [(1,)]


@pytest.mark.usefixtures("tables")
def test_an_error_at_the_commit_is_raised_and_the_next_statement_runs() -> None:
    with pytest.raises(DatabaseError) as refused:
        commit_together((INSERT, {"parent": 2}))
    assert sqlstate_of(refused.value) == "23503"
    assert rows("select id from core_db_child") == []
    assert connection.is_usable()
