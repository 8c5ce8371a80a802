"""That the books were checked: who looked, when, and what was found."""

from datetime import datetime

from core.db import use_case
from insight.models import BooksCheck

CHECKS_KEPT = 1_000
"""Runs that are kept; a page shows the newest."""


@use_case
def note_books_check(*, by: str, questions: int, faults: int, now: datetime) -> None:
    """Store one run of `check_books`; the oldest ones go."""
    BooksCheck.objects.create(checked_at=now, by=by, questions=questions, faults=faults)
    kept = BooksCheck.objects.order_by("-checked_at", "-pk").values("pk")[:CHECKS_KEPT]
    BooksCheck.objects.exclude(pk__in=list(kept.values_list("pk", flat=True))).delete()
