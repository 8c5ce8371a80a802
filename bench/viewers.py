"""What viewers cost: the rate of asking with nobody looking and with everybody looking, round after round."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.urls import reverse

from bench.polling import OPEN
from bench.world import World
from conto_admin.sessions import SessionStore
from core.ids import Prefix, to_public
from people.models import Member

EVERY_SECONDS: Final = 5
"""Between two looks of one viewer."""
WATCHED: Final = 10
"""Agents whose runtime status somebody keeps open; each is being asked for."""
LOOKING: Final = (200, 204)


@dataclass
class Polls:
    """What all viewers met with: answers by HTTP status, seconds per answer."""

    statuses: Counter[int] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)

    @property
    def number(self) -> int:
        """All answers."""
        return len(self.times)

    @property
    def unchanged(self) -> int:
        """Answers that said: you have it already."""
        return self.statuses[204]

    @property
    def failed(self) -> int:
        """Answers that were neither a page nor nothing."""
        return sum(number for status, number in self.statuses.items() if status not in LOOKING)

    @property
    def p99(self) -> float:
        """Milliseconds under which 99 of 100 answers stayed."""
        ordered = sorted(self.times)
        return ordered[int(len(ordered) * 0.99)] * 1000 if ordered else 0.0


def plan_of(place: World, host: str, port: int, *, viewers: int, seconds: float) -> dict[str, Any]:
    """Return who looks at what: a third each at the fleet, at agents that are asking, and at the inbox."""
    agents = [to_public(Prefix.AGENT, agent) for agent in place.agents[:WATCHED]]
    paths = [
        (reverse("insight:fleet"), reverse("insight:agent_runtime", args=[agent]), reverse("approvals:queue"))
        for agent in agents
    ]
    member = Member.objects.select_related("person").get(organization_id=place.organization_id)
    looking = [
        {"path": paths[number // 3 % len(paths)][number % 3], "cookie": cookie_of(member)} for number in range(viewers)
    ]
    return {"host": host, "port": port, "every": EVERY_SECONDS, "seconds": seconds, "viewers": looking}


def cookie_of(member: Member) -> str:
    """Return the cookie of a browser in which a member has signed in."""
    session = SessionStore()
    session[SESSION_KEY] = str(member.person.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = member.person.get_session_auth_hash()
    session.create()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


class Looking:
    """The process in which all viewers have their pages open, and look for as long as the plan says when told to."""

    def __init__(self, plan: dict[str, Any]) -> None:
        command = [sys.executable, "-m", "bench.polling"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._tell(json.dumps(plan))
        assert self.process.stdout is not None, "a pipe, as asked for"
        assert self.process.stdout.readline().strip() == OPEN, "the viewers could not open their pages"

    def begin(self) -> None:
        """Let them look, from now on."""
        self._tell("")

    def result(self) -> Polls:
        """Wait until they have looked for as long as the plan says, and return what was met."""
        assert self.process.stdout is not None, "a pipe, as asked for"
        told = json.loads(self.process.stdout.readline())
        return Polls(Counter({int(status): number for status, number in told["statuses"].items()}), told["times"])

    def end(self) -> None:
        """Close all pages."""
        assert self.process.stdin is not None, "a pipe, as asked for"
        self.process.stdin.close()
        self.process.wait()

    def _tell(self, line: str) -> None:
        assert self.process.stdin is not None, "a pipe, as asked for"
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()


@contextmanager
def looking(plan: dict[str, Any]) -> Iterator[Looking]:
    """Keep the pages of all viewers open."""
    watchers = Looking(plan)
    try:
        yield watchers
    finally:
        watchers.end()


def together(polls: Sequence[Polls]) -> Polls:
    """Return what was met with in all rounds."""
    statuses = sum((each.statuses for each in polls), Counter[int]())
    return Polls(statuses, list(chain.from_iterable(each.times for each in polls)))
