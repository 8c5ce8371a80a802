"""What a control takes away, and how a race is brought to its worst moment; in the threads of this process only."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Barrier, Event
from typing import Any, ParamSpec, TypeVar

import pytest
from django.db import transaction

from approvals.selectors.situation import Situation, look
from approvals.services import authorize
from core.db import prepared_rows
from tests.races.arena import PATIENCE

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Pause:
    """A place where one thread waits, and from where another one learns that it does."""

    reached: Event = field(default_factory=Event)
    may_go_on: Event = field(default_factory=Event)

    def here(self) -> None:
        """Wait until told to go on."""
        self.reached.set()
        assert self.may_go_on.wait(PATIENCE), "nobody lets it go on"

    def after(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return `function` with this pause behind it."""

        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            result = function(*args, **kwargs)
            self.here()
            return result

        return run

    def is_reached(self) -> bool:
        """Wait until the one thread stands here."""
        return self.reached.wait(PATIENCE)


def pause_before_commit(monkeypatch: pytest.MonkeyPatch) -> Pause:
    """Let an ask stand between its statement and its commit."""
    pause = Pause()

    def commit_slowly(*statements: tuple[str, dict[str, object]]) -> None:
        with transaction.atomic(durable=True):
            for sql, params in statements:
                prepared_rows(sql, params)
            pause.here()

    monkeypatch.setattr(authorize, "commit_together", commit_slowly)
    return pause


def look_together(monkeypatch: pytest.MonkeyPatch, number: int) -> Callable[..., Situation]:
    """Let nobody decide before everybody has looked once: each rests on a snapshot that has all the room.

    Returns how they look now.
    """
    all_have_looked = Barrier(number)
    seen = set[int]()

    def look_and_wait(*args: Any, **kwargs: Any) -> Situation:
        situation = look(*args, **kwargs)
        asker = id(args[1])
        if not situation.missing and not situation.payee.is_new and asker not in seen:
            seen.add(asker)
            all_have_looked.wait(PATIENCE)
        return situation

    monkeypatch.setattr(authorize, "look", look_and_wait)
    return look_and_wait


def without_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let asks pass the gates without stopping at them."""
    monkeypatch.setattr(authorize, "shared_gates_statement", lambda *_: ("select 1", {}))
