"""`manage.py backtest --as-was`: follow history on the world of each moment and say what was answered otherwise."""

import argparse
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from approvals.management.commands.replay import organization
from approvals.replay.as_was import Followed, as_was
from core.clock import now as clock_now
from people.models import Organization


class Command(BaseCommand):
    """Decide every ask again on the versions, assignments, labels, standings, pegs, merges and freezes of its moment.

    The answer to the ask is compared: what people decide afterwards is theirs, and `replay` decides it again. Asks that
    came at once may have been answered in another order: each difference is named with its cause. Exits 1 where one has
    none.
    """

    help = __doc__

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Say whose history."""
        parser.add_argument("--as-was", action="store_true", required=True)
        parser.add_argument("--organization", type=organization, help="public id; without it all are followed")

    def handle(self, *_: Any, organization: UUID | None, **__: Any) -> None:
        """Print each difference as it is found."""
        counted, differing, unexplained = Followed(), 0, 0
        chosen = [organization] if organization else Organization.objects.order_by("pk").values_list("pk", flat=True)
        for one in chosen:
            for difference in as_was(one, counted, until=clock_now()):
                differing += 1
                unexplained += not difference.causes
                self.stderr.write(str(difference))
        if unexplained:
            raise CommandError(f"{unexplained} of {differing} differences have no cause.", returncode=1)
        told = f"{differing} answered otherwise, each with its cause" if differing else "each answered as it was"
        self.stdout.write(f"{counted.asks} asks were followed: {told}.")
