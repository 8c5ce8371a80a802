"""`manage.py rotate_keys`: wrap every sealed credential and second factor with the current key-encryption key."""

from argparse import ArgumentParser
from typing import Final
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from agents.selectors import count_stale_credentials
from agents.services import rewrap_batch
from core.clock import now
from core.errors import ContoError
from core.ids import Prefix, to_public
from people.services import rewrap_factors

BATCH: Final = 100
"""Credentials per transaction: an interruption loses the work of one batch at most, and no credential."""


class Command(BaseCommand):
    """Re-wraps data keys in batches; secrets are not opened. May be interrupted and run again."""

    help = (
        "Wrap every sealed credential and second factor with the key named by CONTO_KEK_CURRENT. "
        "May be interrupted and run again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--batch", type=int, default=BATCH, help="credentials per transaction")

    def handle(self, *, batch: int, **_: object) -> None:
        """Go through the credentials once, in order; say what was left under another key, and why."""
        total, unreadable, last = 0, list[UUID](), None
        while True:
            try:
                done = rewrap_batch(after=last, limit=max(1, batch), now=now())
            except ContoError as error:
                raise CommandError(f"After {total} credentials: {error.detail}") from error
            if done.last is None:
                break
            last, total, unreadable = done.last, total + done.wrapped, [*unreadable, *done.unreadable]
            self.stdout.write(f"{total} credentials wrapped")
        self._wrap_factors()
        self._refuse_leftovers(total, unreadable)
        self.stdout.write(f"Done: {total} credentials wrapped, none left under another key.")

    def _wrap_factors(self) -> None:
        wrapped, unreadable = rewrap_factors(now=now())
        self.stdout.write(f"{wrapped} second factors wrapped")
        if unreadable:
            raise CommandError(f"{unreadable} second factors open with none of CONTO_KEKS. Put the key back.")

    def _refuse_leftovers(self, total: int, unreadable: list[UUID]) -> None:
        if unreadable:
            names = ", ".join(to_public(Prefix.CREDENTIAL, one) for one in unreadable)
            raise CommandError(f"{total} credentials wrapped. These open with none of CONTO_KEKS: {names}")
        if left := count_stale_credentials():
            raise CommandError(f"{total} credentials wrapped, {left} were being changed meanwhile. Run this again.")
