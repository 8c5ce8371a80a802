"""The filters of lists that a member keeps; no event, for nobody's money or rights follow."""

from datetime import datetime
from typing import Final
from uuid import UUID

from core.db import use_case
from core.errors import Invalid
from core.ids import new_id
from people.models import Listed, Member, SavedFilter

MOST_SAVED: Final = 20
"""Of one list: as many as a page shows beside each other."""


@use_case
def keep_filter(*, member_id: UUID, listed: Listed, name: str, query: str, now: datetime) -> None:
    """Keep the filter under this name, in place of what was kept under it; raises `Invalid` (`too_many_filters`)."""
    # The lock counts for two windows of one person who save at once.
    Member.objects.select_for_update().get(pk=member_id)
    own = SavedFilter.objects.filter(member_id=member_id, listed=listed)
    if own.filter(name=name).update(query=query, saved_at=now):
        return
    if own.count() >= MOST_SAVED:
        raise Invalid("too_many_filters", f"At most {MOST_SAVED} filters are kept; forget one first.", field="name")
    SavedFilter.objects.create(id=new_id(now), member_id=member_id, listed=listed, name=name, query=query, saved_at=now)


@use_case
def forget_filter(*, member_id: UUID, listed: Listed, name: str) -> None:
    """Forget what the member keeps of a list under this name; nothing happens where that is nothing."""
    SavedFilter.objects.filter(member_id=member_id, listed=listed, name=name).delete()
