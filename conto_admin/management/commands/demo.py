"""A whole Conto on this machine: servers, a month of history, web, worker, and an app that asks."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from typing import Any, Final

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from conto_admin import embedded, env, programs, proof, supervise, views
from conto_admin.seeding import place

HOST: Final = "127.0.0.1"
DEMO_FILE: Final = embedded.STATE / "demo.json"
LOCK: Final = embedded.STATE / "demo.lock"
MARK: Final = embedded.STATE / place.MARK
CURL: Final = """
curl {url}/api/v1/authorizations -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\
     -d '{{"amount": "1.20", "currency": "USD", "counterparty": {{"name": "OpenAI", "domain": "api.openai.com"}},
          "category": "ai_services", "rail": "card", "session": "by_hand", "purpose": "a first try"}}'
"""


class Command(BaseCommand):
    """`manage.py demo`."""

    help = "Run a whole Conto on this machine, with example data."
    requires_system_checks = ()  # the web server refuses unsafe settings by itself

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the options that README explains."""
        parser.add_argument("--port", type=programs.port, default=programs.DEFAULT_PORT)
        parser.add_argument("--fresh", action="store_true", help="throw away the data of earlier runs first")
        parser.add_argument("--no-history", action="store_true", help="start without the month of history")
        parser.add_argument("--once", action="store_true", help="start, prove the main job over HTTP, stop")

    def handle(self, *_: Any, port: int, fresh: bool, no_history: bool, once: bool, **__: Any) -> None:
        """Start everything and stay until told to end, or until the proof is done."""
        # The web server goes on from here, with these settings.
        url = settings.PUBLIC_URL = f"http://localhost:{port}"
        try:
            with supervise.interrupted_by_signals(), alone(url):
                programs.must_be_free(HOST, port)
                self.make_room(fresh=fresh)
                with env.use_servers():
                    self.prepare(url, no_history=no_history)
                    self.run(url, port, once=once)
        except (supervise.ProgramFailed, proof.ProofFailed) as failure:
            raise CommandError(str(failure)) from None
        except KeyboardInterrupt:
            raise CommandError("Ended before it was done.") from None

    def make_room(self, *, fresh: bool) -> None:
        """Throw away the embedded database if told to, or if an earlier start was broken off while it filled it."""
        if fresh:
            throw_away()
        elif place.is_marked(MARK) and not env.text("DATABASE_URL"):
            self.stdout.write("An earlier start was broken off while it made the example company: beginning anew.")
            throw_away()

    def prepare(self, url: str, *, no_history: bool) -> None:
        """Bring the database up to date and put the example data in, if it is not there yet."""
        must_be_ours()
        if views.migrations() != views.READY:
            call_command("migrate", verbosity=0, interactive=False)
        call_command("seed_demo", url=url, no_history=no_history)
        connection.close()

    def run(self, url: str, port: int, *, once: bool) -> None:
        """Start web and worker; then prove, or say where everything is and stay."""
        children = [programs.web(HOST, port, programs.DEFAULT_PROCESSES, {}), programs.worker({})]
        if not once:
            children.append(programs.example_app(DEMO_FILE))
        with contextlib.suppress(Proven):
            supervise.run(children, when_ready=lambda: self.prove(url) if once else self.tell(url), is_forking=True)
            if once:
                raise supervise.ProgramFailed("Ended before the main job was proven.")

    def prove(self, url: str) -> None:
        """Do the main job over HTTP once, then end everything."""
        proof.prove_main_job(url, DEMO_FILE)
        self.stdout.write("The main job works.")
        raise Proven

    def tell(self, url: str) -> None:
        """Say where to go from here."""
        demo = json.loads(DEMO_FILE.read_text())
        for person in demo["people"]:
            self.stdout.write(f"  {', '.join(person['roles']):<10}{person['email']:<26}{person['password']}")
        self.stdout.write(CURL.format(url=url, key=demo["agents"][0]["key"]))
        self.stdout.write(f"Keys and sign-ins: {DEMO_FILE}\nLogs, and what the example app does: {programs.LOGS}")
        self.stdout.write(f"Conto runs at {url}; Ctrl-C ends it.")


class Proven(Exception):
    """The proof is done: there is nothing left to run for."""


@contextlib.contextmanager
def alone(url: str) -> Iterator[None]:
    """Raise `ProgramFailed` if a demo runs from this folder already."""
    embedded.STATE.mkdir(parents=True, exist_ok=True)
    with LOCK.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise supervise.ProgramFailed(f"A demo runs from this folder already: {lock.read()}") from None
        lock.truncate(0)
        lock.write(f"{url} (process {os.getpid()})")
        lock.flush()
        yield


def must_be_ours() -> None:
    """Raise `ProgramFailed` before anything is written into a database that others use."""
    if views.database() != views.READY:
        raise supervise.ProgramFailed(f"The database {place.address()} does not answer.")
    others = place.other_organizations()
    if others and (env.text("DATABASE_URL") or not place.holds_the_company()):
        whose = f"{place.address()} holds another organization ({', '.join(others)})"
        remedy = "the demo fills a database of its own only. Name an empty one in DATABASE_URL, or none."
        raise supervise.ProgramFailed(f"{whose}: {remedy}")


def throw_away() -> None:
    """Remove the embedded servers' data, the demo's keys and what the example app was about to buy."""
    if env.text("DATABASE_URL"):
        raise supervise.ProgramFailed("--fresh throws away the embedded database, and DATABASE_URL names another one.")
    embedded.throw_away(embedded.STATE)
    for leftover in (DEMO_FILE, programs.ORDERS):
        leftover.unlink(missing_ok=True)
    if place.is_marked(MARK):
        MARK.unlink()
