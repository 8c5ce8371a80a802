"""What was told of subjects and when, for whoever follows history again in the order of time."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Min

from audit.catalogue import Action
from audit.models import Event

CHUNK: Final = 1_000


@dataclass(frozen=True, slots=True)
class Told:
    """One event of the past."""

    at: datetime
    action: str
    subject_id: str
    before: Any
    after: Any


def first_told(organization_id: UUID, action: Action, subject_ids: Collection[str]) -> dict[str, datetime]:
    """Return when this was first told of each of these subjects; the others are missing."""
    found = Event.objects.filter(organization_id=organization_id, action=action, subject_id__in=list(subject_ids))
    return dict(found.values_list("subject_id").annotate(first=Min("at")))


def told_in_order(organization_id: UUID, actions: Collection[Action], *, until: datetime) -> Iterator[Told]:
    """Yield what of this was told before `until`, the oldest first."""
    found = Event.objects.filter(organization_id=organization_id, action__in=list(actions), at__lt=until)
    for event in found.order_by("at", "id").iterator(chunk_size=CHUNK):
        yield Told(event.at, event.action, event.subject_id, event.before, event.after)
