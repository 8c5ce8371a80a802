"""Put the example organization into the database; does nothing where it is already."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from agents.models import Agent
from audit.selectors.verification import verify
from audit.services.sealing import accepted_keys, note_verification, seal
from conto_admin import embedded
from conto_admin.seeding import company as companies
from conto_admin.seeding import month, payees, place, rules, stories
from conto_admin.seeding.company import Company
from conto_admin.seeding.market import KNOWN, MET
from core.clock import now as clock_now
from core.db import rows
from core.ids import Prefix, from_public
from insight.services import check_books, rebuild

DEMO_FILE: Final = embedded.STATE / "demo.json"
FOUNDED_HOUR: Final = 9


class Command(BaseCommand):
    """`manage.py seed_demo`."""

    help = "Put the example organization into the database, and write .conto/demo.json."

    def add_arguments(self, parser: CommandParser) -> None:
        """Say where the demo will answer, and how much of a past it has."""
        parser.add_argument("--url", required=True)
        parser.add_argument("--no-history", action="store_true")
        parser.add_argument("--file", type=Path, default=DEMO_FILE, help="where to write keys and sign-ins")

    def handle(self, *_: Any, url: str, no_history: bool, file: Path, **__: Any) -> None:
        """Seed an empty database; issue new keys where those of an earlier start are lost; else note the address."""
        mark = file.with_name(place.MARK)
        if place.is_marked(mark) and place.holds_the_company():
            raise CommandError(
                f"An earlier start was broken off while it filled {place.address()}: empty that database, or let "
                "`demo` begin anew with its own."
            )
        known = read_demo_file(file)
        if known is not None:
            write_demo_file(file, known | {"url": url})
            return
        now = clock_now()
        company = companies.reopen(now)
        if company is None:
            self.stdout.write("Making the example company" + (" ..." if no_history else " and its last month ..."))
            self.stdout.flush()
            with place.marked(mark):
                company = make(now, days=0 if no_history else month.DAYS)
                look_over(company)
                write_demo_file(file, contents(company, url))
        elif company.bots:
            write_demo_file(file, contents(company, url))
        else:
            raise CommandError("The example company has no agent left: begin anew with `demo --fresh`.")


def make(now: datetime, *, days: int) -> Company:
    """Found the company so many days ago, and let happen what happened since.

    Only the last transaction waits for the disk, and with it all before: a month of them would wait for minutes.
    """
    rows("set synchronous_commit = off")
    start = beginning(now, days) if days else now
    later = timedelta(minutes=20 if days else 0)
    company = companies.found(start)
    payees.enter(company, KNOWN if days else (*KNOWN, *MET), start + later)
    policies = rules.publish_all(company, start + 2 * later)
    if days:
        month.live_through(company, policies, start=start + 3 * later, end=now)
    rows("reset synchronous_commit")
    seal(company.organization_id, now=now)
    # A worker may have met the company before its past was written.
    rebuild(company.organization_id, now=now)
    return company


def look_over(company: Company) -> None:
    """Verify the log and check the books, as the worker does every night: this company has a past and no night yet."""
    outcome = verify(company.organization_id, keys=accepted_keys())
    note_verification(company.organization_id, size=outcome.size, faults=len(outcome.faults), now=clock_now())
    check_books(clock=clock_now)


def beginning(now: datetime, days: int) -> datetime:
    """Return the morning on which the history begins."""
    local = (now - timedelta(days=days)).astimezone(stories.ZONE)
    return local.replace(hour=FOUNDED_HOUR, minute=0, second=0, microsecond=0).astimezone(UTC)


def contents(company: Company, url: str) -> dict[str, object]:
    """Return what whoever tries the demo needs to know."""
    return {
        "url": url,
        "organization_key": company.organization_key,
        "release_key": company.release_key,
        "agents": [{"id": bot.public_id, "name": bot.agent.name, "key": bot.secret} for bot in company.bots.values()],
        "people": [
            {"email": person.email, "password": person.password, "roles": list(person.member.roles)}
            for person in company.people.values()
        ],
    }


def read_demo_file(file: Path) -> dict[str, Any] | None:
    """Return what an earlier start wrote, if its agents are still in this database."""
    if not file.exists():
        return None
    found: dict[str, Any] = json.loads(file.read_text())
    agents = [from_public(Prefix.AGENT, agent["id"]) for agent in found["agents"]]
    return found if agents and Agent.objects.filter(pk__in=agents).count() == len(agents) else None


def write_demo_file(file: Path, found: dict[str, object]) -> None:
    """Write the file for this user alone, whole or not at all."""
    unfinished = file.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    unfinished.write_text(json.dumps(found, indent=2) + "\n")
    unfinished.replace(file)
