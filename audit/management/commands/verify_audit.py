"""`manage.py verify_audit`: check every log from its first event on; exits 1 and says what is wrong."""

import argparse
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from audit.seal import origin_of
from audit.selectors.verification import Outcome, logs, verify
from audit.services.sealing import accepted_keys, note_verification
from core.clock import now
from core.errors import NotFound
from core.ids import Prefix, from_public


class Command(BaseCommand):
    """Checks leaves, gaplessness, roots and signatures; reports what is not sealed yet."""

    help = "Check that nothing in the history was changed, removed or reordered."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--organization", type=_organization, help="public id; without it all are checked")
        parser.add_argument(
            "--since", action="append", default=[], type=Path, help="file with a checkpoint kept earlier (repeatable)"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        kept = [_checkpoint_text(path) for path in options["since"]]
        chosen = [options["organization"]] if options["organization"] else logs()
        if missing := {_origin(text) for text in kept} - {origin_of(one) for one in chosen}:
            raise CommandError(f"no history is left of {', '.join(sorted(missing))}", returncode=1)
        faults = sum(self.check_log(organization_id, kept) for organization_id in chosen)
        if faults:
            raise CommandError(f"{faults} faults: the history is not what was sealed", returncode=1)

    def check_log(self, organization_id: UUID, kept: list[str]) -> int:
        """Check one log, print what was found, keep the outcome; returns the number of faults."""
        ours = [text for text in kept if _origin(text) == origin_of(organization_id)]
        outcome = verify(organization_id, keys=accepted_keys(), since=ours)
        for fault in outcome.faults:
            self.stderr.write(f"FAULT {outcome.origin}, {fault.place}: {fault.problem}")
        self.stdout.write(_summary(outcome))
        note_verification(organization_id, size=outcome.size, faults=len(outcome.faults), now=now())
        return len(outcome.faults)


def _organization(text: str) -> UUID:
    try:
        return from_public(Prefix.ORGANIZATION, text)
    except NotFound as error:
        raise argparse.ArgumentTypeError(f"{text} is not the id of an organization") from error


def _checkpoint_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}", returncode=2) from error


def _origin(text: str) -> str:
    return text.partition("\n")[0]


def _summary(outcome: Outcome) -> str:
    verdict = f"{len(outcome.faults)} faults" if outcome.faults else "verified"
    tail = f"{outcome.unsealed} events not sealed yet" if outcome.unsealed else "all sealed"
    since = f" (the oldest from {outcome.oldest_unsealed_at:%Y-%m-%dT%H:%M:%SZ})" if outcome.oldest_unsealed_at else ""
    return f"{outcome.origin}: {verdict}; {outcome.size} events, {outcome.checkpoints} checkpoints, {tail}{since}"
