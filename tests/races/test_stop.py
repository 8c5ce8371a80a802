"""What stops an agent stops it at once: when the stop is answered, nothing is approved any more that was under way."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

import pytest
from django.db import connection
from django.http import HttpRequest
from rest_framework.request import Request

from agents.authentication import authenticate_agent
from agents.models import AgentKey
from agents.services import change_agent, freeze_agent, retire_agent, revoke_key, rotate_key
from approvals.api.callers import asker_of
from approvals.models import Authorization
from approvals.selectors.books import faults
from approvals.selectors.situation import Asker, read_asker
from core.clock import now as clock_now
from people.services import freeze_organization
from policies.services import AssignTo, retire, set_assignments
from spend.services.changes import set_standing
from tests.approvals.world import World, counterparty, make_world, put_policy
from tests.factories import actor_for
from tests.races.arena import Arena, is_over, referee
from tests.races.asks import Said, Wish, answered, make, wish
from tests.races.controls import pause_before_commit, without_gate

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

PROCESSES: Final = 2
THREADS: Final = 16
BEFORE: Final = 20
AFTER: Final = 3 * PROCESSES * THREADS
"""Turns begun after the stop: everybody was under way when it came, and has asked again since."""
DAILY: Final = {"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100000"}}


@dataclass(frozen=True)
class Scene:
    """A world that may spend, and what there is to stop it by."""

    world: World
    policy_id: UUID

    @property
    def organization_id(self) -> UUID:
        return self.world.organization_id


def set_up() -> Scene:
    now = clock_now()
    world = make_world(now=now, labels=["live"])
    policy_id = put_policy(world.cast, "Live agents", [DAILY], targets=AssignTo(labels=("live",)), now=now)
    assert make(replace(wish(world), now=now)).word == "approved"
    return Scene(world, policy_id)


def approved() -> int:
    return Authorization.objects.filter(status="approved").count()


def stop_agent(scene: Scene) -> None:
    world, organization_id = scene.world, scene.organization_id
    actor = actor_for(world.cast.olu)
    freeze_agent(organization_id=organization_id, agent_id=world.agent.id, reason="odd", actor=actor, now=clock_now())


def stop_organization(scene: Scene) -> None:
    actor = actor_for(scene.world.cast.ada)
    freeze_organization(organization_id=scene.organization_id, reason="odd", actor=actor, now=clock_now())


def end_key(scene: Scene) -> None:
    actor = actor_for(scene.world.cast.olu)
    revoke_key(organization_id=scene.organization_id, key_id=scene.world.key_id, actor=actor, now=clock_now())


def end_agent(scene: Scene) -> None:
    world = scene.world
    actor = actor_for(world.cast.olu)
    retire_agent(organization_id=scene.organization_id, agent_id=world.agent.id, actor=actor, now=clock_now())


def end_policy(scene: Scene) -> None:
    actor = actor_for(scene.world.cast.olu)
    retire(organization_id=scene.organization_id, policy_id=scene.policy_id, actor=actor, now=clock_now())


def unassign(scene: Scene) -> None:
    set_assignments(
        organization_id=scene.organization_id,
        policy_id=scene.policy_id,
        targets=AssignTo(),
        actor=actor_for(scene.world.cast.olu),
        now=clock_now(),
    )


def take_label(scene: Scene) -> None:
    change_agent(
        organization_id=scene.organization_id,
        agent_id=scene.world.agent.id,
        change={"labels": []},
        actor=actor_for(scene.world.cast.olu),
        now=clock_now(),
    )


def block_payee(scene: Scene) -> None:
    set_standing(
        organization_id=scene.organization_id,
        counterparty_id=counterparty(scene.world).id,
        standing="blocked",
        reason="fraud",
        actor=actor_for(scene.world.cast.olu),
        now=clock_now(),
    )


Stop = Callable[[Scene], None]
STOPS: Final[list[Stop]] = [
    stop_agent, stop_organization, end_key, end_agent, end_policy, unassign, take_label, block_payee,
]  # fmt: skip


def stop_while_an_ask_waits_for_its_commit(
    scene: Scene, stop: Stop, monkeypatch: pytest.MonkeyPatch, *, is_waited_for: bool
) -> tuple[int, int]:
    """Return how many were approved when the stop was answered, and how many in the end."""
    pause = pause_before_commit(monkeypatch)

    def ask() -> str:
        try:
            return make(replace(wish(scene.world), now=clock_now())).word
        finally:
            connection.close()

    def stop_and_count() -> int:
        try:
            stop(scene)
            return approved()
        finally:
            connection.close()

    with referee() as judge, ThreadPoolExecutor(2) as pool:
        asking = pool.submit(ask)
        assert pause.is_reached()
        stopping = pool.submit(stop_and_count)
        if is_waited_for:
            judge.until_waiting()
        else:
            stopping.result()
        pause.may_go_on.set()
        assert asking.result() == "approved"
        return stopping.result(), approved()


@pytest.mark.parametrize("stop", STOPS)
def test_control_without_the_gate_one_is_approved_after_the_stop(stop: Stop, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = set_up()
    without_gate(monkeypatch)

    at_the_stop, in_the_end = stop_while_an_ask_waits_for_its_commit(scene, stop, monkeypatch, is_waited_for=False)

    assert in_the_end > at_the_stop


@pytest.mark.parametrize("stop", STOPS)
def test_a_stop_is_answered_when_what_was_under_way_has_ended(stop: Stop, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = set_up()

    at_the_stop, in_the_end = stop_while_an_ask_waits_for_its_commit(scene, stop, monkeypatch, is_waited_for=True)

    assert in_the_end == at_the_stop
    assert ask_with_secret(Runner(wish(scene.world), scene.world.secret), clock_now()).word != "approved"
    assert faults() == []


def ask_as(asker: Asker, one: Wish) -> Said:
    return answered(lambda: asker, one)


def test_control_who_knows_the_present_epoch_and_not_why_is_approved() -> None:
    scene = set_up()
    before = read_asker(scene.world.agent.id, key_id=scene.world.key_id)
    stop_agent(scene)
    epoch = read_asker(scene.world.agent.id).epoch

    assert ask_as(replace(before, epoch=epoch), replace(wish(scene.world), now=clock_now())).word == "approved"


@pytest.mark.parametrize("stop", STOPS)
def test_who_was_let_in_before_the_stop_and_asks_after_it_is_not_approved(stop: Stop) -> None:
    scene = set_up()
    asker = read_asker(scene.world.agent.id, key_id=scene.world.key_id)
    stop(scene)

    said = ask_as(asker, replace(wish(scene.world), now=clock_now()))

    assert said.word == ("key_revoked" if stop in (end_key, end_agent) else "declined")


@dataclass(frozen=True)
class Runner:
    """Who asks without pause, and with what secret."""

    one: Wish
    secret: str


def ask_with_secret(runner: Runner, now: datetime) -> Said:
    """Ask as the API does: the secret first, then the ask, at one reading of the clock."""

    def enter() -> Asker:
        request = Request(HttpRequest())
        request.auth = authenticate_agent(f"Bearer {runner.secret}", now)
        return asker_of(request)

    return answered(enter, replace(runner.one, now=now))


def ask_without_pause(runner: Runner) -> dict[str, int]:
    said = Counter[str]()
    while not is_over():
        said[ask_with_secret(runner, clock_now()).word] += 1
    return dict(said)


def runners(world: World, secret: str) -> list[Runner]:
    return [Runner(wish(world), secret)] * (PROCESSES * THREADS)


@pytest.mark.parametrize("stop", [stop_agent, stop_organization, end_key, end_agent, end_policy])
def test_what_is_asked_after_the_stop_is_not_approved(arena: Arena, stop: Stop) -> None:
    scene = set_up()
    people = runners(scene.world, scene.world.secret)

    with arena.running(ask_without_pause, people, processes=PROCESSES) as running:
        running.referee.until("select count(*) from approvals_authorization", reaches=BEFORE)
        stop(scene)
        at_the_stop = approved()
        running.referee.until_more_turns(AFTER)
        assert approved() == at_the_stop
    said = sum((Counter(words) for words in running.results()), Counter[str]())

    assert approved() == at_the_stop == said["approved"] + 1
    refused = "key_revoked" if stop is end_key else "agent_retired" if stop is end_agent else "declined"
    # Whoever was let in before the agent was retired is told of its key.
    assert set(said) - ({"key_revoked"} if stop is end_agent else set()) == {"approved", refused}
    assert faults() == []


def test_what_is_asked_after_a_key_has_expired_is_not_approved(arena: Arena) -> None:
    scene = set_up()

    with arena.running(ask_without_pause, runners(scene.world, scene.world.secret), processes=PROCESSES) as running:
        running.referee.until("select count(*) from approvals_authorization", reaches=BEFORE)
        rotate_key(
            organization_id=scene.organization_id,
            key_id=scene.world.key_id,
            overlap_seconds=1,
            actor=actor_for(scene.world.cast.olu),
            now=clock_now(),
        )
        expires_at = AgentKey.objects.get(id=scene.world.key_id).expires_at
        running.referee.until("select (clock_timestamp() > %s)::int", expires_at, reaches=1)
        running.referee.until_more_turns(AFTER)
    said = sum((Counter(words) for words in running.results()), Counter[str]())

    assert set(said) == {"approved", "key_expired"}
    assert not Authorization.objects.filter(asked_at__gte=expires_at).exists()
    assert faults() == []


def test_control_who_is_let_in_without_a_look_at_the_clock_is_approved_after_the_key_has_expired() -> None:
    scene = set_up()
    AgentKey.objects.filter(id=scene.world.key_id).update(expires_at=clock_now())

    assert make(replace(wish(scene.world), now=clock_now())).word == "approved"
    assert ask_with_secret(Runner(wish(scene.world), scene.world.secret), clock_now()).word == "key_expired"
