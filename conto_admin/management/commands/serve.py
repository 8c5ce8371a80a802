"""Run the web server; a proxy that speaks HTTPS belongs in front of it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from conto_admin import env, programs, supervise


class Command(BaseCommand):
    """`manage.py serve`."""

    help = "Run the web server. Refuses to start with unsafe settings."
    requires_system_checks = ()  # what is started refuses unsafe settings by itself

    def add_arguments(self, parser: CommandParser) -> None:
        """Say where to listen and how wide."""
        parser.add_argument("--host", type=programs.host, default="127.0.0.1")
        parser.add_argument("--port", type=programs.port, default=programs.DEFAULT_PORT)
        parser.add_argument("--processes", type=int, default=programs.DEFAULT_PROCESSES)

    def handle(self, *_: Any, host: str, port: int, processes: int, **__: Any) -> None:
        """Serve until told to end."""
        try:
            programs.must_be_free(host, port)
            with env.use_servers():
                where = f"Conto answers at http://{programs.in_address(host)}:{port}; logs in {programs.LOGS}."
                children = [programs.web(host, port, processes, {})]
                supervise.run(children, when_ready=lambda: self.stdout.write(where), is_forking=True)
        except supervise.ProgramFailed as failure:
            raise CommandError(str(failure)) from None
