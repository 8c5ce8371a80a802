"""A payee that goes by the name of another is not shown like that one: the reviewer is told before any money moves."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from approvals.services.booking import Report
from approvals.services.record import record_spend
from core.ids import Prefix, to_public
from spend.payee import PayeeClaim
from spend.selectors import alike
from spend.selectors.alike import namesakes
from tests.approvals.test_pages import page
from tests.approvals.world import World, ask, make_world
from tests.factories import NOW
from tests.spend.samples import a_counterparty, public

pytestmark = pytest.mark.django_db

CAUTION = "Another counterparty has this name"
RULE = {"key": "people", "type": "APPROVAL_THRESHOLD", "above": {"USD": "50"}}
REAL, FORGED = "domain:foundry-hw.example", "domain:foundry-hardware.example"


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)


def seen(world: World, path: str) -> str:
    html: str = page(world.cast.olu, path).content.decode()
    return html


def asked(world: World, name: str, *identifiers: str) -> str:
    return to_public(Prefix.AUTHORIZATION, ask(world, "60", payee=PayeeClaim(name, identifiers)).answer.id)


def paid(world: World, amount: str) -> None:
    one = ask(world, amount, payee=PayeeClaim("", (REAL,)), now=NOW - timedelta(hours=1)).answer.id
    reach: dict[str, Any] = {"organization_id": world.organization_id, "agent_id": world.agent.id}
    record_spend(one, Report(Decimal(amount), "USD"), actor=world.actor, now=NOW, **reach)


@pytest.mark.parametrize("name", ["Foundry Hardware", "FOUNDRY-hardware", "foundryhardware."])
def test_who_is_called_like_another_is_shown_with_what_that_one_is_and_got(name: str) -> None:
    world = make_world(RULE)
    real = a_counterparty(world.cast.olu, "Foundry Hardware", identifiers=[REAL], standing="verified")
    for amount in ("11", "12.50"):
        paid(world, amount)
    forged = asked(world, name, FORGED)

    for path in (f"/approvals/{forged}/", f"/authorizations/{forged}/"):
        told = seen(world, path).split(CAUTION)[1].split("</ul>")[0]
        assert f'href="/counterparties/{public(real)}/"' in told
        assert 'data-status="verified"' in told
        assert "23.50" in told
        assert "paid in 2 payments" in told


def test_both_pages_of_two_with_one_name_name_the_other() -> None:
    world = make_world(RULE)
    real = a_counterparty(world.cast.olu, "Foundry Hardware", identifiers=[REAL], standing="trusted")
    forged = a_counterparty(world.cast.olu, "Foundry Hardware", identifiers=[FORGED])

    for one, other in ((real, forged), (forged, real)):
        told = seen(world, f"/counterparties/{public(one)}/").split(CAUTION)[1].split("</ul>")[0]
        assert public(other) in told
        assert "never paid" in told


def test_a_payee_named_without_an_identifier_is_told_apart_as_well() -> None:
    world = make_world(RULE)
    a_counterparty(world.cast.olu, "Foundry Hardware", identifiers=[REAL], standing="verified")

    assert CAUTION in seen(world, f"/approvals/{asked(world, 'Foundry hardware')}/")


def test_nobody_is_cautioned_about_where_there_is_one_of_the_name_only() -> None:
    world = make_world(RULE)
    a_counterparty(world.cast.olu, "Foundry Hardware", identifiers=[REAL], standing="verified")
    a_counterparty(world.cast.mallory, "Foundry Hardware", identifiers=[FORGED])
    a_counterparty(world.cast.olu, "…", identifiers=["domain:dots.example"])

    for name, identifier in (("Foundry Hardware", REAL), ("Foundry", FORGED), ("--", "domain:dashes.example")):
        assert CAUTION not in seen(world, f"/approvals/{asked(world, name, identifier)}/")


def test_a_name_that_is_markup_stays_text() -> None:
    world = make_world(RULE)
    a_counterparty(world.cast.olu, "<b>Foundry</b>", identifiers=[REAL])

    html = seen(world, f"/approvals/{asked(world, 'b foundry b', FORGED)}/")

    assert "&lt;b&gt;Foundry&lt;/b&gt;" in html.split(CAUTION)[1]
    assert "<b>Foundry</b>" not in html


def test_new_ones_do_not_hide_one_who_is_trusted(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    world = make_world(RULE)
    for number in range(4):
        a_counterparty(world.cast.olu, "Foundry", identifiers=[f"domain:f{number}.example"])
    trusted = a_counterparty(world.cast.olu, "Foundry", identifiers=[REAL], standing="trusted")
    for amount in ("1", "2"):
        paid(world, amount)

    with django_assert_num_queries(1):
        found = namesakes(world.organization_id, ["foundry"])
    assert len(found) == alike.MOST_NAMESAKES
    assert found[0].public_id == public(trusted)
    assert found[0].paid == (("USD", Decimal(3), 2),)
    monkeypatch.setattr(alike, "MOST_PAYMENTS", 1)
    (first, *_) = namesakes(world.organization_id, ["foundry"])
    assert (first.paid, first.is_paid_often) == ((), True)
