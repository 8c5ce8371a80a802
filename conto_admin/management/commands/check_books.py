"""`manage.py check_books`: recompute the books and say what does not add up."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction

from approvals.selectors import books
from core.clock import now as clock_now
from insight.models import TEXT_LENGTH
from insight.selectors import rollups
from insight.services import note_books_check


class Command(BaseCommand):
    """Recompute counters, postings, holds, records and rollups by separate SQL; exit non-zero where any differs."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Let whoever runs it say who that is: the overview shows it."""
        parser.add_argument("--by", default="command line", type=_name, help="who checks, as the overview shows it")

    def handle(self, *_: Any, **options: Any) -> None:
        """Look at one snapshot of the whole database, and note that somebody did."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read, read only")
            found = [*books.faults(), *rollups.faults()]
        asked = len(books.QUESTIONS) + len(rollups.QUESTIONS)
        note_books_check(by=options["by"], questions=asked, faults=len(found), now=clock_now())
        for fault in found:
            self.stderr.write(f"{fault.what}: {fault.where}")
        if found:
            raise CommandError(f"{len(found)} faults in the books.")
        self.stdout.write(f"The books are right: {asked} questions asked, nothing found.")


def _name(text: str) -> str:
    return text.strip()[:TEXT_LENGTH]
