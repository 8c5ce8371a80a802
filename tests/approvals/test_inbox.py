"""The inbox: which requests wait for whom, in which order, what its poll costs, and what became of those that left."""

import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from agents.models import Agent
from approvals.lifecycle import UNDO_TIME
from approvals.models import Authorization
from approvals.selectors.queue import Wanted, in_a_line, next_to_answer, number_waiting, queue
from approvals.services.booking import Report
from approvals.services.finalise import finalise_reviews
from approvals.services.record import record_spend
from core.ids import Prefix, to_public
from people.models import Member
from spend.payee import PayeeClaim
from tests.approvals.test_pages import evidence, page
from tests.approvals.world import World, add_agent, ask, make_world, put_policy
from tests.factories import NOW, public_person

pytestmark = pytest.mark.django_db

GITHUB = PayeeClaim("GitHub", ("domain:github.com",))
HTMX = {"HX-Request": "true", "HX-Target": "request", "HX-Current-URL": "http://testserver/approvals/"}


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)


def review_rule(**more: Any) -> dict[str, Any]:
    return {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}, "review": more}


def waiting(world: World, amount: str = "60", *, minutes: int = 0, **more: Any) -> str:
    """One more that waits, asked so many minutes ago; the longer ago, the sooner it expires."""
    asked = ask(world, amount, now=NOW - timedelta(minutes=minutes), **more)
    return to_public(Prefix.AUTHORIZATION, asked.answer.id)


def listed(html: str) -> list[str]:
    return re.findall(r'class="queue-item[^"]*" id="row-([^"]+)"', html)


def shown(html: str) -> str:
    found = re.search(r'data-request="([^"]+)"', html)
    return found[1] if found else ""


def seen(member: Member, path: str = "/approvals/") -> str:
    html: str = page(member, path).content.decode()
    return html


def fragment(member: Member, path: str) -> Any:
    client = Client(headers=HTMX)
    client.force_login(member.person)
    return client.get(path)


def test_what_expires_first_stands_first_and_is_shown() -> None:
    world = make_world(review_rule())
    late, early = waiting(world, "60"), waiting(world, "70", minutes=30)

    html = seen(world.cast.rui)

    assert listed(html) == [early, late]
    assert shown(html) == early


@pytest.mark.parametrize(
    ("query", "amounts"),
    [
        ("payee=git", ["70.00"]),
        ("payee=OPENAI.com", ["60.00"]),
        ("payee=%25", []),
        ("payee=_itHub", []),
        ("minimum=60.01", ["70.00"]),
        ("minimum=60", ["60.00", "70.00"]),
        ("currency=usd", ["60.00", "70.00"]),
        ("currency=EUR", []),
    ],
)
def test_the_filter_of_the_address_narrows_the_queue(query: str, amounts: list[str]) -> None:
    world = make_world(review_rule())
    waiting(world, "60", minutes=1)
    waiting(world, "70", payee=GITHUB)

    html = seen(world.cast.vera, f"/approvals/?{query}")

    heads = re.findall(r'class="queue-head"><strong><span class="money">([\d.]+)', html)
    assert heads == amounts


def test_one_agents_requests_can_be_asked_for() -> None:
    world = make_world(review_rule())
    other = add_agent(world.cast, "Other")
    waiting(world)
    others = waiting(other, "80")

    assert listed(seen(world.cast.rui, f"/approvals/?agent={to_public(Prefix.AGENT, other.agent.id)}")) == [others]


@pytest.mark.parametrize("query", ["agent=agt_1", "minimum=much", "who=nobody", "minimum=-1"])
def test_a_filter_that_cannot_be_understood_lists_nothing_and_says_so(query: str) -> None:
    world = make_world(review_rule())
    public_id = waiting(world)

    html = seen(world.cast.rui, f"/approvals/?{query}")

    assert public_id not in html
    assert "form-error" in html or "cannot be understood" in html


def mine(world: World, member: Member) -> int:
    return len(queue(Wanted(member=member, is_mine=True), now=NOW).places)


@pytest.mark.parametrize(
    ("review", "whose"),
    [
        ({}, {"oona", "ada", "rui"}),
        ({"roles": ["admin"]}, {"ada"}),
        ({"people": ["rui"]}, {"rui"}),
        ({"people": ["rui"], "roles": ["owner"]}, {"rui", "oona"}),
    ],
)
def test_mine_are_those_that_ask_for_me_or_for_a_role_of_mine(review: Mapping[str, Any], whose: set[str]) -> None:
    world = make_world()
    people = {"people": [public_person(getattr(world.cast, one).person_id) for one in review.get("people", ())]}
    put_policy(world.cast, "Research agents", [review_rule(**{**review, **(people if "people" in review else {})})])
    waiting(world)

    assert {name for name in ("oona", "ada", "olu", "rui", "vera") if mine(world, getattr(world.cast, name))} == whose


def test_what_i_have_answered_or_what_my_own_agent_asks_is_not_mine() -> None:
    world = make_world(review_rule(approvals=2))
    public_id = waiting(world)
    assert (mine(world, world.cast.rui), mine(world, world.cast.ada)) == (1, 1)

    digest = evidence(seen(world.cast.rui, f"/approvals/{public_id}/"))
    page(world.cast.rui, f"/approvals/{public_id}/approve/", evidence=digest)
    Agent.objects.filter(id=world.agent.id).update(owner=world.cast.ada.person)

    assert (mine(world, world.cast.rui), mine(world, world.cast.ada), mine(world, world.cast.oona)) == (0, 0, 1)


def test_another_organization_sees_an_empty_queue() -> None:
    world = make_world(review_rule())
    public_id = waiting(world)

    assert "Nothing waits for you" in seen(world.cast.mallory)
    assert fragment(world.cast.mallory, f"/approvals/left/?id={public_id}").content.decode().strip() == ""


def test_what_has_expired_is_gone_before_the_worker_has_come() -> None:
    world = make_world(review_rule(timeout_minutes=10))
    waiting(world, minutes=10)

    assert listed(seen(world.cast.rui)) == []


def test_a_queue_that_looks_the_same_is_not_sent_again() -> None:
    world = make_world(review_rule())
    waiting(world)
    poll = re.search(r'hx-get="(/approvals/queue/[^"]+)"', seen(world.cast.rui))
    assert poll is not None

    assert fragment(world.cast.rui, poll[1]).status_code == 204
    waiting(world, "90")
    again = fragment(world.cast.rui, poll[1])

    assert again.status_code == 200
    assert len(listed(again.content.decode())) == 2
    assert "<html" not in again.content.decode()


def test_pages_of_the_queue_follow_each_other_without_a_gap(django_assert_num_queries: Any) -> None:
    world = make_world(review_rule())
    all_of_them = [waiting(world, str(100 + number), minutes=60 - number // 3) for number in range(11)]
    wanted = Wanted(member=world.cast.rui)

    found, cursor = [], ""
    for _ in range(3):
        with django_assert_num_queries(1):
            some = queue(wanted, now=NOW, cursor=cursor, limit=4)
        found += [to_public(Prefix.AUTHORIZATION, place.id) for place in some.places]
        cursor = some.next_cursor

    assert cursor == ""
    assert sorted(found) == sorted(all_of_them)
    assert len(set(found)) == 11
    assert number_waiting(wanted, now=NOW) == 11


def test_the_next_one_is_that_behind_the_one_answered_and_then_the_first() -> None:
    world = make_world(review_rule())
    first, second, third = (
        waiting(world, minutes=minutes, amount=amount) for minutes, amount in ((9, "61"), (5, "62"), (1, "63"))
    )
    ids = {
        public: Authorization.objects.get(amount=Decimal(amount)).id
        for public, amount in ((first, "61"), (second, "62"), (third, "63"))
    }
    wanted = Wanted(member=world.cast.rui)

    assert next_to_answer(wanted, now=NOW, after=ids[first]) == ids[second]
    assert next_to_answer(wanted, now=NOW, after=ids[third]) == ids[first]
    assert next_to_answer(Wanted(member=world.cast.vera), now=NOW, after=ids[first]) is None


def test_an_answer_leads_to_the_next_request_of_the_same_filter() -> None:
    world = make_world(review_rule())
    first, _, third = waiting(world, minutes=9), waiting(world, "70", minutes=5, payee=GITHUB), waiting(world, "80")
    digest = evidence(seen(world.cast.rui, f"/approvals/{first}/?payee=openai"))

    client = Client()
    client.force_login(world.cast.rui.person)
    answer = client.post(f"/approvals/{first}/approve/?payee=openai", {"evidence": digest}, follow=True)

    assert answer.redirect_chain[-1][0] == f"/approvals/{third}/?payee=openai"
    assert shown(answer.content.decode()) == third


def test_htmx_gets_the_next_request_alone_and_the_address_of_it() -> None:
    world = make_world(review_rule())
    first, second = waiting(world, minutes=9), waiting(world, "70")

    answer = fragment(world.cast.rui, f"/approvals/?after={first}")

    html = answer.content.decode()
    assert (shown(html), listed(html), "<html" in html) == (second, [], False)
    assert answer["HX-Push-Url"] == f"/approvals/{second}/"
    assert "reviewed" in answer["HX-Trigger"]


def test_a_request_that_is_decided_says_by_whom_and_offers_the_next() -> None:
    world = make_world(review_rule())
    public_id, other = waiting(world, minutes=9), waiting(world, "70")
    page(world.cast.rui, f"/approvals/{public_id}/reject/", reason="We have this already.")
    finalise_reviews(now=NOW + UNDO_TIME)

    html = seen(world.cast.ada, f"/approvals/{public_id}/")
    note = fragment(world.cast.ada, f"/approvals/left/?id={public_id}&id={other}").content.decode()

    assert "Rui rejected this" in html
    assert "We have this already." in html
    assert f"after={public_id}" in html
    assert listed(html) == [other]
    assert note.count("data-note") == 1
    assert "Rui rejected" in note
    assert fragment(world.cast.rui, f"/approvals/left/?id={public_id}").content.decode().strip() == ""


def test_names_in_notes_are_escaped() -> None:
    world = make_world(review_rule())
    public_id = waiting(world, payee=PayeeClaim("<b>Evil</b>", ("domain:evil.example",)))
    page(world.cast.rui, f"/approvals/{public_id}/reject/", reason="no")
    finalise_reviews(now=NOW + UNDO_TIME)

    note = fragment(world.cast.ada, f"/approvals/left/?id={public_id}").content.decode()

    assert "&lt;b&gt;Evil&lt;/b&gt;" in note
    assert "<b>Evil" not in note


def test_the_detail_names_similar_ones_the_equal_one_and_who_is_asked() -> None:
    world = make_world(review_rule(approvals=2, roles=["admin"]))
    equal, similar = waiting(world, minutes=30), waiting(world, "75", minutes=20)
    public_id = waiting(world)

    html = seen(world.cast.ada, f"/approvals/{public_id}/")

    assert "This may be the same payment again" in html
    assert f"/authorizations/{equal}/" in html
    other = html.split("Also waiting for this payee")[1]
    assert f"/approvals/{similar}/" in other
    assert "0 of 2" in html
    assert "the role admin" in html


def test_the_card_of_a_request_lists_what_was_paid_and_counts_what_was_declined() -> None:
    cap = {"key": "cap", "type": "SPEND_LIMIT", "per_transaction": {"USD": "500"}}
    world = make_world(review_rule(), cap)
    recorded = ask(world, "11", now=NOW - timedelta(minutes=9)).answer.id
    reach: dict[str, Any] = {"organization_id": world.organization_id, "agent_id": world.agent.id}
    record_spend(recorded, Report(Decimal(11), "USD"), actor=world.actor, now=NOW, **reach)
    ask(world, "12", now=NOW - timedelta(minutes=8))
    for minutes in (6, 7):
        ask(world, "900", now=NOW - timedelta(minutes=minutes))
    waiting(world, "61", minutes=5)

    last = seen(world.cast.rui, f"/approvals/{waiting(world)}/").split("last payments to it")[1].split("</section>")[0]

    assert re.findall(r'<span class="money">([\d.,]+) ', last) == ["11.00", "12.00"]
    assert "2 of its last 5 asks for it were declined." in last


@pytest.mark.parametrize(
    ("why", "line"),
    [
        ("The amount of $60.00 is above the threshold of $50.00. People decide.", "Above the threshold of $50.00"),
        (
            "The amount of 60.00 CHF is above the threshold of 50.00 CHF. People decide.",
            "Above the threshold of 50.00 CHF",
        ),
        (
            "This payment would take today's spend to $612.40, above the limit of $500.00. People decide.",
            "Today's spend to $612.40, above the limit of $500.00",
        ),
        ("The counterparty is unknown. People decide.", "The counterparty is unknown"),
        ("Every rule allows it.", "Every rule allows it"),
    ],
)
def test_a_line_of_the_queue_does_not_say_the_amount_twice(why: str, line: str) -> None:
    assert in_a_line(why) == line
