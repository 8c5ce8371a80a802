"""What a frozen agent or organization asked for can only be rejected: the inbox says so before anybody answers."""

from typing import Any

import pytest

from agents.services import freeze_agent, retire_agent
from approvals.selectors.queue import Wanted, queue
from core.ids import Prefix, to_public
from people.services import freeze_organization
from tests.approvals.test_pages import REVIEW, page
from tests.approvals.world import World, add_agent, ask, make_world
from tests.factories import NOW, actor_for

pytestmark = pytest.mark.django_db
CANNOT = "It cannot be approved now"


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def world() -> World:
    return make_world(REVIEW)


def freeze(world: World, *what: str) -> None:
    scope: dict[str, Any] = {"organization_id": world.organization_id, "actor": actor_for(world.cast.ada), "now": NOW}
    if "agent" in what:
        freeze_agent(agent_id=world.agent.id, reason="odd", **scope)
    if "organization" in what:
        freeze_organization(reason="odd", **scope)


def seen(world: World, asked: str) -> str:
    html: str = page(world.cast.rui, f"/approvals/{asked}/").content.decode()
    return html


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (["agent"], "Research is frozen. Thaw first, or reject."),
        (["organization"], "Acme is frozen. Thaw first, or reject."),
        (["agent", "organization"], "Acme and Research are frozen. Thaw first, or reject."),
    ],
)
def test_what_is_frozen_is_named_and_only_a_no_is_offered(world: World, what: list[str], told: str) -> None:
    asked = to_public(Prefix.AUTHORIZATION, ask(world, "60").answer.id)
    assert CANNOT not in seen(world, asked)

    freeze(world, *what)

    html = seen(world, asked)
    assert told in html.split(CANNOT)[1]
    assert 'id="approve-button"' not in html
    assert 'popovertarget="reject"' in html
    page(world.cast.rui, f"/approvals/{asked}/reject/", reason="It is frozen.")
    assert page(world.cast.rui, f"/approvals/{asked}/").context["shown"].reviews[0].verdict == "reject"


def test_a_retired_agent_is_named_as_well(world: World) -> None:
    asked = to_public(Prefix.AUTHORIZATION, ask(world, "60").answer.id)
    retire_agent(
        organization_id=world.organization_id, agent_id=world.agent.id, actor=actor_for(world.cast.ada), now=NOW
    )
    assert "Research is retired" in seen(world, asked)


def test_the_queue_marks_the_frozen_ones_and_is_sent_again_for_it(world: World, django_assert_num_queries: Any) -> None:
    other = add_agent(world.cast, "Travel")
    frozen, free = (ask(one, "60").answer.id for one in (world, other))
    wanted = Wanted(member=world.cast.rui)
    before = queue(wanted, now=NOW).version

    freeze(world, "agent")

    with django_assert_num_queries(1):
        after = queue(wanted, now=NOW)
    assert {one.id: one.is_frozen for one in after.places} == {frozen: True, free: False}
    assert after.version != before
    html = seen(world, to_public(Prefix.AUTHORIZATION, free))
    row = html.split(f'id="row-{to_public(Prefix.AUTHORIZATION, frozen)}"')[1].split("</li>")[0]
    assert 'data-status="frozen"' in row
    assert html.split('id="queue"')[1].split("</nav>")[0].count('data-status="frozen"') == 1


@pytest.mark.parametrize(
    ("verdict", "word", "tone"), [("approve", "approved", "positive"), ("reject", "rejected", "negative")]
)
def test_a_row_says_which_answer_the_viewer_gave(world: World, verdict: str, word: str, tone: str) -> None:
    asked = to_public(Prefix.AUTHORIZATION, ask(world, "60").answer.id)
    digest = page(world.cast.rui, f"/approvals/{asked}/").context["shown"].digest
    page(world.cast.rui, f"/approvals/{asked}/{verdict}/", evidence=digest, reason="We have this.")

    row = seen(world, asked).split(f'id="row-{asked}"')[1].split("</li>")[0]
    said = row.split(f'class="queue-said tone-{tone}"')[1]
    assert f"you {word}" in said
