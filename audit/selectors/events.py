"""Pages of events: newest first, filtered, by cursor."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, Final, cast
from uuid import UUID

from django.db.models import Q, QuerySet

from audit.catalogue import payment_name, sentence
from audit.models import Event
from audit.seal import event_form, leaf_hash
from core.actor import ActorKind
from core.canonical import canonical_json
from core.db import prepared_rows
from core.errors import NotFound
from core.ids import Prefix, shortened, to_public
from core.lists import Order, page_of
from core.paging import DEFAULT_PAGE, decode_cursor, encode_cursor

NAMED_BY: Final = ("name", "display_name", "email", "external_ref")
"""The fields of `after` or `before` by which a subject is called in a sentence."""
LONGEST_NAME: Final = 80
COLUMNS: Final = ", ".join(f"event.{field.column}" for field in Event._meta.concrete_fields)  # noqa: SLF001 - public in all but name (Django documents it)
NEWER: Final = "newer."
"""Begins a cursor that reads towards the present."""


# The last events of an actor and of its subjects are read by an index each; one that is both is told once.
STREAM: Final = f"""
select distinct on (event.at, event.id) leaf.index, leaf.hash, {COLUMNS} from (
    (select * from audit_event where organization_id = %(organization)s and actor_id = %(actor)s
     order by at desc, id desc limit %(limit)s)
    union all
    (select * from audit_event where organization_id = %(organization)s
        and subject_id = any(%(subjects)s::varchar[]) order by at desc, id desc limit %(limit)s)
) event left join audit_leaf leaf on leaf.event_id = event.id
order by event.at desc, event.id desc limit %(limit)s
"""  # noqa: S608 - nothing but names of columns


@dataclass(frozen=True, slots=True)
class Filters:
    """Which events: each set field narrows.

    `action` is one or a family (`agent`); `kind` is what kind of actor did it; `text` stands in a name, an id or what
    changed; `until` is exclusive.
    """

    action: str = ""
    kind: str = ""
    actor: str = ""
    subject: str = ""
    text: str = ""
    event_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Viewed:
    """One event as people and callers see it; `index` is its place in the sealed log, None until it has one."""

    id: str
    at: datetime
    action: str
    actor_kind: ActorKind
    actor_id: str
    actor_name: str
    subject_kind: str
    subject_id: str
    subject_name: str
    """What the event itself calls its subject; empty where it does not say."""
    before: object
    after: object
    request_id: str
    address: str
    index: int | None
    form: dict[str, object]
    leaf_hash: str

    @property
    def sentence(self) -> str:
        """What happened, in one sentence."""
        return sentence(self.action, actor=self.actor_name, subject=self.subject_name or shortened(self.subject_id))

    @property
    def is_as_sealed(self) -> bool:
        """Whether it still is what its leaf in the log was made of; it is as long as it has none."""
        if self.index is None:
            return True
        try:
            return leaf_hash(canonical_json(self.form)).hex() == self.leaf_hash
        except TypeError:  # it holds what no event can hold
            return False

    @property
    def changes(self) -> tuple[dict[str, object], dict[str, object]]:
        """What was before and what is after, each as named fields."""
        before, after = (one if isinstance(one, dict) else {"": one} for one in (self.before or {}, self.after or {}))
        return before, after


@dataclass(frozen=True, slots=True)
class Page:
    """Some events, newest first, and the cursors of the pages beside it (empty where there is none)."""

    events: Sequence[Viewed]
    next_cursor: str
    previous_cursor: str


def events_of(organization_id: UUID, subject_id: str, limit: int = DEFAULT_PAGE) -> Sequence[Viewed]:
    """Return the newest events about one subject (a public id)."""
    return newest(organization_id, Filters(subject=subject_id), limit=limit).events


def event_of(organization_id: UUID, event_id: UUID) -> Viewed:
    """Return one event; raises `NotFound` where the organization has none of this id."""
    event = filtered(organization_id, Filters(event_id=event_id)).first()
    if event is None:
        raise NotFound()
    return viewed(event)


def stream(organization_id: UUID, actor_id: str, subject_ids: Sequence[str], *, limit: int) -> Sequence[Viewed]:
    """Return the newest events that somebody did or that are about one of these subjects; one read, by two indexes."""
    params: dict[str, object] = {
        "organization": organization_id,
        "actor": actor_id,
        "subjects": list(subject_ids),
        "limit": limit,
    }
    found = cast(list[tuple[Any, ...]], prepared_rows(STREAM, params))
    return [_viewed(_told(told), index, leaf) for index, leaf, *told in found]


def newest(organization_id: UUID, filters: Filters, *, cursor: str = "", limit: int = DEFAULT_PAGE) -> Page:
    """Return one page of an organization's events; raises `Invalid` on a cursor that is none."""
    edge = decode_cursor(cursor.removeprefix(NEWER)) if cursor else None
    found = filtered(organization_id, filters)
    if edge and cursor.startswith(NEWER):
        beyond = Q(at__gt=edge[0]) | Q(at=edge[0], id__gt=edge[1])
        some = list(found.filter(beyond, at__gte=edge[0]).order_by("at", "id")[: limit + 1])
        events, has_newer, has_older = some[:limit][::-1], len(some) > limit, True
    else:
        if edge:
            found = found.filter(Q(at__lt=edge[0]) | Q(at=edge[0], id__lt=edge[1]), at__lte=edge[0])
        some = list(found.order_by("-at", "-id")[: limit + 1])
        events, has_newer, has_older = some[:limit], bool(edge), len(some) > limit
    return Page(
        events=[viewed(event) for event in events],
        next_cursor=encode_cursor(events[-1].at, events[-1].id) if has_older and events else "",
        previous_cursor=NEWER + encode_cursor(events[0].at, events[0].id) if has_newer and events else "",
    )


def listed(organization_id: UUID, filters: Filters, order: Order, *, cursor: str = "") -> Page:
    """Return one page of the log as people read it, in either order; raises `Invalid` on a cursor that is none."""
    found = page_of(filtered(organization_id, filters), order, cursor=cursor)
    return Page([viewed(event) for event in found.rows], found.next_cursor, found.previous_cursor)


def filtered(organization_id: UUID, filters: Filters) -> QuerySet[Event]:
    """Return the events of an organization that the filters let through, with their places in the log."""
    found = Event.objects.filter(organization_id=organization_id).select_related("leaf")
    if filters.action:
        found = found.filter(Q(action=filters.action) | Q(action__startswith=f"{filters.action}."))
    if filters.kind:
        found = found.filter(actor_kind=filters.kind)
    if filters.actor:
        found = found.filter(actor_id=filters.actor)
    if filters.subject:
        found = found.filter(subject_id=filters.subject)
    if filters.text:
        found = found.filter(_says(filters.text))
    if filters.event_id:
        found = found.filter(pk=filters.event_id)
    if filters.since:
        found = found.filter(at__gte=filters.since)
    if filters.until:
        found = found.filter(at__lt=filters.until)
    return found


def _says(text: str) -> Q:
    """Match a part of who acted, of what was acted on, of the request or of what changed."""
    fields = ("actor_name", "actor_id", "subject_id", "action", "request_id", "before", "after")
    return reduce(or_, (Q(**{f"{field}__icontains": text}) for field in fields))


def viewed(event: Event) -> Viewed:
    """Return an event (of `filtered`) as it is shown."""
    leaf = getattr(event, "leaf", None)
    return _viewed(event, leaf and leaf.index, leaf and leaf.hash)


def _told(row: Any) -> Event:
    """Return an event as the columns of `STREAM` tell it."""
    event = Event(*row)
    event.before, event.after = (None if one is None else json.loads(one) for one in (event.before, event.after))
    return event


def _viewed(event: Event, index: int | None, hashed: bytes | None) -> Viewed:
    return Viewed(
        id=to_public(Prefix.EVENT, event.id),
        at=event.at,
        action=event.action,
        actor_kind=ActorKind(event.actor_kind),
        actor_id=event.actor_id,
        actor_name=event.actor_name or event.actor_id,
        subject_kind=event.subject_kind,
        subject_id=event.subject_id,
        subject_name=_subject_name(event),
        before=event.before,
        after=event.after,
        request_id=event.request_id,
        address=event.address,
        index=index,
        form=event_form(event),
        leaf_hash=bytes(hashed).hex() if hashed else "",
    )


def actors(organization_id: UUID, *, looked_at: int = 1_000) -> list[tuple[str, str]]:
    """Return id and name of who acted in the newest events, and in the newest of people, by name.

    What the filter suggests and finds by name: people act seldom, and agents must not crowd them out.
    """
    newest_first = Event.objects.filter(organization_id=organization_id).order_by("-at", "-id")
    names: dict[str, str] = {}
    for found in (newest_first.filter(actor_kind=ActorKind.PERSON), newest_first):
        names |= dict(reversed(found.values_list("actor_id", "actor_name")[:looked_at]))
    return sorted(names.items(), key=lambda pair: pair[1].casefold())


def _subject_name(event: Event) -> str:
    for state in (event.after, event.before):
        if isinstance(state, dict):
            if event.subject_kind == "authorization":
                # A name in it is that of something else: of the credential that was used, say.
                if payment := _payment(state):
                    return payment
                continue
            for field in NAMED_BY:
                if isinstance(name := state.get(field), str) and name:
                    return clipped(name)
    return ""


def clipped(name: str) -> str:
    """Return a name as a sentence holds it: however long it is, the sentence can still be read."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _payment(state: dict[str, object]) -> str:
    amount, currency, payee = (state.get(name) for name in ("amount", "currency", "payee"))
    if not (isinstance(amount, str) and isinstance(currency, str)):
        return ""
    return clipped(payment_name(amount, currency, payee if isinstance(payee, str) else ""))
