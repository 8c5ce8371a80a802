"""Transactions: durable use cases, steps that demand one, and the gates that order money against control."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial, wraps
from time import monotonic
from typing import Any, Final, ParamSpec, TypeVar
from uuid import UUID

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

from core import prepared
from core.errors import Unavailable

P = ParamSpec("P")
R = TypeVar("R")

ONE: Final = False
"""What Django calls `many` when it hands a statement to wrappers."""
FETCHED: Final = 500
"""Rows that a stream holds at a time."""
MOST_IDLE_SECONDS: Final = 5
"""A transaction that does nothing for so long belongs to a process that is stuck; others wait at its gates."""
LONGEST_WAIT_SECONDS: Final = 10
"""At a gate or for a row; longer than the above, so that who waits for somebody stuck gets through after all."""
LONGEST_REQUEST_STATEMENT_SECONDS: Final = 30
"""Who sent the request has given up by then."""
ENDED_WHILE_IDLE: Final = "25P03"
"""SQLSTATE of a connection that the server closed because its transaction did nothing for too long."""
SHARE_GATES: Final = (
    "select pg_advisory_xact_lock_shared(%(organization)s::bigint), pg_advisory_xact_lock_shared(%(agent)s::bigint)"
)


def limit_connections(statement_seconds: int = 0) -> None:
    """Let the server end what hangs on connections that this process opens from now on; 0 is no limit.

    For what serves: a command may migrate, seed or sum for an hour. What DATABASE_URL sets itself is left as it is, for
    it comes behind.
    """
    limits = {
        "idle_in_transaction_session_timeout": MOST_IDLE_SECONDS,
        "lock_timeout": LONGEST_WAIT_SECONDS,
        "statement_timeout": statement_seconds,
    }
    options = connections[DEFAULT_DB_ALIAS].settings_dict["OPTIONS"]
    options["options"] = " ".join([f"-c {name}={seconds}s" for name, seconds in limits.items()] + [options["options"]])


def use_case(function: Callable[P, R]) -> Callable[P, R]:
    """Run `function` in one durable transaction of its own; nesting one use case in another raises.

    A deadlock, a time-out or a lost connection becomes `Unavailable`: nothing was stored.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with transaction.atomic(durable=True):
                return function(*args, **kwargs)
        except (DatabaseError, InterfaceError) as error:
            if is_unavailable(error):
                raise Unavailable() from error
            raise

    return run


@contextmanager
def one_snapshot() -> Iterator[None]:
    """Let everything that is read inside be of one moment, and write nothing: sums of several statements agree."""
    if connection.in_atomic_block:
        # Only a test case may stand around it: what it has written is to be seen.
        yield
        return
    with transaction.atomic():
        rows("set transaction isolation level repeatable read, read only")
        yield


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


def streamed(sql: str, params: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    """Run one statement and yield its rows, of which this side holds a few hundred at a time.

    The server keeps the rest behind a cursor, so a transaction stands around it (`one_snapshot`).
    """
    must_be_in_transaction()
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql, params)
        while found := cursor.fetchmany(FETCHED):
            yield from found


def prepared_rows(sql: str, params: dict[str, object]) -> list[tuple[object, ...]]:
    """Run one statement of the hot path, prepared on the server once per connection, and return its rows.

    Counts as a query for Django's execute wrappers and query log, as any other does.
    """
    here = _connected()

    def execute(sql: str, params: dict[str, object], _many: object, _context: object) -> list[tuple[object, ...]]:
        return prepared.run(here.connection, sql, params)

    with here.wrap_database_errors:
        return _watched(here, execute, sql, params)


def commit_together(*statements: tuple[str, dict[str, object]]) -> None:
    """Run statements in one durable transaction of their own, sent with its BEGIN and COMMIT in one round trip.

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
    with here.wrap_database_errors, prepared.one_trip(here.connection) as send:

        def execute(sql: str, params: dict[str, object], _many: object, _context: object) -> None:
            send(sql, params)

        for sql, params in statements:
            _watched(here, execute, sql, params)


def is_unavailable(error: BaseException | None) -> bool:
    """Say whether the database gave up instead of refusing: a deadlock, a time-out, a lost connection."""
    if isinstance(error, OperationalError | InterfaceError):
        return True
    # psycopg files this one under the server's internal errors.
    return isinstance(error, DatabaseError) and sqlstate_of(error) == ENDED_WHILE_IDLE


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


def _watched(here: BaseDatabaseWrapper, execute: Callable[..., R], sql: str, params: dict[str, object]) -> R:
    """Execute a statement as Django would: through its wrappers, and told to its query log."""
    for wrapper in reversed(here.execute_wrappers):
        execute = partial(wrapper, execute)
    if not here.queries_logged:
        return execute(sql, params, ONE, {"connection": here})
    started = monotonic()
    result = execute(sql, params, ONE, {"connection": here})
    here.queries_log.append({"sql": sql, "time": f"{monotonic() - started:.3f}"})
    return result


def _lock(function: str, first: UUID, second: UUID | None) -> None:
    numbers = [gate_number(first)] + ([gate_number(second)] if second else [])
    calls = ", ".join(f"{function}(%s)" for _ in numbers)
    rows(f"select {calls}", numbers)
