"""The pages of counterparties and pegs, as people of each role meet them."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils.html import strip_tags

from approvals.services.booking import Report
from approvals.services.record import record_spend
from people.models import Member
from spend.models import Counterparty
from spend.selectors.counterparties import (
    MOST_PAYERS,
    CounterpartyFilter,
    Payer,
    counterparties_page,
    counterparty_of,
    pegs_of,
    together,
)
from tests.approvals.world import add_agent, ask, counterparty, make_world, put_policy
from tests.factories import NOW, Cast, make_cast
from tests.spend.samples import DOMAIN, a_counterparty, public

pytestmark = pytest.mark.django_db
LIST = "/counterparties/"


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def people() -> Cast:
    return make_cast()


def page(member: Member, path: str, data: dict[str, str] | None = None, *, htmx: bool = False) -> Any:
    client = Client()
    client.force_login(member.person)
    headers = {"HX-Request": "true"} if htmx else {}
    return client.get(path, headers=headers) if data is None else client.post(path, data)


def test_the_list_is_searched_and_exported(people: Cast) -> None:
    a_counterparty(people.olu, "=OpenAI()", standing="trusted")
    a_counterparty(people.olu, "GitHub", identifiers=["domain:github.com"])

    html = page(people.vera, f"{LIST}?q=api.openai").content.decode()
    csv = b"".join(page(people.vera, f"{LIST}export/?standing=trusted")).decode().splitlines()

    assert "=OpenAI()" in html
    assert "GitHub" not in html
    assert "New counterparty" not in html
    assert len(csv) == 2
    assert ",'=OpenAI(),,Trusted,," in csv[1]


@pytest.mark.parametrize("query", ["standing=loved", "sort=random"])
def test_a_filter_that_cannot_be_understood_shows_and_exports_nothing(people: Cast, query: str) -> None:
    a_counterparty(people.olu, "GitHub")

    html = page(people.vera, f"{LIST}?{query}").content.decode()

    assert "GitHub" not in html
    assert "cannot be understood" in html
    assert page(people.vera, f"{LIST}export/?{query}").status_code == 422


@pytest.mark.parametrize("sort", ["newest", "name"])
def test_pages_lead_forth_and_back_and_the_export_has_all_of_them(
    people: Cast, sort: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spend.selectors.counterparties.LARGEST_PAGE", 3)
    for number in range(7):
        a_counterparty(people.olu, "Twin" if number in {2, 3, 4} else f"No. {number}", identifiers=[])
    chosen, organization_id = CounterpartyFilter(sort=sort), people.organization.pk
    forth = [counterparties_page(organization_id, chosen, limit=3)]
    while forth[-1].next_cursor:
        forth.append(counterparties_page(organization_id, chosen, cursor=forth[-1].next_cursor, limit=3))
    back = [forth[-1]]
    while back[-1].previous_cursor:
        back.append(counterparties_page(organization_id, chosen, cursor=back[-1].previous_cursor, limit=3))

    assert [len(one.rows) for one in forth] == [3, 3, 1]
    assert [one.rows for one in reversed(back)] == [one.rows for one in forth]
    csv = page(people.vera, f"{LIST}export/?sort={sort}").getvalue().decode().splitlines()
    assert [line.split(",")[0] for line in csv[1:]] == [row.public_id for one in forth for row in one.rows]


def test_the_list_says_by_how_many_agents_it_was_paid_and_when() -> None:
    world = make_world({"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}})
    for one in (world, add_agent(world.cast, "Buyer")):
        asked = ask(one, "5")
        reach = {"organization_id": one.organization_id, "agent_id": one.agent.id}
        record_spend(asked.answer.id, Report(Decimal(5), "USD"), actor=one.actor, now=NOW, **reach)

    html = page(world.cast.vera, LIST).content.decode()

    assert "10.00" in html
    assert "by 2 agents" in html


def test_the_policies_that_name_a_counterparty_stand_on_its_page() -> None:
    world = make_world({"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}})
    ask(world, "5")
    one = counterparty(world)
    blocks = {"key": "no", "type": "COUNTERPARTY", "blocked": ["domain:*.openai.com"]}
    allows = {"key": "only", "type": "WHITELIST", "allowed": ["domain:api.openai.com"]}
    when = {"key": "w", "type": "SPEND_LIMIT", "daily": {"USD": "1"}, "when": {"counterparties": [public(one.pk)]}}
    other = {"key": "no", "type": "COUNTERPARTY", "blocked": ["domain:github.com"]}
    for name, rule in (("Blocks", blocks), ("Allows", allows), ("When", when), ("Unrelated", other)):
        put_policy(world.cast, name, [rule])

    part = page(world.cast.vera, f"{LIST}{public(one.pk)}/activity/", htmx=True).content.decode()

    naming = part.split('id="naming"')[1].split("</section>")[0]
    assert [name for name in ("Blocks", "Allows", "When", "Unrelated", "Research agents") if f">{name}<" in naming] == [
        "Blocks",
        "Allows",
        "When",
    ]


def test_an_operator_creates_changes_and_judges(people: Cast) -> None:
    form = {"name": "OpenAI", "identifiers": f"{DOMAIN}\n domain:openai.com,", "standing": "unknown"}
    assert page(people.olu, f"{LIST}new/", form).status_code == 302
    found = Counterparty.objects.get()
    path = f"{LIST}{public(found.pk)}/"

    page(people.olu, f"{path}edit/", {"name": "Open AI", "country": "US", "note": "LLM"})
    page(people.olu, f"{path}standing/", {"standing": "blocked", "reason": "invoices twice"})
    page(people.olu, f"{path}identifiers/add/", {"kind": "account", "value": "de89 3704"})
    page(people.olu, f"{path}identifiers/remove/", {"identifier": "domain:openai.com"})

    shown = counterparty_of(people.organization.pk, found.pk)
    assert (shown.name, shown.country, shown.note, shown.standing) == ("Open AI", "US", "LLM", "blocked")
    assert shown.identifiers == ("account:DE893704", DOMAIN)


def test_what_was_typed_wrongly_is_shown_again(people: Cast) -> None:
    holder = f"{LIST}{public(a_counterparty(people.olu))}/"
    other = f"{LIST}{public(a_counterparty(people.olu, 'Other', identifiers=[]))}/"

    refused = page(people.olu, f"{LIST}new/", {"name": "X", "identifiers": DOMAIN, "standing": "unknown"})
    assert refused.status_code == 409
    assert "names OpenAI already" in refused.content.decode()
    taken = page(people.olu, f"{other}identifiers/add/", {"kind": "domain", "value": "api.openai.com"})
    assert taken.status_code == 409
    assert "names OpenAI already" in taken.content.decode()
    assert page(people.olu, f"{holder}standing/", {"standing": "loved"}).status_code == 422
    assert page(people.olu, f"{LIST}new/", {"name": ""}).status_code == 422


def test_pegs_are_set_and_removed(people: Cast) -> None:
    assert page(people.olu, f"{LIST}pegs/set/", {"currency": "USDC", "pegged_to": "USD"}).status_code == 302
    assert pegs_of(people.organization.pk) == {"USDC": "USD"}
    assert page(people.olu, f"{LIST}pegs/set/", {"currency": "DAI", "pegged_to": "USDC"}).status_code == 422
    assert page(people.olu, f"{LIST}pegs/set/", {"currency": "dai", "pegged_to": "USD"}).status_code == 422
    assert "USDC" in page(people.vera, f"{LIST}pegs/").content.decode()
    assert page(people.olu, f"{LIST}pegs/USDC/remove/", {}).status_code == 302
    assert pegs_of(people.organization.pk) == {}


def test_the_page_shows_who_paid_and_what() -> None:
    world = make_world({"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}})
    asked = ask(world, "12.50")
    reach = {"organization_id": world.organization_id, "agent_id": world.agent.id}
    record_spend(asked.answer.id, Report(Decimal("12.50"), "USD"), actor=world.actor, now=NOW, **reach)
    path = f"{LIST}{public(counterparty(world).pk)}/"

    html = page(world.cast.vera, path).content.decode()
    part = page(world.cast.vera, f"{path}activity/", htmx=True).content.decode()

    assert "Research" in html
    assert "12.50" in html
    assert "12.50" in page(world.cast.vera, LIST).content.decode()
    assert "<html" not in part
    assert "Every rule allows it<" in part
    assert page(world.cast.mallory, f"{path}activity/").status_code == 404


def test_only_those_with_the_right_change_anything(people: Cast) -> None:
    path = f"{LIST}{public(a_counterparty(people.olu))}/"
    writes = [
        (f"{LIST}new/", {"name": "X"}),
        (f"{path}edit/", {"name": "X"}),
        (f"{path}standing/", {"standing": "trusted"}),
        (f"{path}identifiers/add/", {"kind": "domain", "value": "x.com"}),
        (f"{path}identifiers/remove/", {"identifier": DOMAIN}),
        (f"{LIST}pegs/set/", {"currency": "USDC", "pegged_to": "USD"}),
        (f"{LIST}pegs/USDC/remove/", {}),
    ]
    for member in (people.rui, people.vera):
        assert page(member, path).status_code == 200
        for address, data in writes:
            assert page(member, address, data).status_code == 403
    assert page(people.mallory, path).status_code == 404
    for address, data in writes:
        if address.startswith(path):
            assert page(people.mallory, address, data).status_code == 404
    assert "OpenAI" not in page(people.mallory, LIST).content.decode()
    assert Client().get(path).status_code == 302
    assert counterparty_of(people.organization.pk, Counterparty.objects.get().pk).name == "OpenAI"


def test_each_sum_of_the_page_says_what_it_is_of() -> None:
    world = make_world({"key": "daily", "type": "SPEND_LIMIT", "daily": {"USD": "100"}})
    other = add_agent(world.cast, "Buyer")
    for one, amount in ((world, "12.50"), (other, "7.50")):
        asked = ask(one, amount)
        reach = {"organization_id": one.organization_id, "agent_id": one.agent.id}
        record_spend(asked.answer.id, Report(Decimal(amount), "USD"), actor=one.actor, now=NOW, **reach)
    ask(world, "30")
    path = f"{LIST}{public(counterparty(world).pk)}/"

    html = page(world.cast.vera, path).content.decode()
    payers = " ".join(strip_tags(html.split('id="payers"')[1].split("</section>")[0]).split())
    part = " ".join(strip_tags(page(world.cast.vera, f"{path}activity/", htmx=True).content.decode()).split())

    assert "Recorded since it was first seen, less what came back. What is only set aside is not in it." in payers
    assert "All agents220.00 USD" in payers
    assert "Paid so far" not in html
    assert "Recorded in the last 30 days 20.00 USD" in part
    assert "2 payments recorded in these 30 days, less what came back. In USD only." in part


def test_a_sum_of_one_payer_or_of_some_of_many_is_not_drawn() -> None:
    one = Payer("agt_1", "Research", "USD", Decimal(5), 1, NOW)
    assert together(()) == []
    assert together((one, replace(one, currency="EUR"))) == []
    assert together((one, one)) == [("USD", Decimal(10), 2)]
    assert together((one,) * MOST_PAYERS) == []
