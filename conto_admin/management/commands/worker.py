"""Run the worker and its clock: once per install, beside the web servers."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from conto_admin import env, programs, supervise


class Command(BaseCommand):
    """`manage.py worker`."""

    help = "Run the worker and its clock. Refuses to start with unsafe settings."
    requires_system_checks = ()  # what is started refuses unsafe settings by itself

    def handle(self, *_: Any, **__: Any) -> None:
        """Work until told to end."""
        try:
            with env.use_servers():
                supervise.run(
                    [programs.worker({})],
                    when_ready=lambda: self.stdout.write(f"The worker looks for what is due; log in {programs.LOGS}."),
                    is_forking=True,
                )
        except supervise.ProgramFailed as failure:
            raise CommandError(str(failure)) from None
