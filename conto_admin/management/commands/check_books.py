"""`manage.py check_books`: recompute the books and say what does not add up."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction

from approvals.selectors import books
from insight.selectors import rollups


class Command(BaseCommand):
    """Recompute counters, postings, holds, records and rollups by separate SQL; exit non-zero where any differs."""

    help = __doc__

    def handle(self, *_: Any, **__: Any) -> None:
        """Look at one snapshot of the whole database."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read, read only")
            found = [*books.faults(), *rollups.faults()]
        for fault in found:
            self.stderr.write(f"{fault.what}: {fault.where}")
        if found:
            raise CommandError(f"{len(found)} faults in the books.")
        self.stdout.write(
            f"The books are right: {len(books.QUESTIONS) + len(rollups.QUESTIONS)} questions asked, nothing found."
        )
