"""A payee that goes by the name of another is not shown like that one: the reviewer is told before any money moves."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from approvals.services.booking import Report
from approvals.services.record import record_spend
from core.db import rows
from core.ids import Prefix, new_id, to_public
from spend.looks import is_same_name
from spend.models import Counterparty
from spend.payee import PayeeClaim
from spend.selectors import alike
from spend.selectors.alike import Called, namesakes, namesakes_of_each
from spend.services.changes import change_counterparty
from tests.approvals.test_pages import page
from tests.approvals.world import World, ask, make_world
from tests.factories import NOW, actor_for
from tests.spend.samples import a_counterparty, public

pytestmark = pytest.mark.django_db

CAUTION = "Another counterparty has this name"
LOOKS_LIKE = "Another counterparty’s name looks like this one"
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


def test_capitals_are_the_same_name_where_they_look_like_other_letters_than_small_ones() -> None:
    world = make_world(RULE)
    small = "\N{CYRILLIC SMALL LETTER DE}\N{CYRILLIC SMALL LETTER EM}"
    capital = small.upper()
    real = a_counterparty(world.cast.olu, small, identifiers=[REAL], standing="trusted")

    told = seen(world, f"/approvals/{asked(world, capital, FORGED)}/").split(CAUTION)[1].split("</ul>")[0]
    assert told.count(f'href="/counterparties/{public(real)}/"') == 1


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

    with django_assert_num_queries(2):
        found = namesakes(world.organization_id, Called(["foundry"]))
    assert len(found) == alike.MOST_NAMESAKES
    assert found[0].public_id == public(trusted)
    assert found[0].paid == (("USD", Decimal(3), 2),)
    monkeypatch.setattr(alike, "MOST_PAYMENTS", 1)
    (first, *_) = namesakes(world.organization_id, Called(["foundry"]))
    assert (first.paid, first.is_paid_often) == ((), True)


@pytest.mark.parametrize(
    "name",
    [
        "F\N{CYRILLIC SMALL LETTER O}undry",
        "FOUNDRÝ",
        "F0undry",
        "\N{FULLWIDTH LATIN CAPITAL LETTER F}oundry!",
        "foundry",
    ],
)
def test_who_is_called_what_looks_like_another_is_shown_with_it(name: str) -> None:
    world = make_world(RULE)
    real = a_counterparty(world.cast.olu, "Foundry", identifiers=[REAL], standing="verified")
    forged = asked(world, name, FORGED)
    is_same = is_same_name(name, "Foundry")

    for path in (f"/approvals/{forged}/", f"/authorizations/{forged}/"):
        told = seen(world, path).split(CAUTION if is_same else LOOKS_LIKE)[1].split("</ul>")[0]
        assert f'href="/counterparties/{public(real)}/"' in told
        assert (f"looks like {name}," in told) is not is_same


def test_a_new_name_is_compared_and_the_old_one_no_more() -> None:
    world = make_world(RULE)
    a_counterparty(world.cast.olu, "Foundry", identifiers=[REAL])
    other = a_counterparty(world.cast.olu, "Bakery", identifiers=[FORGED])
    olu = world.cast.olu
    change_counterparty(
        organization_id=world.organization_id, counterparty_id=other, change={"name": "Fоundry"}, now=NOW,
        actor=actor_for(olu),
    )  # fmt: skip

    assert LOOKS_LIKE in seen(world, f"/counterparties/{public(other)}/")
    assert namesakes(world.organization_id, Called(["Bakery"])) == ()


def test_whoever_is_merged_into_another_is_no_namesake_of_it() -> None:
    world = make_world(RULE)
    kept = a_counterparty(world.cast.olu, "Foundry", identifiers=[REAL])
    gone = a_counterparty(world.cast.olu, "Foundry", identifiers=[FORGED])
    Counterparty.objects.filter(pk=gone).update(merged_into_id=kept, merged_at=NOW)

    assert namesakes(world.organization_id, Called(["Foundry"], kept)) == ()
    assert [one.id for one in namesakes(world.organization_id, Called(["Foundry"]))] == [kept]


def test_ever_so_many_of_one_name_are_not_read(django_assert_num_queries: Any) -> None:
    world = make_world(RULE)
    for standing in ("unknown", "trusted"):
        Counterparty.objects.bulk_create(
            Counterparty(
                id=new_id(NOW), organization=world.cast.organization, name="Foundry", first_seen_at=NOW,
                standing=standing,
            )
            for _ in range(500)
        )  # fmt: skip
    rows("analyze spend_counterparty", {})
    plans: list[Any] = []

    def explained(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.strip() == alike.NAMED.strip():
            with connection.cursor() as cursor:
                cursor.execute(f"explain (analyze, format json) {sql}", params)
                plans.append(cursor.fetchone()[0])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explained):
        found = namesakes_of_each(world.organization_id, [Called(["Foundry", "foundry ltd"])] * 5)

    assert [len(some) for some in found] == [alike.MOST_NAMESAKES] * 5
    assert 0 < read_of("spend_counterparty", plans) <= 5 * 2 * 4 * alike.MOST_NAMESAKES


def read_of(table: str, plan: Any) -> float:
    """How many rows of a table a plan read."""
    if isinstance(plan, list):
        return sum(read_of(table, one) for one in plan)
    own = 0.0
    if plan.get("Relation Name") == table:
        own = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return own + sum(read_of(table, plan[below]) for below in ("Plan", "Plans") if below in plan)
