"""Appending events: an event and the state it tells of commit together or not at all."""

import json
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import orjson

from audit.catalogue import Action
from audit.models import ADDRESS_LENGTH, ID_LENGTH, NAME_LENGTH
from core.actor import Actor
from core.canonical import moment_text, plain
from core.db import must_be_in_transaction, prepared_rows
from core.ids import new_id

NIL: Final = UUID(int=0)
RANDOM_BITS: Final = 80
"""What stands behind the milliseconds in an id."""
STEP_BITS: Final = 32
_last: Final = threading.local()

WRITTEN: Final = """
audit_written as (
    insert into audit_event (id, organization_id, at, action, actor_kind, actor_id, actor_name,
        subject_kind, subject_id, before, after, request_id, address)
    select id, organization_id, at, action, actor_kind, actor_id, actor_name,
        subject_kind, subject_id, before, after, request_id, address
    from jsonb_to_recordset(%(events)s::jsonb) as told(id uuid, organization_id uuid, at timestamptz, action text,
        actor_kind text, actor_id text, actor_name text, subject_kind text, subject_id text,
        before jsonb, after jsonb, request_id text, address text)
    {condition}
    returning id, organization_id
), audit_waiting as (
    insert into audit_pending (event_id, organization_id) select id, organization_id from audit_written
)"""
APPEND: Final = f"with {WRITTEN.format(condition='')} select from audit_written"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """One line of history that is about to be written; `subject_id` is a public id (TypeID).

    `before` and `after` hold what changed: anything with a canonical form; money becomes text, a float is refused.
    """

    organization_id: UUID
    actor: Actor
    action: Action
    subject_kind: str
    subject_id: str
    before: object = None
    after: object = None
    now: datetime


def append(
    *,
    organization_id: UUID,
    actor: Actor,
    action: Action,
    subject_kind: str,
    subject_id: str,
    before: object = None,
    after: object = None,
    now: datetime,
) -> None:
    """Write one event and its pending row in one statement, inside the caller's transaction."""
    append_all(
        [
            NewEvent(
                organization_id=organization_id,
                actor=actor,
                action=action,
                subject_kind=subject_kind,
                subject_id=subject_id,
                before=before,
                after=after,
                now=now,
            )
        ]
    )


def append_all(events: Sequence[NewEvent]) -> None:
    """Write several events in the order given, in one statement, inside the caller's transaction."""
    must_be_in_transaction()
    if events:
        prepared_rows(APPEND, {"events": events_json(events)})


def event_clause(after: str = "") -> str:
    """Return two common table expressions that write the events of `%(events)s` and their pending rows.

    With `after` they write only where the expression of that name has rows. They are called `audit_written`
    and `audit_waiting`; the caller puts them behind `with`, with a comma where others stand before.
    """
    return WRITTEN.format(condition=f"where exists (select from {after})" if after else "")


def events_json(events: Sequence[NewEvent]) -> str:
    """Return the parameter `events` of `event_clause`; ids rise in the order given."""
    told = [_row(_next_id(event.now), event) for event in events]
    # PostgreSQL's text holds neither NUL nor half a surrogate pair; an event must never fail for what an agent wrote.
    try:
        text = orjson.dumps(told).decode()
    except TypeError:
        text = json.dumps(told, ensure_ascii=False).encode("utf-8", "replace").decode()
    return text if "\\u0000" not in text else _without_nul(text)


def _next_id(now: datetime) -> UUID:
    """Return an id above the last one of this thread and millisecond (RFC 9562 §6.2): one use case, one order.

    The step is random, for the last one may be known to several: processes forked from one.
    """
    fresh, last = new_id(now), getattr(_last, "id", NIL)
    if fresh.int >> RANDOM_BITS == last.int >> RANDOM_BITS and fresh <= last:
        fresh = UUID(int=last.int + 1 + secrets.randbits(STEP_BITS))
    _last.id = fresh
    return fresh


def _row(event_id: UUID, event: NewEvent) -> dict[str, object]:
    actor = event.actor
    return {
        "id": str(event_id),
        "organization_id": str(event.organization_id),
        "at": moment_text(event.now),
        "action": event.action.value,
        "actor_kind": actor.kind.value,
        "actor_id": actor.id[:ID_LENGTH],
        "actor_name": actor.name[:NAME_LENGTH],
        "subject_kind": event.subject_kind,
        "subject_id": event.subject_id,
        "before": plain(event.before),
        "after": plain(event.after),
        "request_id": actor.request_id[:ID_LENGTH],
        "address": actor.address[:ADDRESS_LENGTH],
    }


def _without_nul(text: str) -> str:
    cleaned = json.dumps(_replaced(json.loads(text)), ensure_ascii=False)
    return cleaned.encode("utf-8", "replace").decode()


def _replaced(value: object) -> object:
    match value:
        case str():
            return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
        case dict():
            return {_replaced(key): _replaced(member) for key, member in value.items()}
        case list():
            return [_replaced(member) for member in value]
    return value
