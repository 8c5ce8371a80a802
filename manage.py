#!/usr/bin/env python
"""Django's commands for Conto; starts the embedded servers for those that need some and are given none."""

import contextlib
import os
import sys

from django.core.management import execute_from_command_line

from conto_admin import env
from conto_admin.supervise import ProgramFailed

WITHOUT_SERVERS = {
    "check",
    "collectstatic",
    "demo",
    "help",
    "serve",
    "spectacular",
    "version",
    "worker",
}
"""Commands that need no database, or see to it themselves."""

OF_DEVELOPERS = {"demo", "makemigrations", "spectacular"}
"""Commands that never serve anybody from outside; they run with the demo's settings."""


def main(arguments: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conto_admin.settings")
    name = arguments[1] if len(arguments) > 1 else "help"
    if name in OF_DEVELOPERS:
        os.environ["CONTO_DEMO"] = "1"
    with contextlib.ExitStack() as running:
        if name not in WITHOUT_SERVERS and not name.startswith("-"):
            running.enter_context(env.use_servers())
        execute_from_command_line(arguments)


if __name__ == "__main__":
    try:
        main(sys.argv)
    except ProgramFailed as failure:
        sys.exit(str(failure))
