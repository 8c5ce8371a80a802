"""`manage.py export_audit`: write one organization's history with its leaves, checkpoints and proofs as JSON lines."""

import argparse
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils.dateparse import parse_datetime

from audit.selectors.events import Filters
from audit.selectors.export import export_lines
from audit.selectors.state import seal_state
from audit.services.sealing import configured_key
from core.clock import now
from core.errors import NotFound
from core.ids import Prefix, from_public


class Command(BaseCommand):
    """The whole log, a selection with proofs, or only the last checkpoint, which is worth keeping elsewhere."""

    help = "Export a history so that audit/verifier.py can check it with the server stopped."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("organization", type=_organization, help="public id of the organization")
        parser.add_argument("--output", type=Path, help="file to write; without it standard output")
        parser.add_argument("--checkpoint", action="store_true", help="write the last checkpoint only")
        parser.add_argument("--action", default="", help="only this action, or family of actions (agent)")
        parser.add_argument("--actor", default="", help="only what this actor did (public id)")
        parser.add_argument("--subject", default="", help="only what happened to this subject (public id)")
        parser.add_argument("--from", dest="since", type=_moment, help="only from this moment on (RFC 3339)")
        parser.add_argument("--until", type=_moment, help="only before this moment (RFC 3339)")
        parser.add_argument(
            "--continues", action="append", default=[], type=int, help="prove that this earlier size is continued"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        if options["output"] is None:
            self.write(sys.stdout.buffer, options)
            return
        with options["output"].open("wb") as file:
            self.write(file, options)

    def write(self, file: BinaryIO, options: dict[str, Any]) -> None:
        organization_id = options["organization"]
        if options["checkpoint"]:
            text = seal_state(organization_id).checkpoint
            if not text:
                raise CommandError("nothing of this organization is sealed yet")
            file.write(text.encode())
            return
        filters = Filters(**{name: options[name] for name in ("action", "actor", "subject", "since", "until")})
        key = configured_key().public_key()
        file.writelines(export_lines(organization_id, key=key, now=now(), filters=filters, since=options["continues"]))


def _organization(text: str) -> UUID:
    try:
        return from_public(Prefix.ORGANIZATION, text)
    except NotFound as error:
        raise argparse.ArgumentTypeError(f"{text} is not the id of an organization") from error


def _moment(text: str) -> datetime:
    moment = parse_datetime(text)
    if moment is None or moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text} is not a moment with a zone")
    return moment
