"""`manage.py replay`: make every stored decision again and say which does not come out as it was stored."""

import argparse
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from approvals.replay.decisions import Replayed, replay
from core.errors import NotFound
from core.ids import Prefix, from_public


class Command(BaseCommand):
    """Make stored decisions again from their stored versions and facts; exit 1 where one differs by a byte."""

    help = __doc__

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Say whose decisions, and since when."""
        parser.add_argument("--organization", type=organization, help="public id; without it all are replayed")
        parser.add_argument("--since", type=moment, help="only what was asked from then on, such as 2026-11-01")

    def handle(self, *_: Any, organization: UUID | None, since: datetime | None, **__: Any) -> None:
        """Print each difference as it is found."""
        counted, differing = Replayed(), 0
        for difference in replay(counted, organization_id=organization, since=since):
            differing += 1
            self.stderr.write(str(difference))
        if differing:
            raise CommandError(f"{differing} differences in {counted.decisions} decisions.", returncode=1)
        self.stdout.write(f"{counted.decisions} decisions were made again, each byte for byte as it is stored.")


def organization(text: str) -> UUID:
    """Return the organization of a public id."""
    try:
        return from_public(Prefix.ORGANIZATION, text)
    except NotFound as error:
        raise argparse.ArgumentTypeError(f"{text} is not the id of an organization") from error


def moment(text: str) -> datetime:
    """Return a moment in ISO 8601, in UTC where it names no zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is not a moment such as 2026-11-01 or 2026-11-01T09:00Z") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
