"""What subjects are called whose events do not say it: asked of the apps that own them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Final, Protocol, cast
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from audit.selectors.events import Viewed, clipped
from core.paging import LARGEST_PAGE

MOST_NAMED: Final = LARGEST_PAGE
"""Subjects of one kind that are looked up at once: no page shows more events."""


class NamesOf(Protocol):
    """Returns the present names of subjects by public id; what is foreign, gone or no id is missing."""

    def __call__(self, organization_id: UUID, public_ids: Iterable[str], /) -> Mapping[str, str]:
        """Return them, in one read."""


def with_names(organization_id: UUID, events: Sequence[Viewed]) -> list[Viewed]:
    """Return these events, with the present name of each subject whose event does not say one.

    One read for each kind of subject among them, however many there are; where none is found the id stays.
    """
    unnamed: defaultdict[str, set[str]] = defaultdict(set)
    for event in events:
        if not event.subject_name and event.subject_kind in settings.SUBJECT_NAMES:
            unnamed[event.subject_kind].add(event.subject_id)
    found = {
        (kind, one): name
        for kind, ids in unnamed.items()
        for one, name in _names_of(kind)(organization_id, sorted(ids)[:MOST_NAMED]).items()
    }
    return [
        replace(
            event, subject_name=event.subject_name or clipped(found.get((event.subject_kind, event.subject_id), ""))
        )
        for event in events
    ]


@cache
def _names_of(kind: str) -> NamesOf:
    """Return how to look up subjects of this kind: they belong to apps above this one, so settings name it."""
    return cast(NamesOf, import_string(settings.SUBJECT_NAMES[kind]))
