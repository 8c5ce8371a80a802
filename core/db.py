"""Transactions: durable use cases, steps that demand one, and the gates that order money against control."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache, partial, wraps
from time import monotonic
from typing import Any, Final, ParamSpec, TypeVar
from uuid import UUID

import psycopg
from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    InterfaceError,
    OperationalError,
    connection,
    connections,
    transaction,
)
from django.db.backends.base.base import BaseDatabaseWrapper

from core.errors import Unavailable

P = ParamSpec("P")
R = TypeVar("R")

PLACEHOLDER: Final = re.compile(r"%\((\w+)\)s")
STATEMENTS_KEPT: Final = 200
"""More than there are prepared statements in the product."""
ONE: Final = False
"""What Django calls `many` when it hands a statement to wrappers."""
SHARE_GATES: Final = (
    "select pg_advisory_xact_lock_shared(%(organization)s::bigint), pg_advisory_xact_lock_shared(%(agent)s::bigint)"
)
STATEMENT_TIMEOUT_MS: Final = 15_000
"""Longer than any statement of a use case takes; a stuck one must not hold a gate for ever."""


def use_case(function: Callable[P, R]) -> Callable[P, R]:
    """Run `function` in one durable transaction of its own; nesting one use case in another raises.

    A deadlock, a time-out or a lost connection becomes `Unavailable`: nothing was stored.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with transaction.atomic(durable=True):
                return function(*args, **kwargs)
        except (OperationalError, InterfaceError) as error:
            raise Unavailable() from error

    return run


def must_be_in_transaction() -> None:
    """Raise where a step is called outside the transaction of a use case."""
    if not connection.in_atomic_block:
        raise RuntimeError("a step was called outside a use case's transaction")


def share_gates(organization_id: UUID, agent_id: UUID | None = None) -> None:
    """Pass the organization's gate and the agent's, shared: many payments pass at once.

    What the *next* statement reads of agent, key, organization and policies holds until the commit.
    """
    must_be_in_transaction()
    _lock("pg_advisory_xact_lock_shared", organization_id, agent_id)


def hold_gate_exclusively(organization_id: UUID, agent_id: UUID | None = None) -> None:
    """Wait until every payment under way has committed, and keep new ones out until the commit.

    With an agent the organization's gate is only shared and the agent's is exclusive.
    """
    must_be_in_transaction()
    if agent_id is None:
        _lock("pg_advisory_xact_lock", organization_id, None)
        return
    _lock("pg_advisory_xact_lock_shared", organization_id, None)
    _lock("pg_advisory_xact_lock", agent_id, None)


def gate_number(value: UUID) -> int:
    """Return the 64-bit advisory lock number of an organization or agent: the random tail of its id."""
    return int.from_bytes(value.bytes[8:], "big", signed=True)


def rows(sql: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[object, ...]]:
    """Run one statement and return its rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params or None)
        return cursor.fetchall() if cursor.description else []


def prepared_rows(sql: str, params: dict[str, object]) -> list[tuple[object, ...]]:
    """Run one statement of the hot path, prepared on the server once per connection, and return its rows.

    Counts as a query for Django's execute wrappers and query log, as any other does.
    """
    here = _connected()
    run = _run_prepared
    for wrapper in reversed(here.execute_wrappers):
        run = partial(wrapper, run)
    started = monotonic()
    result: list[tuple[object, ...]] = run(sql, params, ONE, {"connection": here})
    if here.queries_logged:
        here.queries_log.append({"sql": sql, "time": f"{monotonic() - started:.3f}"})
    return result


def commit_together(*statements: tuple[str, dict[str, object]]) -> None:
    """Run statements in one durable transaction of their own, sent with their COMMIT in one round trip.

    A statement that must not be kept raises in the database: what follows, the COMMIT included, is then not run. The
    error comes as Django's, its SQLSTATE by `sqlstate_of`. Locks are held for the writes and the commit, not
    for a reply.
    """
    here = _connected()
    if here.in_atomic_block:
        # Only a test case may stand around a use case; `durable` raises for anything else.
        with transaction.atomic(durable=True):
            for sql, params in statements:
                prepared_rows(sql, params)
        return
    server = here.connection
    try:
        # The error of a transaction that ends by the pipeline's Sync alone is one that psycopg cannot tell.
        with here.wrap_database_errors, server.pipeline():
            server.execute("begin", prepare=True)
            for sql, params in statements:
                _sent(here, sql, params)
            server.execute("commit", prepare=True)
    except DatabaseError:
        if server.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            _roll_back(here)
        raise


def _roll_back(here: BaseDatabaseWrapper) -> None:
    """End the transaction that an error has left open; a connection that cannot is thrown away."""
    try:
        here.connection.execute("rollback")
    except psycopg.Error:
        here.close()


def sqlstate_of(error: DatabaseError) -> str:
    """Return the SQLSTATE behind one of Django's database errors, empty where there is none."""
    return str(getattr(error.__cause__, "sqlstate", None) or "")


def shared_gates_statement(organization_id: UUID, agent_id: UUID) -> tuple[str, dict[str, object]]:
    """Return `share_gates` as a statement to be sent together with others."""
    return SHARE_GATES, {"organization": gate_number(organization_id), "agent": gate_number(agent_id)}


def _connected() -> BaseDatabaseWrapper:
    """Return this thread's connection itself, opened: the name that Django gives it asks anew at each attribute."""
    here = connections[DEFAULT_DB_ALIAS]
    here.ensure_connection()
    return here


def _sent(here: BaseDatabaseWrapper, sql: str, params: dict[str, object]) -> "psycopg.RawCursor[tuple[object, ...]]":
    """Send one prepared statement inside a pipeline, as a query that wrappers count."""
    run = _send
    for wrapper in reversed(here.execute_wrappers):
        run = partial(wrapper, run)
    if here.queries_logged:
        here.queries_log.append({"sql": sql, "time": "0"})
    cursor: psycopg.RawCursor[tuple[object, ...]] = run(sql, params, ONE, {"connection": here})
    return cursor


def _send(
    sql: str,
    params: dict[str, object],
    _many: object,
    context: dict[str, Any],
) -> "psycopg.RawCursor[tuple[object, ...]]":
    native, names = native_statement(sql)
    cursor: psycopg.RawCursor[tuple[object, ...]] = psycopg.RawCursor(context["connection"].connection)
    cursor.execute(native, [text_of(params[name]) for name in names], prepare=True)
    return cursor


def text_of(value: object) -> str | None:
    """Return a parameter as text, whose type the statement's own casts and columns say.

    psycopg prepares a statement anew for each combination of types that its parameters come in, `None` and the size of
    an integer among them; with one type for all, each statement is planned once per connection.
    """
    kind = type(value)
    if value is None or kind is str:
        return value  # type: ignore[return-value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list):
        return "{" + ",".join(_element(member) for member in value) + "}"
    if isinstance(value, bool | int | Decimal | UUID | str):
        return str(value)
    raise TypeError(f"no text for a parameter of class {kind.__name__}")


def _element(value: object) -> str:
    text = text_of(value)
    if text is None:
        return "NULL"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' if isinstance(value, str) else text


def _rows_of(cursor: "psycopg.RawCursor[tuple[object, ...]]") -> list[tuple[object, ...]]:
    # Whether there are columns is a question of a few nanoseconds; `description` would describe each of them.
    return cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else []


def _run_prepared(
    sql: str,
    params: dict[str, object],
    many: object,
    context: dict[str, Any],
) -> list[tuple[object, ...]]:
    with context["connection"].wrap_database_errors:
        return _rows_of(_send(sql, params, many, context))


@lru_cache(maxsize=STATEMENTS_KEPT)
def native_statement(sql: str) -> tuple[str, tuple[str, ...]]:
    """Return `sql` with `$1` in the place of `%(name)s`, and the names in that order.

    psycopg parses a long statement anew at each call, which costs more than running it.
    """
    names: dict[str, int] = {}

    def numbered(match: re.Match[str]) -> str:
        return f"${names.setdefault(match.group(1), len(names) + 1)}"

    text = PLACEHOLDER.sub(numbered, sql).replace("%%", "%")
    return text, tuple(names)


def _lock(function: str, first: UUID, second: UUID | None) -> None:
    numbers = [gate_number(first)] + ([gate_number(second)] if second else [])
    calls = ", ".join(f"{function}(%s)" for _ in numbers)
    rows(f"select {calls}", numbers)
