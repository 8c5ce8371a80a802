"""Statements of the hot path: planned once per connection, and sent over psycopg's own libpq, past its cursors."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from itertools import count
from select import POLLIN, POLLOUT, poll
from typing import Any, Final, Protocol, TypeAlias, cast
from uuid import UUID
from weakref import WeakKeyDictionary

import psycopg
from psycopg import abc, pq
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result

PLACEHOLDER: Final = re.compile(r"%\((\w+)\)s")
STATEMENTS_KEPT: Final = 200
"""More than there are prepared statements in the product."""
BEGIN: Final = "begin"
COMMIT: Final = "commit"
FAILED: Final = pq.ExecStatus.FATAL_ERROR
ENDED: Final = pq.ExecStatus.PIPELINE_SYNC
IDLE: Final = pq.TransactionStatus.IDLE

Server: TypeAlias = "psycopg.Connection[Any]"
Params: TypeAlias = dict[str, object]
Rows: TypeAlias = list[tuple[object, ...]]


class Send(Protocol):
    """Sends a statement without waiting for its answer."""

    def __call__(self, sql: str, params: Params, /) -> None:
        """Send it behind what was sent before."""


@dataclass(slots=True)
class _Prepared:
    """What one connection has planned: names by statement; and what reads its answers."""

    reader: abc.Transformer
    names: dict[str, bytes] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)

    def new_name(self) -> bytes:
        return b"conto_%d" % next(self.numbers)


_prepared_on: Final[WeakKeyDictionary[Server, _Prepared]] = WeakKeyDictionary()


def run(server: Server, sql: str, params: Params) -> Rows:
    """Run one statement and return its rows: one round trip, and one more where this connection plans it first.

    Raises psycopg's errors, as a cursor would.
    """
    if not server.autocommit and server.pgconn.transaction_status == IDLE:
        server.execute("")  # psycopg begins a transaction with its first statement, whatever that says
    here = _of(server)
    native, names = native_statement(sql)
    name = here.names.get(sql)
    if name is None:
        name = here.new_name()
        _demand(server, server.pgconn.prepare(name, native))
        here.names[sql] = name
    values = [text_of(params[each]) for each in names]
    result = server.pgconn.exec_prepared(name, values)  # type: ignore[arg-type]  # None is NULL
    _demand(server, result)
    if not result.nfields:
        return []
    here.reader.set_pgresult(result)
    return cast(Rows, here.reader.load_rows(0, result.ntuples, tuple))


@contextmanager
def one_trip(server: Server) -> Iterator[Send]:
    """Send what is sent inside, between a BEGIN and a COMMIT of its own, and wait for all of it once.

    Behind an error the server runs nothing, the COMMIT included; the transaction is then rolled back and the error
    raised. What the statements answer is not kept.
    """
    here, connection = _of(server), server.pgconn
    planned: list[str] = []

    def send(sql: str, params: Params) -> None:
        native, names = native_statement(sql)
        name = here.names.get(sql)
        if name is None:
            name = here.names[sql] = here.new_name()
            planned.append(sql)
            connection.send_prepare(name, native)
        connection.send_query_prepared(name, [text_of(params[each]) for each in names])

    error: BaseException | None = None
    connection.enter_pipeline_mode()
    try:
        send(BEGIN, {})
        yield send
        send(COMMIT, {})
    except BaseException as raised:  # noqa: BLE001 - raised again below, once the connection is in order
        error = raised
    error = _end(server) or error
    if error is not None:
        for sql in planned:
            # The server may never have come to it; under another name it can be planned once more.
            here.names.pop(sql, None)
        raise error


def _end(server: Server) -> BaseException | None:
    """Wait for everything that was sent and leave the connection outside a transaction; return the first error."""
    connection, error = server.pgconn, None
    send_sync(server)
    while connection.status == pq.ConnStatus.OK:
        result = _next_result(connection)
        if result is None:
            continue  # stands between the answers to two statements
        if result.status == ENDED:
            break
        if result.status == FAILED and error is None:
            error = _error_in(server, result)
    if connection.status != pq.ConnStatus.OK:
        return error or psycopg.OperationalError("the connection is lost")
    connection.exit_pipeline_mode()
    if connection.transaction_status != IDLE:
        connection.exec_(b"rollback")
    return error


def send_sync(server: Server) -> None:
    """Let the server run what was sent, and tell where it ends."""
    server.pgconn.pipeline_sync()


def _next_result(connection: pq.abc.PGconn) -> pq.abc.PGresult | None:
    """Return the next answer; other threads run on while this one waits, as libpq's own waiting would not let them."""
    while (is_sending := bool(connection.flush())) or connection.is_busy():
        waiting = poll()
        waiting.register(connection.socket, POLLIN | POLLOUT if is_sending else POLLIN)
        waiting.poll()
        connection.consume_input()
    return connection.get_result()


def _of(server: Server) -> _Prepared:
    here = _prepared_on.get(server)
    if here is None:
        here = _prepared_on[server] = _Prepared(Transformer(server))
    return here


def _demand(server: Server, result: pq.abc.PGresult) -> None:
    if result.status == FAILED:
        raise _error_in(server, result)


def _error_in(server: Server, result: pq.abc.PGresult) -> psycopg.Error:
    error = error_from_result(result, encoding=server.info.encoding)
    if error.sqlstate is None and server.pgconn.status != pq.ConnStatus.OK:
        # libpq says so in words alone: nobody refused anything, there is nobody.
        return psycopg.OperationalError("the connection is lost")
    return error


@lru_cache(maxsize=STATEMENTS_KEPT)
def native_statement(sql: str) -> tuple[bytes, tuple[str, ...]]:
    """Return `sql` with `$1` in the place of `%(name)s`, and the names in that order.

    psycopg parses a long statement anew at each call, which costs more than running it.
    """
    names: dict[str, int] = {}

    def numbered(match: re.Match[str]) -> str:
        return f"${names.setdefault(match.group(1), len(names) + 1)}"

    text = PLACEHOLDER.sub(numbered, sql).replace("%%", "%")
    return text.encode(), tuple(names)


def text_of(value: object) -> bytes | None:
    """Return a parameter as text, whose type the statement's own casts and columns say.

    psycopg prepares a statement anew for each combination of types that its parameters come in, `None` and the size of
    an integer among them; with one type for all, each statement is planned once per connection. Raises `TypeError` for
    what has no text here, `ValueError` for a text with NUL: libpq reads up to there and would store the rest of it as
    never said.
    """
    if value is None:
        return None
    text = TEXTS.get(type(value))
    told = (text(value) if text is not None else _text(value)).encode()
    if b"\0" in told:
        raise ValueError("a parameter holds NUL, which PostgreSQL's text cannot")
    return told


def _text(value: object) -> str:
    """Return the text of a value whose very class is not in `TEXTS`: an enumeration's member, say."""
    for kind, text in TEXTS.items():
        if isinstance(value, kind):
            return text(value)
    raise TypeError(f"no text for a parameter of class {type(value).__name__}")


def _array(values: Any) -> str:
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: object) -> str:
    if value is None:
        return "NULL"
    text = TEXTS.get(type(value), _text)(value)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' if isinstance(value, str) else text


TEXTS: Final[dict[type, Callable[[Any], str]]] = {
    str: str,
    UUID: str,
    datetime: datetime.isoformat,
    Decimal: str,
    int: str,
    bool: str,
    list: _array,
}
"""By exact class, for this runs a hundred times per decision."""
