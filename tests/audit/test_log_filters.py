"""The filters of the log page: who, what kind of actor, what, to what, when, and words."""

import re
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection

from audit.catalogue import Action
from audit.selectors.events import Filters, actors, filtered
from core.actor import SYSTEM, Actor, ActorKind
from tests.audit.logbook import ADA, AGENT, freeze, signed_in, tell, text_of
from tests.factories import NOW, Cast, make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> Cast:
    return make_cast()


def test_filters_live_in_the_address(people: Cast) -> None:
    freeze(people.organization.pk, name="Research")
    tell(people.organization.pk, Action.AGENT_THAWED, actor=SYSTEM, after={"name": "Painting"})
    client = signed_in(people.vera)
    for query, shown, hidden in (
        ("action=agent.frozen", "Research", "Painting"),
        ("actor=system", "Painting", "froze agent Research"),
        ("since=2026-11-22&until=2026-11-22", "Research", "Nothing matches"),
        ("since=2026-11-23", "Nothing matches", "Painting"),
        ("until=2026-11-21", "Nothing matches", "Painting"),
    ):
        page = text_of(client, f"/audit/?{query}")
        assert shown in page, query
        assert hidden not in page, query


def test_acts_of_people_are_found_among_those_of_machines(people: Cast) -> None:
    bot = Actor(ActorKind.AGENT, "agt_01jdbot", "Bot", None)
    tell(
        people.organization.pk,
        Action.RECORD_STORED,
        kind="record",
        subject="rec_1",
        actor=bot,
        after={"name": "Coffee"},
    )
    tell(people.organization.pk, Action.AGENT_THAWED, actor=SYSTEM, after={"name": "Painting"})
    freeze(people.organization.pk, name="Research")
    client = signed_in(people.vera)
    for kind, shown in (("person", "Research"), ("agent", "Coffee"), ("system", "Painting")):
        page = text_of(client, f"/audit/?kind={kind}")
        assert [one for one in ("Research", "Coffee", "Painting") if one in page] == [shown]
        assert f"{shown}" in b"".join(client.get(f"/audit/table/?kind={kind}")).decode()
    assert "By: People" in text_of(client, "/audit/?kind=person")
    assert "cannot be understood" in text_of(client, "/audit/?kind=robots")


def test_among_many_events_of_agents_those_of_people_are_read_by_an_index_of_their_own(people: Cast) -> None:
    found = filtered(people.organization.pk, Filters(kind="person")).order_by("-at", "-id")[:50]
    with connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off")
        cursor.execute("set local enable_sort = off")
        assert "event_of_other_kind" in found.explain()


def test_who_did_it_is_found_by_name_where_one_alone_is_called_so(people: Cast) -> None:
    for number, name in enumerate(("Ada", "Kim", "Kim")):
        who = Actor(ActorKind.PERSON, f"per_{number}", name, None)
        tell(people.organization.pk, Action.AGENT_FROZEN, actor=who, after={"name": f"Agent {number}"})
    client = signed_in(people.vera)
    page = text_of(client, "/audit/?actor=Ada")
    assert "Agent 0" in page
    assert "Agent 1" not in page
    assert "Who: Ada" in page
    assert "Agent 0" in b"".join(client.get("/audit/table/?actor=Ada")).decode()
    assert "Several are called so." in text_of(client, "/audit/?actor=Kim")
    assert "Nobody who acted of late is called so." in text_of(client, "/audit/?actor=Noor")
    offered = re.findall(r'<option value="([^"]*)"></option>', client.get("/audit/").content.decode())
    assert offered == ["Ada", "per_1", "per_2"]


def test_people_are_found_by_name_however_much_machines_did_since(people: Cast) -> None:
    freeze(people.organization.pk)
    bot = Actor(ActorKind.AGENT, "agt_01jdbot", "Bot", None)
    for number in range(3):
        tell(people.organization.pk, Action.RECORD_STORED, actor=bot, now=NOW + timedelta(seconds=number + 1))
    assert actors(people.organization.pk, looked_at=2) == [(ADA.id, "Ada"), (bot.id, "Bot")]


def test_nobody_takes_over_the_acts_of_another_by_being_called_like_their_id(people: Cast) -> None:
    freeze(people.organization.pk)
    villain = Actor(ActorKind.PERSON, "per_01jdvillain", ADA.id, None)
    tell(people.organization.pk, Action.AGENT_THAWED, actor=villain, after={"name": "Painting"})
    page = text_of(signed_in(people.vera), f"/audit/?actor={ADA.id}")
    assert "Ada froze agent Research" in page
    assert "Painting" not in page


def test_an_agent_whose_name_looks_like_an_id_is_found_by_it(people: Cast) -> None:
    bot = Actor(ActorKind.AGENT, "agt_01jdbot", "research_bot", None)
    tell(people.organization.pk, Action.AGENT_THAWED, actor=bot, after={"name": "Painting"})
    client = signed_in(people.vera)
    assert "Painting" in text_of(client, "/audit/?actor=research_bot")
    tell(people.organization.pk, Action.AGENT_THAWED, actor=Actor(ActorKind.PERSON, "per_x", "system", None))
    assert '<option value="per_x"></option>' in client.get("/audit/").content.decode()


def test_a_published_version_leads_to_what_differs(people: Cast) -> None:
    published = partial(tell, people.organization.pk, Action.POLICY_PUBLISHED, kind="policy", subject="pol_1")
    for before, after in ((None, 1), (1, 2), (2, 2)):
        published(before={"enforced": before}, after={"enforced": after})
    page = signed_in(people.vera).get("/audit/").content.decode()
    assert re.findall(r"/policies/pol_1/compare/[^\"]*", page) == ["/policies/pol_1/compare/?from=1&amp;to=2"]


def test_days_begin_and_end_in_the_viewers_zone(people: Cast) -> None:
    people.vera.person.time_zone = "Pacific/Auckland"  # thirteen hours ahead: there the event happened on the 23rd
    people.vera.person.save()
    freeze(people.organization.pk)
    client = signed_in(people.vera)
    assert "Nothing matches" in text_of(client, "/audit/?until=2026-11-22")
    assert "Ada froze agent Research" in text_of(client, "/audit/?since=2026-11-23&until=2026-11-23")


def test_a_filter_in_force_can_be_taken_away(people: Cast) -> None:
    freeze(people.organization.pk)
    response = signed_in(people.vera).get(f"/audit/?action=agent&actor=per_01jdada&subject={AGENT}&cursor=")
    page = response.content.decode()
    assert f'href="?action=agent&amp;subject={AGENT}"' in page
    assert "Who: Ada" in page
    assert f'href="/audit/export/?action=agent&amp;actor=per_01jdada&amp;subject={AGENT}"' in page


def test_a_filter_that_cannot_be_read_shows_nothing_and_says_so(people: Cast) -> None:
    freeze(people.organization.pk)
    client = signed_in(people.vera)
    page = text_of(client, "/audit/?since=soon&action=agent.cloned&actor=%00")
    assert "Ada froze agent Research" not in page
    assert "This is no date. Write one such as 2026-01-31" in page
    assert "cannot be understood" in page


@pytest.mark.parametrize("address", ["/audit/export/", "/audit/table/"])
def test_nothing_is_exported_by_a_filter_that_cannot_be_read(people: Cast, address: str) -> None:
    freeze(people.organization.pk)
    response = signed_in(people.vera).get(f"{address}?since=soon")
    assert response.status_code == 422
    assert b"Research" not in response.content


def test_a_text_is_found_in_names_ids_and_changes(people: Cast) -> None:
    freeze(people.organization.pk, name="Research")
    tell(people.organization.pk, actor=SYSTEM, subject="pol_1", after={"name": "Travel", "limit": "1234.50"})
    client = signed_in(people.vera)
    for text in ("travel", "1234.5", "pol_1", "TRAVEL"):
        page = text_of(client, f"/audit/?q={text}")
        assert "Travel" in page, text
        assert "froze agent Research" not in page, text
    assert "Nothing matches" in text_of(client, "/audit/?q=100%25")
