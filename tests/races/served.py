"""A web server that a request may kill or hang, as its clients see it: each sends again what was not answered."""

import http.client
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import Message
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any, Final

from conto_admin.programs import web
from core.clock import now as clock_now
from tests.approvals.world import World, make_world
from tests.examples.server import HOST, LiveConto
from tests.races.arena import PATIENCE
from tests.races.killing import KILLED, KILLED_AT

PAUSE: Final = 0.01
NOT_SERVED: Final = (http.client.HTTPException, ConnectionError)
"""What a client meets whose server ends."""


class MortalConto(LiveConto):
    """The web server with its own settings, which is started again when it has ended."""

    def command(self) -> Sequence[str | Path]:
        command = list(web(HOST, self.port, 1, {}).command)
        granian, application = command.index("granian"), "tests.races.mortal:application"
        return [sys.executable, "-m", "tests.races.mortal", *command[granian + 1 : -1], application]

    def deaths(self) -> list[int]:
        """At which boundaries it was killed, in order."""
        lines = self.log.read_text().splitlines()
        return [int(line.rpartition(" ")[2]) for line in lines if line.startswith(KILLED)]


@dataclass(frozen=True)
class Answer:
    """What a client was answered."""

    status: int
    body: bytes
    headers: Message


@dataclass(frozen=True)
class Request:
    """A request that can be sent again as it is."""

    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def sent_to(self, conto: LiveConto, killed_at: int | None = None) -> Answer | None:
        """Send it; None where the server ended on the way. Who names no boundary sends it until it is answered."""
        deadline = monotonic() + PATIENCE
        while True:
            try:
                return self.answered_by(conto, killed_at)
            except NOT_SERVED:
                if killed_at is not None:
                    return None
            assert monotonic() < deadline, "hung: nobody serves"
            Event().wait(PAUSE)

    def answered_by(self, conto: LiveConto, killed_at: int | None) -> Answer:
        connection = http.client.HTTPConnection(HOST, conto.port, timeout=PATIENCE)
        doom = {} if killed_at is None else {KILLED_AT: str(killed_at)}
        try:
            connection.request("POST", self.path, self.body, {**self.headers, **doom})
            answer = connection.getresponse()
            return Answer(answer.status, answer.read(), answer.headers)
        finally:
            connection.close()


def by_app(world: World, path: str, body: Mapping[str, Any], **headers: str) -> Request:
    sent = {"Authorization": f"Bearer {world.secret}", "Content-Type": "application/json", **headers}
    return Request(f"/api/v1/{path}", json.dumps(body).encode(), sent)


def world_of(*rules: Mapping[str, Any]) -> World:
    """A world that is some days old."""
    return make_world(*rules, now=clock_now() - timedelta(days=3))
