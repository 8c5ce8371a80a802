"""That the books are checked: by the worker at night, part by part, and by whoever runs the command."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from django.db import DatabaseError
from django.db.models import Q

from approvals.selectors import books
from approvals.selectors.books import Fault, faults_in_part, next_part
from core.db import is_unavailable, sqlstate_of, use_case
from insight.models import BooksCheck
from insight.selectors import rollups

CHECKS_KEPT = 1_000
"""Runs that are kept; a page shows the newest."""
QUESTIONS: Final[Mapping[str, str]] = {**books.QUESTIONS, **rollups.QUESTIONS}
WORKER: Final = "the worker"
REST: Final = timedelta(hours=12)
"""Between the begins of two checks of the worker: one a night."""
TURN: Final = timedelta(seconds=20)
"""How long the worker goes on at a time: payments have the database for most of each minute."""
PART_MILLISECONDS = 60_000
"""What takes longer is given up, and told as unknown."""
GONE: Final = ("08", "40", "57P", "25P03")
"""How the SQLSTATE of what says nothing about the rows begins: a lost connection, a deadlock. It is tried again."""
LEASE: Final = timedelta(minutes=3)
"""How long a worker may be silent before another one goes on from where it was."""

logger = logging.getLogger(__name__)


@use_case
def note_books_check(*, by: str, questions: int, faults: int, now: datetime) -> None:
    """Store one run of `check_books`; the oldest ones go."""
    BooksCheck.objects.create(begun_at=now, checked_at=now, by=by, questions=questions, faults=faults)
    _forget()


def check_books(*, clock: Callable[[], datetime], turn: timedelta = TURN) -> bool:
    """Go on with the check of this night for one turn, at least one part; return whether there was anything to do.

    Each part is a statement of its own that reads one snapshot and takes no lock; where the check stands is stored
    behind each, so that the next turn, of whichever worker, goes on from there.
    """
    begun = clock()
    check = _claimed(begun)
    if check is None:
        return False
    while check.checked_at is None:
        _check_part(check, clock)
        if clock() - begun >= turn:
            break
    _let_go(check)
    return True


@use_case
def _claimed(now: datetime) -> BooksCheck | None:
    """Take the check that is under way, or begin one; None where another worker has it or none is due."""
    mine = BooksCheck.objects.filter(by=WORKER)
    under_way = mine.filter(checked_at=None).select_for_update(skip_locked=True).first()
    if under_way is not None and under_way.question not in QUESTIONS:
        # Begun by another version of Conto.
        under_way.delete()
        under_way = None
    if under_way is None:
        if mine.filter(Q(checked_at=None) | Q(begun_at__gt=now - REST)).exists():
            return None
        first = next(iter(QUESTIONS))
        asked = len(QUESTIONS)
        return BooksCheck.objects.create(
            begun_at=now, by=WORKER, questions=asked, faults=0, question=first, seen_at=now
        )
    if under_way.seen_at is not None and under_way.seen_at > now - LEASE:
        return None
    under_way.seen_at = now
    under_way.save(update_fields=["seen_at"])
    return under_way


def _check_part(check: BooksCheck, clock: Callable[[], datetime]) -> None:
    """Look at the next part of the question where the check stands, and store that."""
    question = QUESTIONS[check.question]
    until = next_part(question, check.after)
    if until is None:
        _turn_to_next_question(check, clock())
        return
    for fault in _found(check, question, until):
        logger.error("books_fault", extra={"what": fault.what, "where": fault.where})
        check.faults += 1
    check.after, check.seen_at = until, clock()
    _store(check)


def _found(check: BooksCheck, question: str, until: str) -> list[Fault]:
    """Return what a part holds; one that cannot be read is told as unknown, and keeps no other from being looked at."""
    limit = PART_MILLISECONDS
    try:
        return faults_in_part(check.question, question, after=check.after, until=until, milliseconds=limit)
    except DatabaseError as error:
        state = sqlstate_of(error)
        if is_unavailable(error) and (not state or state.startswith(GONE)):
            raise
        where = {"what": check.question, "after": check.after, "until": until, "sqlstate": state}
        logger.exception("books_part_unknown", extra=where)
        check.unknown += 1
        return []


def _turn_to_next_question(check: BooksCheck, now: datetime) -> None:
    words = list(QUESTIONS)
    place = words.index(check.question) + 1
    if place < len(words):
        check.question, check.after, check.seen_at = words[place], "", now
        _store(check)
        return
    check.question, check.after, check.seen_at, check.checked_at = "", "", None, now
    _store(check)
    _forget()


@use_case
def _store(check: BooksCheck) -> None:
    check.save()


@use_case
def _let_go(check: BooksCheck) -> None:
    BooksCheck.objects.filter(pk=check.pk).update(seen_at=None)


def _forget() -> None:
    kept = BooksCheck.objects.order_by("-begun_at", "-pk").values("pk")[:CHECKS_KEPT]
    BooksCheck.objects.exclude(pk__in=list(kept.values_list("pk", flat=True))).delete()
